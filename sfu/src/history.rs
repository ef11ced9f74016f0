//! Packets of a track's layer kept for retransmission, shared by all its viewers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::packet::{Generation, Packet};
use crate::spare::Spare;

/// Older packets are not asked for any more: twice the longest playout delay worth repairing.
const MAX_AGE: Duration = Duration::from_secs(2);
/// Bytes of a layer: 2 s at 8 Mbit/s.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The newest packets of a layer, by generation and sequence number.
#[derive(Debug, Default)]
pub(crate) struct History {
    packets: VecDeque<Arc<Packet>>,
    bytes: usize,
}

fn key(packet: &Packet) -> (Generation, u64) {
    (packet.generation, packet.index)
}

impl History {
    /// Keeps a packet; what is too old then goes to `spare`. Returns whether it is new.
    pub(crate) fn insert(&mut self, packet: Arc<Packet>, spare: &mut Spare) -> bool {
        let now = packet.arrival;
        let wanted = key(&packet);
        let at = match self.packets.back() {
            Some(last) if key(last) >= wanted => match self.find(wanted) {
                Ok(_) => return false,
                Err(at) => at,
            },
            _ => self.packets.len(),
        };
        self.bytes += packet.data.len();
        if at == self.packets.len() {
            self.packets.push_back(packet);
        } else {
            self.packets.insert(at, packet);
        }
        self.trim(now, spare);
        true
    }

    fn find(&self, wanted: (Generation, u64)) -> Result<usize, usize> {
        self.packets.binary_search_by_key(&wanted, |packet| key(packet))
    }

    /// The packet, if it is still there.
    pub(crate) fn get(&self, generation: Generation, index: u64) -> Option<&Arc<Packet>> {
        let at = self.find((generation, index)).ok()?;
        self.packets.get(at)
    }

    /// Bytes kept.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops what is too old.
    fn trim(&mut self, now: Instant, spare: &mut Spare) {
        while let Some(first) = self.packets.front() {
            if self.bytes <= MAX_BYTES && now.saturating_duration_since(first.arrival) <= MAX_AGE {
                break;
            }
            self.bytes -= first.data.len();
            if let Some(old) = self.packets.pop_front() {
                spare.give(old);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(index: u64, arrival: Instant, len: usize) -> Arc<Packet> {
        Arc::new(Packet {
            arrival,
            index,
            ..Packet::test(vec![0; len])
        })
    }

    #[test]
    fn finds_late_packets_and_refuses_doubles() {
        let now = Instant::now();
        let (mut history, mut spare) = (History::default(), Spare::default());
        for index in [1, 2, 5, 3, 4] {
            assert!(history.insert(packet(index, now, 10), &mut spare));
        }
        assert!(!history.insert(packet(3, now, 10), &mut spare));
        for index in 1..=5 {
            assert_eq!(history.get(Generation(1), index).unwrap().index, index);
        }
        assert!(history.get(Generation(2), 1).is_none());
    }

    #[test]
    fn is_bounded_in_time_and_bytes() {
        let start = Instant::now();
        let (mut history, mut spare) = (History::default(), Spare::default());
        for index in 0..10_000u64 {
            history.insert(
                packet(index, start + Duration::from_millis(index), 100),
                &mut spare,
            );
        }
        assert!(history.packets.len() <= 2_001);
        for index in 20_000..24_000u64 {
            history.insert(packet(index, start + Duration::from_secs(20), 1_000), &mut spare);
        }
        assert!(history.bytes() <= MAX_BYTES);
    }
}
