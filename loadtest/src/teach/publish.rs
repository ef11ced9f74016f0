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

use crate::media::h264;
use crate::media::rtp_clock::{RtpClock, ntp};
use crate::peer::codecs;
use crate::teach::schedule::{Due, Schedule, Track};

/// Payload of a packet; with SRTP, UDP and IP it stays under 1,280 bytes.
const PAYLOAD_MAX: usize = 1_150;
/// How often a sender report goes out.
const REPORT_EVERY: Duration = Duration::from_secs(1);

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
    track: Arc<TrackLocalStaticRTP>,
    clock: RtpClock,
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    packets: u32,
    octets: u32,
    video: bool,
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
        let streams = schedule
            .tracks()
            .iter()
            .zip(1..)
            .map(|(track, number)| Stream::new(matches!(track, Track::Video(_)), number))
            .collect();
        let cname = format!("{:016x}", rand::random::<u64>());
        Self {
            schedule,
            streams,
            cname: cname.into(),
            sent,
        }
    }

    /// The tracks to add to the connection, in order.
    pub fn tracks(&self) -> impl Iterator<Item = Arc<dyn TrackLocal>> {
        self.streams
            .iter()
            .map(|stream| Arc::clone(&stream.track) as Arc<dyn TrackLocal>)
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
    fn new(video: bool, number: u32) -> Self {
        let kind = if video {
            RtpCodecKind::Video
        } else {
            RtpCodecKind::Audio
        };
        // Distinct by construction: the two lowest bits tell stream from retransmission.
        let ssrc = rand::random::<u32>() & !0xff | number << 1;
        let label = if video { "video" } else { "audio" };
        let track = TrackLocalStaticRTP::new(MediaStreamTrack::new(
            "tongke-loadtest".to_owned(),
            format!("{label}-{number}"),
            label.to_owned(),
            kind,
            vec![codecs::encoding(kind, ssrc, ssrc | 1)],
        ));
        Self {
            track: Arc::new(track),
            clock: RtpClock::new(if video { 90_000 } else { 48_000 }, rand::random()),
            ssrc,
            payload_type: if video { codecs::H264 } else { codecs::OPUS },
            sequence: rand::random(),
            packets: 0,
            octets: 0,
            video,
        }
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
