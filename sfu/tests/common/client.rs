//! A client made of str0m, and the line it has.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::id::{PeerId, TrackId};
use str0m::bwe::{Bitrate, BweKind};
use str0m::media::{KeyframeRequestKind, MediaData, MediaTime, Mid, Rid};
use str0m::rtp::rtcp::Rtcp;
use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues, RawPacket};
use str0m::{Candidate, Event as ClientEvent, Rtc};

use super::LAYERS;
use super::screen::Screen;

/// Bytes of the smallest frame.
const LEAST: usize = LAYERS[2].1;

/// The line between a client and the engine.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// One way.
    pub delay: Duration,
    /// Of packets to the engine, and from it, in 1/1000.
    pub loss_up: u32,
    pub loss_down: u32,
    /// Nothing passes.
    pub cut: bool,
    /// Bits per second from the engine; what does not fit into its queue is lost.
    pub rate_down: Option<u64>,
}

/// What a line's queue holds.
const QUEUE: Duration = Duration::from_millis(300);

impl Default for Line {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(20),
            loss_up: 0,
            loss_down: 0,
            cut: false,
            rate_down: None,
        }
    }
}

/// The dependency descriptor's name.
const DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// A dependency descriptor as it is in a packet.
#[derive(Clone, Debug)]
pub struct Descriptor(pub Vec<u8>);

/// Hands dependency descriptors in and out.
#[derive(Debug)]
struct DescriptorExtension;

impl ExtensionSerializer for DescriptorExtension {
    fn write_to(&self, buffer: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(Descriptor(bytes)) = values.user_values.get() else {
            return 0;
        };
        buffer[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }

    fn parse_value(&self, bytes: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(Descriptor(bytes.to_vec()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        values
            .user_values
            .get::<Descriptor>()
            .is_none_or(|Descriptor(bytes)| bytes.len() > 16)
    }
}

/// A packet of video a client got.
#[derive(Clone, Debug)]
pub struct Got {
    pub number: u64,
    pub time: u64,
    pub marker: bool,
    pub descriptor: Vec<u8>,
    pub payload: Vec<u8>,
}

/// A frame a client got.
#[derive(Clone, Debug)]
pub struct Frame {
    pub at: Instant,
    pub mid: String,
    pub number: u64,
    pub keyframe: bool,
    pub contiguous: bool,
    pub time: MediaTime,
    pub whole: bool,
    pub bytes: usize,
}

/// A client.
pub struct Client {
    pub rtc: Rtc,
    pub peer: PeerId,
    pub address: SocketAddr,
    pub line: Line,
    /// Where its packets seem to come from, and where it is reached, instead of its address.
    pub nat: Option<SocketAddr>,
    /// Sections it sends, by track.
    pub sends: HashMap<TrackId, Mid>,
    pub frames: Vec<Frame>,
    /// SSRC and number of each packet of sound that came, decrypted.
    pub heard: Vec<(u32, u64)>,
    /// SSRCs it was told it will get sound by.
    pub announced: Vec<u32>,
    pub keyframe_requests: usize,
    /// It estimates its bandwidth, beginning with this.
    pub begins_at: Option<Bitrate>,
    pub estimate: Bitrate,
    /// Transport-wide feedback that came.
    pub feedback: usize,
    pub connected: bool,
    /// It sends and gets packets, not frames, from its next connection on.
    pub packets: bool,
    /// Packets of video it got, where they have descriptors; and what of those that have none is shown.
    pub got: Vec<Got>,
    pub screen: Screen,
    /// The layers it sends of its camera; none without simulcast.
    pub layers: Vec<Rid>,
    /// Layers of them it leaves out, as a browser does whose own line is weak.
    pub left_out: Vec<Rid>,
    /// It leaves out what nobody takes, when the engine says so.
    pub pauses: bool,
    pub wants_keyframe: bool,
    pub(super) wanted_of: Vec<Rid>,
    /// Until then its line is busy.
    busy: Instant,
    pub(super) due: Instant,
}

impl Client {
    /// One without connection.
    pub(super) fn new(now: Instant, address: SocketAddr) -> Self {
        Self {
            rtc: rtc(now, address, None, false),
            peer: PeerId::new(),
            address,
            line: Line::default(),
            nat: None,
            sends: HashMap::new(),
            frames: Vec::new(),
            heard: Vec::new(),
            announced: Vec::new(),
            keyframe_requests: 0,
            begins_at: None,
            estimate: Bitrate::ZERO,
            feedback: 0,
            connected: false,
            packets: false,
            got: Vec::new(),
            screen: Screen::default(),
            layers: Vec::new(),
            left_out: Vec::new(),
            pauses: false,
            wants_keyframe: true,
            wanted_of: Vec::new(),
            busy: now,
            due: now,
        }
    }

    pub fn outside(&self) -> SocketAddr {
        self.nat.unwrap_or(self.address)
    }

    /// How long a datagram waits in the queue of its line; `None` when there is no room.
    pub(super) fn queue(&mut self, now: Instant, bytes: usize) -> Option<Duration> {
        let Some(rate) = self.line.rate_down else {
            return Some(Duration::ZERO);
        };
        let begin = self.busy.max(now);
        if begin - now > QUEUE {
            return None;
        }
        // IP and UDP take 28 bytes.
        self.busy = begin + Duration::from_micros((bytes as u64 + 28) * 8_000_000 / rate);
        Some(self.busy - now)
    }

    /// It is told which layers to leave out. A browser that begins to send one again sends a keyframe of all.
    pub(super) fn pause(&mut self, names: &[String]) {
        let before = std::mem::replace(
            &mut self.left_out,
            names.iter().map(|name| Rid::from(name.as_str())).collect(),
        );
        if before.iter().any(|layer| !self.left_out.contains(layer)) {
            self.wanted_of.clone_from(&self.layers);
        }
    }

    pub(super) fn take(&mut self, now: Instant, event: ClientEvent) {
        match event {
            ClientEvent::Connected => {
                self.connected = true;
                self.wants_keyframe = true;
                self.wanted_of.clone_from(&self.layers);
            }
            ClientEvent::KeyframeRequest(request) => {
                self.keyframe_requests += 1;
                self.wants_keyframe = true;
                self.wanted_of.extend(request.rid);
            }
            ClientEvent::MediaData(data) => self.frames.push(frame(now, &data)),
            ClientEvent::RtpPacket(packet) => {
                if let Some(Descriptor(descriptor)) = packet.header.ext_vals.user_values.get() {
                    self.got.push(Got {
                        number: *packet.seq_no,
                        time: packet.time.numer(),
                        marker: packet.header.marker,
                        descriptor: descriptor.clone(),
                        payload: packet.payload.to_vec(),
                    });
                } else if packet.time.denom() == 90_000 {
                    let number = *packet.seq_no;
                    self.screen
                        .take(now, number, packet.header.marker, &packet.payload);
                    let mut api = self.rtc.direct_api();
                    if self.screen.asks(now)
                        && let Some(stream) = api.stream_rx(&packet.header.ssrc)
                    {
                        stream.request_keyframe(KeyframeRequestKind::Pli);
                    }
                }
            }
            ClientEvent::RawPacket(packet) => match *packet {
                RawPacket::RtpRx(header, data) => {
                    if let Ok(number) = data.try_into() {
                        self.heard.push((*header.ssrc, u64::from_be_bytes(number)));
                    }
                }
                RawPacket::RtcpRx(Rtcp::Twcc(_)) => self.feedback += 1,
                _ => {}
            },
            ClientEvent::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => self.estimate = estimate,
            _ => {}
        }
    }
}

fn frame(at: Instant, data: &MediaData) -> Frame {
    let video = data.time.denom() == 90_000;
    let number = if video {
        data.data.get(10..18)
    } else {
        data.data.get(..8)
    };
    let number = number.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
    Frame {
        at,
        mid: data.mid.to_string(),
        number,
        keyframe: data.is_keyframe(),
        contiguous: data.contiguous,
        time: data.time,
        whole: !video || data.data.len() >= LEAST && data.data[18..].iter().all(|byte| *byte == number as u8),
        bytes: data.data.len(),
    }
}

/// A frame of VP8 with its number in it, and the same byte to its end.
pub(super) fn picture(number: u64, keyframe: bool, bytes: usize, height: u16) -> Vec<u8> {
    let mut data = vec![number as u8; bytes];
    data[..10].fill(0);
    // The first bit of a VP8 frame says that it needs others.
    data[0] = u8::from(!keyframe);
    if keyframe {
        data[3..6].copy_from_slice(&[0x9d, 0x01, 0x2a]);
        data[8..10].copy_from_slice(&height.to_le_bytes());
    }
    data[10..18].copy_from_slice(&number.to_be_bytes());
    data
}

/// SSRCs that an offer says sound will come by.
pub(super) fn sound_ssrcs(sdp: &str) -> Vec<u32> {
    sdp.split("m=")
        .filter(|section| section.starts_with("audio"))
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok())
        .collect()
}

pub(super) fn rtc(now: Instant, address: SocketAddr, begins_at: Option<Bitrate>, packets: bool) -> Rtc {
    let mut builder = Rtc::builder().enable_raw_packets(true).enable_bwe(begins_at);
    if packets {
        let extension = Extension::with_serializer(DESCRIPTOR, DescriptorExtension);
        builder = builder.set_rtp_mode(true).set_extension(8, extension);
    }
    let mut rtc = builder.build(now);
    if begins_at.is_some() {
        rtc.bwe().set_bitrate(Bitrate::kbps(100), Bitrate::mbps(3));
    }
    rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
    rtc
}
