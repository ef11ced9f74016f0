//! Puts a track's packets in order: extends sequence numbers and timestamps, waits for late packets, marks gaps.

use std::collections::BTreeMap;

use crate::rtp;

/// How long a missing packet is waited for, in microseconds of arrival time.
const WAIT_US: u64 = 250_000;
/// The first packets of a stream are gathered so long, so that the first frame is whole though its packets are out of order.
const GATHER_US: u64 = 50_000;
/// Packets that wait at most; beyond, the gap is given up.
const MAX_WAITING: usize = 4_096;
/// A jump of the sequence number beyond this is a new stream.
const MAX_JUMP: i64 = 3_000;
/// Stragglers of the stream before are dropped for so long.
const STRAGGLE_US: u64 = 2_000_000;

/// A packet in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ordered {
    /// RTP timestamp, extended; continues over a restart of the stream without meaning there.
    pub(crate) ticks: i64,
    pub(crate) marker: bool,
    pub(crate) payload: Vec<u8>,
    pub(crate) arrival_us: u64,
    /// Packets before it are missing, or it begins a stream.
    pub(crate) gap: bool,
    /// Its stream is another than that of the packet before: timestamps have a new base.
    pub(crate) restart: bool,
}

#[derive(Debug)]
struct Waiting {
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
    arrival_us: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Reorder {
    stream: Option<Stream>,
    before: Option<(u32, u64)>,
    ready: std::collections::VecDeque<Ordered>,
    /// Packets that came too late or twice.
    pub(crate) late: u64,
    /// Packets that never came.
    pub(crate) missing: u64,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    highest: i64,
    /// The next to be handed out; `None` while the first packets are gathered.
    next: Option<i64>,
    since_us: u64,
    ticks: Option<i64>,
    restart: bool,
    waiting: BTreeMap<i64, Waiting>,
}

fn extend(reference: i64, low: u16) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "the low 16 bits are wanted")]
    let difference = low.wrapping_sub(reference as u16);
    reference + i64::from(difference.cast_signed())
}

/// Extends a 32-bit timestamp to the one nearest to `reference`.
pub(crate) fn extend_ticks(reference: i64, low: u32) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "the low 32 bits are wanted")]
    let difference = low.wrapping_sub(reference as u32);
    reference + i64::from(difference.cast_signed())
}

impl Reorder {
    /// Takes a packet.
    pub(crate) fn push(&mut self, packet: &rtp::Packet<'_>, arrival_us: u64) {
        if self.before.is_some_and(|(ssrc, since_us)| {
            ssrc == packet.ssrc && arrival_us < since_us.saturating_add(STRAGGLE_US)
        }) {
            self.late += 1;
            return;
        }
        let same = self.stream.as_ref().is_some_and(|stream| {
            stream.ssrc == packet.ssrc
                && (extend(stream.highest, packet.sequence) - stream.highest).abs() <= MAX_JUMP
        });
        if !same {
            self.restart(packet, arrival_us);
        }
        let Some(stream) = self.stream.as_mut() else {
            return;
        };
        let sequence = extend(stream.highest, packet.sequence);
        if stream.next.is_some_and(|next| sequence < next) || stream.waiting.contains_key(&sequence) {
            self.late += 1;
            return;
        }
        stream.highest = stream.highest.max(sequence);
        stream.waiting.insert(
            sequence,
            Waiting {
                timestamp: packet.timestamp,
                marker: packet.marker,
                payload: packet.payload.to_vec(),
                arrival_us,
            },
        );
        self.advance(arrival_us);
    }

    /// The next packet in order, if there is one by `now_us` (of arrival time).
    pub(crate) fn pop(&mut self, now_us: u64) -> Option<Ordered> {
        if self.ready.is_empty() {
            self.advance(now_us);
        }
        self.ready.pop_front()
    }

    /// Hands out everything that waits: no more packets come.
    pub(crate) fn flush(&mut self) {
        self.advance(u64::MAX);
    }

    fn restart(&mut self, packet: &rtp::Packet<'_>, arrival_us: u64) {
        self.flush();
        let old = self.stream.take();
        self.before = old
            .as_ref()
            .filter(|old| old.ssrc != packet.ssrc)
            .map(|old| (old.ssrc, arrival_us));
        self.stream = Some(Stream {
            ssrc: packet.ssrc,
            highest: i64::from(packet.sequence),
            next: None,
            since_us: arrival_us,
            ticks: None,
            restart: old.is_some(),
            waiting: BTreeMap::new(),
        });
    }

    fn advance(&mut self, now_us: u64) {
        let Some(stream) = self.stream.as_mut() else {
            return;
        };
        let mut gap = false;
        if stream.next.is_none() {
            if now_us < stream.since_us.saturating_add(GATHER_US) {
                return;
            }
            stream.next = stream.waiting.keys().next().copied();
            gap = true;
        }
        while let (Some(next), Some((&first, packet))) = (stream.next, stream.waiting.first_key_value()) {
            if first != next {
                let given_up = now_us >= packet.arrival_us.saturating_add(WAIT_US);
                if !given_up && stream.waiting.len() < MAX_WAITING {
                    return;
                }
                self.missing += u64::try_from(first - next).unwrap_or(0);
                stream.next = Some(first);
                gap = true;
                continue;
            }
            let Some((_, packet)) = stream.waiting.pop_first() else {
                return;
            };
            stream.next = Some(next + 1);
            let reference = stream.ticks.unwrap_or(i64::from(packet.timestamp));
            let ticks = extend_ticks(reference, packet.timestamp);
            stream.ticks = Some(ticks);
            self.ready.push_back(Ordered {
                ticks,
                marker: packet.marker,
                payload: packet.payload,
                arrival_us: packet.arrival_us,
                gap: std::mem::take(&mut gap),
                restart: std::mem::take(&mut stream.restart),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(reorder: &mut Reorder, ssrc: u32, sequence: u16, arrival_us: u64) {
        let packet = rtp::Packet {
            sequence,
            timestamp: u32::from(sequence),
            ssrc,
            marker: false,
            payload: &sequence.to_be_bytes(),
        };
        reorder.push(&packet, arrival_us);
    }

    fn drain(reorder: &mut Reorder, now_us: u64) -> Vec<(u16, bool)> {
        std::iter::from_fn(|| reorder.pop(now_us))
            .map(|packet| {
                (
                    u16::from_be_bytes([packet.payload[0], packet.payload[1]]),
                    packet.gap,
                )
            })
            .collect()
    }

    #[test]
    fn the_first_packets_are_gathered() {
        let mut reorder = Reorder::default();
        push(&mut reorder, 1, 65_535, 0);
        push(&mut reorder, 1, 65_534, 10_000);
        push(&mut reorder, 1, 0, 20_000);
        assert_eq!(drain(&mut reorder, 49_999), vec![]);
        assert_eq!(
            drain(&mut reorder, 50_000),
            vec![(65_534, true), (65_535, false), (0, false)]
        );
    }

    #[test]
    fn a_late_packet_is_waited_for_and_a_lost_one_given_up() {
        let mut reorder = Reorder::default();
        push(&mut reorder, 1, 10, 0);
        assert_eq!(drain(&mut reorder, 60_000), vec![(10, true)]);
        push(&mut reorder, 1, 12, 100_000);
        assert_eq!(drain(&mut reorder, 300_000), vec![]);
        push(&mut reorder, 1, 11, 300_000);
        assert_eq!(drain(&mut reorder, 300_000), vec![(11, false), (12, false)]);
        push(&mut reorder, 1, 14, 400_000);
        assert_eq!(drain(&mut reorder, 649_999), vec![]);
        assert_eq!(drain(&mut reorder, 650_000), vec![(14, true)]);
        push(&mut reorder, 1, 13, 650_000);
        assert_eq!((reorder.late, reorder.missing), (1, 1));
    }

    #[test]
    fn another_stream_flushes_the_old_and_drops_its_stragglers() {
        let mut reorder = Reorder::default();
        push(&mut reorder, 1, 10, 0);
        push(&mut reorder, 1, 12, 100_000);
        push(&mut reorder, 2, 500, 110_000);
        push(&mut reorder, 1, 11, 120_000);
        let packets: Vec<Ordered> = std::iter::from_fn(|| reorder.pop(200_000)).collect();
        let seen: Vec<(bool, bool)> = packets.iter().map(|p| (p.gap, p.restart)).collect();
        assert_eq!(seen, vec![(true, false), (true, false), (true, true)]);
        assert_eq!(reorder.late, 1);
    }
}
