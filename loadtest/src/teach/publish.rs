//! One connection of the robot teacher: sends what the schedule says until the connection or the footage ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use crate::footage::layers::RIDS;
use crate::media::h264;
use crate::media::rtp_clock::{RtpClock, ntp};
use crate::peer::codecs;
use crate::teach::names::Layer;
use crate::teach::schedule::{Due, Schedule, Track};

/// Payload of a packet; with SRTP, UDP and IP it stays under 1,280 bytes.
const PAYLOAD_MAX: usize = 1_150;
/// How often a sender report goes out.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Distinct by construction: what is below the random part tells section, layer and retransmission apart.
fn fresh_ssrc(section: usize, layer: u32) -> u32 {
    let section = u32::try_from(section).unwrap_or(u32::MAX) & 0x1f;
    rand::random::<u32>() & !0xff | section << 3 | layer << 1
}

/// Counters over all connections.
#[derive(Debug, Default)]
pub struct Sent {
    /// Packets.
    pub packets: AtomicU64,
    /// Bytes of payload.
    pub bytes: AtomicU64,
}

/// One stream that is sent.
struct Stream {
    /// What its section sends: itself, or it and the other layers.
    track: Arc<TrackLocalStaticRTP>,
    section: usize,
    /// Its name, where there are layers.
    rid: Option<&'static str>,
    /// The other end does not want it.
    unwanted: bool,
    clock: RtpClock,
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    packets: u32,
    octets: u32,
    video: bool,
}

/// What a stream is sent again by.
fn repeats(ssrc: u32) -> u32 {
    ssrc | 1
}

/// A publication: the streams of a schedule, on one connection.
pub struct Publication {
    schedule: Schedule,
    streams: Vec<Stream>,
    cname: Bytes,
    sent: Arc<Sent>,
}

impl Publication {
    /// Makes a stream for each track of the schedule, with fresh SSRCs.
    #[must_use]
    pub fn new(schedule: Schedule, sent: Arc<Sent>) -> Self {
        let mut streams = Vec::new();
        for (section, tracks) in schedule.sections().iter().enumerate() {
            let is_video = |track: &Track| matches!(track, Track::Video(_));
            let video = schedule.tracks()[tracks.clone()].iter().any(is_video);
            let numbers = tracks.clone().zip(1..).map(|(_, number)| number);
            let ssrcs: Vec<u32> = numbers.map(|layer| fresh_ssrc(section, layer)).collect();
            streams.extend(Stream::of_section(section, video, &ssrcs));
        }
        let cname = format!("{:016x}", rand::random::<u64>());
        Self {
            schedule,
            streams,
            cname: cname.into(),
            sent,
        }
    }

    /// The tracks to add to the connection: one for each media section, in order.
    pub fn tracks(&self) -> impl Iterator<Item = Arc<dyn TrackLocal>> {
        let first = |stream: &&Stream| stream.rid.is_none_or(|rid| rid == RIDS[0]);
        self.streams
            .iter()
            .filter(first)
            .map(|stream| Arc::clone(&stream.track) as Arc<dyn TrackLocal>)
    }

    /// The layers of what is sent in several. Sections are called by their numbers.
    #[must_use]
    pub fn layers(&self) -> Vec<Layer> {
        let layer = |stream: &Stream| {
            Some(Layer {
                ssrc: stream.ssrc,
                ssrc_rtx: repeats(stream.ssrc),
                mid: stream.section.to_string(),
                rid: stream.rid?,
            })
        };
        self.streams.iter().filter_map(layer).collect()
    }

    /// Only these layers are wanted of what is sent in several; of none of them the first is sent all the same (RFC 8853 §5.3.2).
    pub fn want(&mut self, wanted: impl Fn(&str) -> bool) {
        let any = RIDS.into_iter().any(&wanted);
        for stream in &mut self.streams {
            let sent = |rid| if any { wanted(rid) } else { rid == RIDS[0] };
            stream.unwanted = stream.rid.is_some_and(|rid| !sent(rid));
        }
    }

    /// Sends until the footage ends, beginning now. `requests` are SSRCs a keyframe is wanted of.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub async fn play(&mut self, requests: &mut mpsc::Receiver<u32>) -> webrtc::error::Result<()> {
        let (start, wall) = (Instant::now(), SystemTime::now());
        let mut report_at = Duration::ZERO;
        while let Some(next) = self.schedule.next_due() {
            let wake = start + next.min(report_at.max(start.elapsed()));
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                Some(ssrc) = requests.recv() => {
                    if let Some(track) = self.streams.iter().position(|stream| stream.ssrc == ssrc) {
                        self.schedule.keyframe_wanted(track, start.elapsed());
                    }
                }
            }
            while let Some(due) = self.schedule.take(start.elapsed()) {
                self.send(due).await?;
            }
            let now = start.elapsed();
            if now >= report_at {
                report_at = now + REPORT_EVERY;
                self.report(now, wall + now).await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, due: Due) -> webrtc::error::Result<()> {
        let stream = &mut self.streams[due.track];
        if stream.unwanted {
            return Ok(());
        }
        let payloads = if stream.video {
            h264::packetize(&due.parts, PAYLOAD_MAX)
        } else {
            due.parts
        };
        let (count, timestamp) = (payloads.len(), stream.clock.at(due.at));
        for (index, payload) in payloads.into_iter().enumerate() {
            let last = index + 1 == count;
            let bytes = payload.len();
            let packet = stream.packet(timestamp, stream.video && last, payload);
            stream.track.write_rtp(packet).await?;
            self.sent.packets.fetch_add(1, Ordering::Relaxed);
            self.sent
                .bytes
                .fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Sends a report of each stream. They are exact: every stream's clock began at the same moment, so receivers can play
    /// sound and picture in step whatever the scheduling of this process was like.
    async fn report(&mut self, now: Duration, wall: SystemTime) -> webrtc::error::Result<()> {
        for stream in self.streams.iter().filter(|stream| stream.packets > 0) {
            let report = SenderReport {
                ssrc: stream.ssrc,
                ntp_time: ntp(wall),
                rtp_time: stream.clock.at(now),
                packet_count: stream.packets,
                octet_count: stream.octets,
                ..Default::default()
            };
            let names = SourceDescription {
                chunks: vec![SourceDescriptionChunk {
                    source: stream.ssrc,
                    items: vec![SourceDescriptionItem {
                        sdes_type: SdesType::SdesCname,
                        text: self.cname.clone(),
                    }],
                }],
            };
            stream
                .track
                .write_rtcp(vec![Box::new(report), Box::new(names)])
                .await?;
        }
        Ok(())
    }
}

impl Stream {
    /// The streams of a section: one, or its layers.
    fn of_section(section: usize, video: bool, ssrcs: &[u32]) -> Vec<Self> {
        let kind = if video {
            RtpCodecKind::Video
        } else {
            RtpCodecKind::Audio
        };
        let label = if video { "video" } else { "audio" };
        let rid = |layer: usize| RIDS.get(layer).copied().filter(|_| ssrcs.len() > 1);
        let layers = ssrcs.iter().enumerate();
        let encodings = layers.map(|(layer, ssrc)| codecs::encoding(kind, *ssrc, repeats(*ssrc), rid(layer)));
        let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
            "tongke-loadtest".to_owned(),
            format!("{label}-{section}"),
            label.to_owned(),
            kind,
            encodings.collect(),
        )));
        let stream = |(layer, ssrc): (usize, &u32)| Self {
            track: Arc::clone(&track),
            section,
            rid: rid(layer),
            unwanted: false,
            clock: RtpClock::new(if video { 90_000 } else { 48_000 }, rand::random()),
            ssrc: *ssrc,
            payload_type: if video { codecs::H264 } else { codecs::OPUS },
            sequence: rand::random(),
            packets: 0,
            octets: 0,
            video,
        };
        ssrcs.iter().enumerate().map(stream).collect()
    }

    fn packet(&mut self, timestamp: u32, marker: bool, payload: Bytes) -> rtp::Packet {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self
            .octets
            .wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
        self.sequence = self.sequence.wrapping_add(1);
        rtp::Packet {
            header: rtp::Header {
                version: 2,
                marker,
                payload_type: self.payload_type,
                sequence_number: self.sequence,
                timestamp,
                ssrc: self.ssrc,
                ..Default::default()
            },
            payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::clip::{Clip, Frame, Video};

    fn publication() -> Publication {
        let frame = Frame {
            at: Duration::ZERO,
            key: true,
            nals: vec![Bytes::from_static(&[0x65])],
        };
        let video = Video {
            frames: vec![frame],
            profile_level_id: [66, 192, 31],
            width: 1_280,
            height: 720,
            end: Duration::from_millis(40),
        };
        let layered = Clip {
            video: Some(video.clone()),
            smaller: vec![video.clone(), video.clone()],
            audio: None,
        };
        let plain = Clip {
            video: Some(video),
            ..Clip::default()
        };
        let schedule = Schedule::new(&[layered, plain], true, Duration::ZERO);
        Publication::new(schedule, Arc::default())
    }

    fn sent(publication: &Publication) -> Vec<Option<&str>> {
        let wanted = publication.streams.iter().filter(|stream| !stream.unwanted);
        wanted.map(|stream| stream.rid).collect()
    }

    #[test]
    fn a_section_has_a_track_and_its_layers_have_names() {
        let publication = publication();
        assert_eq!(publication.tracks().count(), 2);
        let names: Vec<_> = publication
            .layers()
            .into_iter()
            .map(|layer| (layer.mid, layer.rid))
            .collect();
        assert_eq!(names, RIDS.map(|rid| ("0".to_owned(), rid)));
        let mut ssrcs: Vec<u32> = publication.streams.iter().map(|stream| stream.ssrc).collect();
        ssrcs.extend(ssrcs.clone().into_iter().map(repeats));
        ssrcs.sort_unstable();
        ssrcs.dedup();
        assert_eq!(ssrcs.len(), 8);
    }

    #[test]
    fn layers_that_are_not_wanted_are_not_sent() {
        let mut publication = publication();
        assert_eq!(sent(&publication), [Some("f"), Some("h"), Some("q"), None]);
        publication.want(|rid| rid != "h");
        assert_eq!(sent(&publication), [Some("f"), Some("q"), None]);
        publication.want(|_| false);
        assert_eq!(sent(&publication), [Some("f"), None]);
    }
}
