//! Sequence numbers and timestamps of a stream to one viewer, continuous over changes of what is behind it.

use std::time::{Duration, Instant};

use crate::packet::{Generation, Packet};

/// A video stream whose keyframes are not recognised (or that has none, as with intra refresh) begins after so long.
const KEYFRAME_PATIENCE: Duration = Duration::from_secs(3);

/// Where a packet goes in the viewer's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Extended sequence number.
    pub(crate) index: u64,
    /// Timestamp.
    pub(crate) timestamp: u32,
}

/// How the numbers of one incarnation become the viewer's.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    generation: Generation,
    /// Packets before this one are not sent.
    first: u64,
    /// What `first` became.
    first_out: u64,
    timestamp_offset: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Rewriter {
    mapping: Option<Mapping>,
    /// Wants a new mapping even if the generation is the same.
    waiting_since: Option<Instant>,
    next: u64,
    last_timestamp: u32,
    last_sent: Option<Instant>,
}

impl Rewriter {
    /// Begins with these numbers.
    pub(crate) fn new(start: u64, timestamp: u32) -> Self {
        Self {
            mapping: None,
            waiting_since: None,
            next: start,
            last_timestamp: timestamp,
            last_sent: None,
        }
    }

    /// Forgets what is behind the stream; the next packet begins anew where the last ended.
    pub(crate) fn detach(&mut self) {
        self.mapping = None;
        self.waiting_since = None;
    }

    /// The next number; all below may have been used.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Where the packet goes; `None` when this viewer does not get it.
    pub(crate) fn place(&mut self, packet: &Packet, video: bool, now: Instant) -> Option<Place> {
        let generation = packet.generation;
        let current = self.mapping.filter(|mapping| mapping.generation >= generation);
        let mapping = match current {
            Some(mapping) if mapping.generation > generation => return None,
            Some(mapping) => mapping,
            None => {
                let since = *self.waiting_since.get_or_insert(now);
                let patient = now.saturating_duration_since(since) < KEYFRAME_PATIENCE;
                if video && !packet.keyframe && patient {
                    // A new incarnation waits for its keyframe too: nothing older comes any more.
                    self.mapping = None;
                    return None;
                }
                self.begin(packet, now)
            }
        };
        let ahead = packet.index.checked_sub(mapping.first)?;
        let place = Place {
            index: mapping.first_out + ahead,
            timestamp: packet.timestamp.wrapping_add(mapping.timestamp_offset),
        };
        if place.index >= self.next {
            self.next = place.index + 1;
            self.last_timestamp = place.timestamp;
            self.last_sent = Some(now);
        }
        Some(place)
    }

    fn begin(&mut self, packet: &Packet, now: Instant) -> Mapping {
        // The time that passed is seen in the timestamps, so that the player does not run ahead.
        let elapsed = self
            .last_sent
            .map_or(Duration::ZERO, |before| now.saturating_duration_since(before));
        let ticks = elapsed.as_micros() * u128::from(packet.codec.clock_rate()) / 1_000_000;
        let timestamp = self.last_timestamp.wrapping_add((ticks as u32).max(1));
        let mapping = Mapping {
            generation: packet.generation,
            first: packet.index,
            first_out: self.next,
            timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
        };
        self.mapping = Some(mapping);
        self.waiting_since = None;
        mapping
    }

    /// Where a packet that was (or could have been) sent lies.
    pub(crate) fn placed(&self, packet: &Packet) -> Option<Place> {
        let mapping = self
            .mapping
            .filter(|mapping| mapping.generation == packet.generation)?;
        let ahead = packet.index.checked_sub(mapping.first)?;
        Some(Place {
            index: mapping.first_out + ahead,
            timestamp: packet.timestamp.wrapping_add(mapping.timestamp_offset),
        })
    }

    /// The publisher's number behind one of ours.
    pub(crate) fn original(&self, sequence: u16) -> Option<(Generation, u64)> {
        let mapping = self.mapping?;
        let index = crate::srtp::extend(self.next.checked_sub(1)?, sequence);
        if index >= self.next {
            return None;
        }
        let ahead = index.checked_sub(mapping.first_out)?;
        Some((mapping.generation, mapping.first + ahead))
    }

    /// A time of the publisher in the viewer's timestamps.
    pub(crate) fn timestamp(&self, generation: Generation, timestamp: u32) -> Option<u32> {
        self.mapping
            .filter(|mapping| mapping.generation == generation)
            .map(|mapping| timestamp.wrapping_add(mapping.timestamp_offset))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::media::Codec;

    use super::*;
    use crate::rtp::extension::Carried;

    fn packet(generation: u64, index: u64, timestamp: u32, keyframe: bool) -> Packet {
        Packet {
            generation: Generation(generation),
            index,
            timestamp,
            marker: true,
            codec: Codec::Vp8,
            profile_level_id: 0,
            red: false,
            keyframe,
            carried: Carried::default(),
            arrival: Instant::now(),
            data: Vec::new(),
            payload: 0..0,
        }
    }

    #[test]
    fn begins_with_a_keyframe() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(100, 0);
        assert_eq!(rewriter.place(&packet(1, 9, 0, false), true, now), None);
        let place = rewriter.place(&packet(1, 10, 0, true), true, now).unwrap();
        assert_eq!(place.index, 100);
        assert_eq!(rewriter.place(&packet(1, 9, 0, false), true, now), None);
        assert_eq!(rewriter.original(100), Some((Generation(1), 10)));
        assert_eq!(rewriter.original(99), None);
        assert_eq!(rewriter.original(101), None);
    }

    #[test]
    fn time_that_passed_between_incarnations_is_in_the_timestamps() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(100, 0);
        let first = rewriter.place(&packet(1, 10, 5_000, true), true, now).unwrap();
        let later = now + Duration::from_secs(2);
        let second = rewriter.place(&packet(2, 60_000, 77, true), true, later).unwrap();
        assert_eq!(second.index, first.index + 1);
        assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 180_000);
    }

    proptest! {
        /// Whatever the order, loss and changes of the source: no number is used for two packets, and within one
        /// incarnation distances stay what they were.
        #[test]
        fn numbers_are_unique_and_keep_their_distance(
            input in proptest::collection::vec((0u64..4, 0u64..60, any::<bool>()), 1..200),
        ) {
            let now = Instant::now();
            let mut rewriter = Rewriter::new(0x4000, 0);
            let mut placed = std::collections::HashMap::new();
            for (step, (generation, index, keyframe)) in input.into_iter().enumerate() {
                let generation = generation.max(step as u64 / 60);
                let source = packet(generation, 70_000 + index, index as u32 * 3_000, keyframe);
                let now = now + Duration::from_millis(step as u64);
                if let Some(place) = rewriter.place(&source, true, now) {
                    let other = placed.insert(place.index, (generation, index));
                    prop_assert!(other.is_none_or(|other| other == (generation, index)));
                    let sequence = (place.index & 0xffff) as u16;
                    prop_assert_eq!(
                        rewriter.original(sequence),
                        Some((Generation(generation), 70_000 + index))
                    );
                }
            }
        }
    }
}
