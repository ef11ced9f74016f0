//! The receiving end of a classroom: a chain of the `webrtc` crate's interceptors between SRTP and the application, which counts
//! what comes and keeps it from going further. Nothing is decoded, nothing is copied.
//!
//! Two interceptors of our own: [`Unwrap`] next to the wire turns retransmissions (RFC 4588) back into what they repeat, so that
//! the crate's receiver reports count them; [`Count`] at the far end measures, and asks for missing packets and keyframes. Between
//! them the crate's own make reports and transport-wide feedback.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rtc::interceptor::{
    Attribute, Packet, ReceiverReportBuilder, Registry, Slot, StreamInfo, TaggedPacket, TwccReceiverBuilder,
};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};

use crate::attend::meter::{Arrival, Meter};
use crate::media::h264;
use crate::peer::inspect::{self, Inspect, Inspector, Outbox};

/// Next to the wire.
const UNWRAP_SLOT: usize = 6_500;
/// SSRC of a receiver that sends nothing, as in Chromium.
pub(crate) const SENDER: u32 = 1;
/// Streams of one connection; what is beyond is not measured.
const STREAMS_MAX: usize = 64;

/// The meters of one classroom's connection, by SSRC.
#[derive(Clone, Debug, Default)]
pub struct Meters(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    meters: Mutex<HashMap<u32, Meter>>,
    /// Payloads are not looked at.
    sealed: bool,
    unopened: AtomicU64,
}

impl Meters {
    /// For packets that are not opened: what stands in their payloads is not known.
    #[must_use]
    pub fn sealed() -> Self {
        Self(Arc::new(Shared {
            sealed: true,
            ..Shared::default()
        }))
    }

    /// Whether every packet is to be opened.
    #[must_use]
    pub fn verify(&self) -> bool {
        !self.0.sealed
    }

    /// A packet could not be opened.
    pub fn unopened(&self) {
        self.0.unopened.fetch_add(1, Ordering::Relaxed);
    }

    /// How many could not.
    #[must_use]
    pub fn count_unopened(&self) -> u64 {
        self.0.unopened.load(Ordering::Relaxed)
    }

    /// Looks at the meters.
    pub fn lock(&self) -> MutexGuard<'_, HashMap<u32, Meter>> {
        // A meter that panicked has a bug of its own; the others still tell the truth.
        self.0.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the observation of all streams but `these`.
    pub fn keep(&self, these: &HashSet<u32>, now: Instant) {
        for (ssrc, meter) in self.lock().iter_mut() {
            if !these.contains(ssrc) {
                meter.end(now);
            }
        }
    }

    /// A packet came; what is to be asked for.
    pub fn arrive(&self, now: Instant, ssrc: u32, arrival: Arrival) -> Vec<Box<dyn rtc::rtcp::Packet>> {
        let mut asks: Vec<Box<dyn rtc::rtcp::Packet>> = Vec::new();
        let mut meters = self.lock();
        let Some(meter) = meters.get_mut(&ssrc) else {
            return asks;
        };
        meter.arrive(now, arrival);
        let missing = meter.missing(now);
        if !missing.is_empty() {
            asks.push(Box::new(TransportLayerNack {
                sender_ssrc: SENDER,
                media_ssrc: ssrc,
                nacks: nack_pairs_from_sequence_numbers(&missing),
            }));
        }
        if meter.wants_key(now) {
            asks.push(Box::new(PictureLossIndication {
                sender_ssrc: SENDER,
                media_ssrc: ssrc,
            }));
        }
        asks
    }

    /// A packet came that says this one again.
    pub fn said_again(&self, now: Instant, ssrc: u32, arrival: Arrival) {
        if let Some(meter) = self.lock().get_mut(&ssrc) {
            meter.said_again(now, arrival);
        }
    }

    /// A chain that measures into these meters; for packets that are opened it makes reports too.
    #[must_use]
    pub fn chain(&self) -> Registry {
        let registry = if self.verify() {
            Registry::new()
                .with(Slot::TwccReceiver, TwccReceiverBuilder::new().build())
                .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        } else {
            Registry::new()
        };
        registry
            .with(Slot::from(UNWRAP_SLOT), Inspector::new(Unwrap::default()))
            .with(
                Slot::from(inspect::LAST),
                Inspector::new(Count {
                    meters: self.clone(),
                    repeats: HashSet::new(),
                }),
            )
    }
}

/// What a stream's retransmissions look like.
#[derive(Clone, Copy, Debug)]
struct Repeats {
    ssrc: u32,
    payload_type: u8,
}

/// Turns retransmissions back into the packets they repeat.
#[derive(Default)]
struct Unwrap {
    /// By SSRC of the retransmissions.
    repeats: HashMap<u32, Repeats>,
}

impl Inspect for Unwrap {
    /// Padding that probes the line repeats nothing; it goes on as it is, because feedback has to tell of it.
    fn came(&mut self, mut message: TaggedPacket, _: &mut Outbox) -> Option<TaggedPacket> {
        if let Packet::Rtp(packet) = &mut message.message.packet
            && let Some(original) = self.repeats.get(&packet.header.ssrc)
            && let Some((number, _)) = packet.payload.split_first_chunk::<2>()
        {
            packet.header.sequence_number = u16::from_be_bytes(*number);
            packet.header.ssrc = original.ssrc;
            packet.header.payload_type = original.payload_type;
            packet.payload = packet.payload.slice(2..);
            message.message.add(Attribute::Retransmission);
        }
        Some(message)
    }

    fn begins(&mut self, info: &StreamInfo) {
        if let Some(repeat) = info.ssrc_rtx
            && self.repeats.len() < STREAMS_MAX
        {
            let original = Repeats {
                ssrc: info.ssrc,
                payload_type: info.payload_type,
            };
            self.repeats.insert(repeat, original);
        }
    }

    fn ends(&mut self, info: &StreamInfo) {
        if let Some(repeat) = info.ssrc_rtx {
            self.repeats.remove(&repeat);
        }
    }
}

/// Measures packets and swallows them; asks for what is missing.
struct Count {
    meters: Meters,
    /// SSRCs of retransmissions: the crate tells of them as of streams.
    repeats: HashSet<u32>,
}

impl Count {
    fn count(&mut self, now: Instant, packet: &rtc::rtp::Packet, repair: bool, out: &mut Outbox) {
        let header = &packet.header;
        let arrival = Arrival {
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            marker: header.marker,
            key: h264::look(&packet.payload).key,
            bytes: packet.payload.len(),
            repair,
        };
        for ask in self.meters.arrive(now, header.ssrc, arrival) {
            out.rtcp(now, ask);
        }
    }
}

impl Inspect for Count {
    fn came(&mut self, message: TaggedPacket, out: &mut Outbox) -> Option<TaggedPacket> {
        let Packet::Rtp(packet) = &message.message.packet else {
            return Some(message);
        };
        let repair = message.message.has(&Attribute::Retransmission);
        self.count(message.now, packet, repair, out);
        None
    }

    fn begins(&mut self, info: &StreamInfo) {
        let kind = info.mime_type.to_ascii_lowercase();
        let video = kind.starts_with("video/");
        let mut meters = self.meters.lock();
        if let Some(repeat) = info.ssrc_rtx
            && self.repeats.len() < STREAMS_MAX
        {
            self.repeats.insert(repeat);
            meters.remove(&repeat);
        }
        let media = !kind.ends_with("/rtx") && !self.repeats.contains(&info.ssrc);
        if media && meters.len() < STREAMS_MAX {
            let meter = || match self.meters.verify() {
                true => Meter::new(video),
                false => Meter::sealed(video),
            };
            meters.entry(info.ssrc).or_insert_with(meter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use rtc::interceptor::{AttributedPacket, Interceptor as _};
    use rtc::rtp::{self, Packet as RtpPacket};
    use rtc::sansio::Protocol as _;
    use rtc::shared::TransportContext;

    fn info() -> StreamInfo {
        StreamInfo {
            ssrc: 1,
            ssrc_rtx: Some(2),
            payload_type: 102,
            payload_type_rtx: Some(103),
            mime_type: "video/H264".to_owned(),
            clock_rate: 90_000,
            ..Default::default()
        }
    }

    fn packet(ssrc: u32, sequence: u16, payload: &'static [u8]) -> TaggedPacket {
        TaggedPacket {
            now: Instant::now(),
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtp(RtpPacket {
                header: rtp::Header {
                    version: 2,
                    ssrc,
                    sequence_number: sequence,
                    marker: true,
                    ..Default::default()
                },
                payload: Bytes::from_static(payload),
            })),
        }
    }

    fn read(unwrap: &mut Unwrap, message: TaggedPacket) -> Option<(u32, u16, Bytes, bool)> {
        let message = unwrap.came(message, &mut Outbox::default())?;
        let repair = message.message.has(&Attribute::Retransmission);
        let Packet::Rtp(packet) = message.message.packet else {
            return None;
        };
        Some((
            packet.header.ssrc,
            packet.header.sequence_number,
            packet.payload,
            repair,
        ))
    }

    #[test]
    fn a_retransmission_becomes_what_it_repeats() {
        let mut unwrap = Unwrap::default();
        unwrap.begins(&info());
        let repeated = read(&mut unwrap, packet(2, 900, &[0x01, 0x02, 0x65, 7]));
        assert_eq!(repeated, Some((1, 0x0102, Bytes::from_static(&[0x65, 7]), true)));
        let plain = read(&mut unwrap, packet(1, 5, &[0x65]));
        assert_eq!(plain, Some((1, 5, Bytes::from_static(&[0x65]), false)));
        let probe = read(&mut unwrap, packet(2, 901, &[]));
        assert_eq!(probe, Some((2, 901, Bytes::new(), false)));
    }

    #[test]
    fn packets_are_counted_and_go_no_further() {
        let meters = Meters::default();
        let mut chain = meters.chain().build();
        chain.bind_remote_stream(&info());
        for sequence in [1, 2, 4] {
            chain
                .handle_read(packet(1, sequence, &[0x65, 1, 2]))
                .expect("never fails");
        }
        chain
            .handle_read(packet(2, 50, &[0, 3, 0x65, 1, 2]))
            .expect("never fails");
        assert!(chain.poll_read().is_none());
        let meters = meters.lock();
        let counts = &meters[&1].counts;
        assert_eq!((counts.packets, counts.repaired, counts.lost), (3, 1, 0));
    }
}
