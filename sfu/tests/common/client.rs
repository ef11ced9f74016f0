//! A client made of str0m, and the line it has.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::id::{PeerId, TrackId};
use str0m::bwe::{Bitrate, BweKind};
use str0m::media::{MediaData, MediaTime, Mid};
use str0m::rtp::RawPacket;
use str0m::rtp::rtcp::Rtcp;
use str0m::{Candidate, Event as ClientEvent, Rtc};

use super::FRAME;

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
}

impl Default for Line {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(20),
            loss_up: 0,
            loss_down: 0,
            cut: false,
        }
    }
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
    pub(super) wants_keyframe: bool,
    pub(super) due: Instant,
}

impl Client {
    /// One without connection.
    pub(super) fn new(now: Instant, address: SocketAddr) -> Self {
        Self {
            rtc: rtc(now, address, None),
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
            wants_keyframe: true,
            due: now,
        }
    }

    pub(super) fn outside(&self) -> SocketAddr {
        self.nat.unwrap_or(self.address)
    }

    pub(super) fn take(&mut self, now: Instant, event: ClientEvent) {
        match event {
            ClientEvent::Connected => {
                self.connected = true;
                self.wants_keyframe = true;
            }
            ClientEvent::KeyframeRequest(_) => {
                self.keyframe_requests += 1;
                self.wants_keyframe = true;
            }
            ClientEvent::MediaData(data) => self.frames.push(frame(now, &data)),
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
        whole: !video || data.data.len() == FRAME && data.data[18..].iter().all(|byte| *byte == number as u8),
    }
}

/// SSRCs that an offer says sound will come by.
pub(super) fn sound_ssrcs(sdp: &str) -> Vec<u32> {
    sdp.split("m=")
        .filter(|section| section.starts_with("audio"))
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok())
        .collect()
}

pub(super) fn rtc(now: Instant, address: SocketAddr, begins_at: Option<Bitrate>) -> Rtc {
    let builder = Rtc::builder().enable_raw_packets(true).enable_bwe(begins_at);
    let mut rtc = builder.build(now);
    if begins_at.is_some() {
        rtc.bwe().set_bitrate(Bitrate::kbps(100), Bitrate::mbps(3));
    }
    rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
    rtc
}
