//! Hears what receivers say about what is sent: requests for keyframes, missing packets, loss.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtc::interceptor::{NackResponderBuilder, Packet, Registry, Slot, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use tokio::sync::mpsc;

use crate::peer::inspect::{self, Inspect, Inspector, Outbox};

/// Requests that wait to be looked at; more say nothing new.
const REQUESTS_MAX: usize = 64;
/// Packets kept to be sent again: about 4 s of 1.5 Mbit/s. A power of two.
const HISTORY: u16 = 1_024;

/// Counters of what was heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// Requests for a keyframe.
    pub keyframes: AtomicU64,
    /// Packets asked for again.
    pub nacks: AtomicU64,
    /// Loss of the last report, in 1/256.
    pub loss: AtomicU64,
}

/// A chain that answers missing packets and passes requests for keyframes on, as the SSRC they are about.
#[must_use]
pub fn chain(heard: Arc<Heard>) -> (Registry, mpsc::Receiver<u32>) {
    beside(Registry::new(), heard)
}

/// The same in a chain that does other things too.
#[must_use]
pub fn beside(others: Registry, heard: Arc<Heard>) -> (Registry, mpsc::Receiver<u32>) {
    let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
    let registry = others
        .with(
            Slot::NackResponder,
            NackResponderBuilder::new().with_size(HISTORY).build(),
        )
        .with(
            Slot::from(inspect::LAST + 1),
            Inspector::new(Listen { heard, requests }),
        );
    (registry, receiver)
}

struct Listen {
    heard: Arc<Heard>,
    requests: mpsc::Sender<u32>,
}

impl Listen {
    fn hear(&self, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
            self.request(pli.media_ssrc);
        } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
            for entry in &fir.fir {
                self.request(entry.ssrc);
            }
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            let missing: u32 = nack
                .nacks
                .iter()
                .map(|pair| 1 + pair.lost_packets.count_ones())
                .sum();
            self.heard.nacks.fetch_add(u64::from(missing), Ordering::Relaxed);
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            let worst = report.reports.iter().map(|block| block.fraction_lost).max();
            self.heard
                .loss
                .store(u64::from(worst.unwrap_or(0)), Ordering::Relaxed);
        }
    }

    fn request(&self, ssrc: u32) {
        self.heard.keyframes.fetch_add(1, Ordering::Relaxed);
        // Full means that as many wait already.
        let _ = self.requests.try_send(ssrc);
    }
}

impl Inspect for Listen {
    fn came(&mut self, message: TaggedPacket, _: &mut Outbox) -> Option<TaggedPacket> {
        if let Packet::Rtcp(packets) = &message.message.packet {
            packets.iter().for_each(|packet| self.hear(packet.as_ref()));
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::interceptor::AttributedPacket;
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::NackPair;
    use rtc::sansio::Protocol as _;
    use rtc::shared::TransportContext;
    use std::time::Instant;

    #[test]
    fn requests_are_passed_on_and_counted() {
        let heard = Arc::new(Heard::default());
        let (registry, mut requests) = chain(Arc::clone(&heard));
        let mut chain = registry.build();
        let packets: Vec<Box<dyn rtc::rtcp::Packet>> = vec![
            Box::new(PictureLossIndication {
                sender_ssrc: 0,
                media_ssrc: 5,
            }),
            Box::new(TransportLayerNack {
                sender_ssrc: 0,
                media_ssrc: 5,
                nacks: vec![NackPair {
                    packet_id: 1,
                    lost_packets: 0b101,
                }],
            }),
        ];
        chain
            .handle_read(TaggedPacket {
                now: Instant::now(),
                transport: TransportContext::default(),
                message: AttributedPacket::new(Packet::Rtcp(packets)),
            })
            .expect("never fails");
        assert_eq!(requests.try_recv(), Ok(5));
        assert_eq!(heard.keyframes.load(Ordering::Relaxed), 1);
        assert_eq!(heard.nacks.load(Ordering::Relaxed), 3);
    }
}
