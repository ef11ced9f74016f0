//! Sound that is said again by us (RED, RFC 2198), on a line that loses much: whatever its publisher did for it, each packet brings the
//! two before it along. One packet in ten lost at random is one word in a hundred where each is said twice, and one in a thousand here.

use std::mem;

use super::Outgoing;
use crate::packet::Packet;
use crate::rtp::red;

/// Earlier packets that each brings along.
const TIMES: usize = 2;
/// What the fields of a block can say: its length, and how much earlier it was, in RTP time.
const LONGEST: usize = 0x3ff;
const FURTHEST: u32 = 0x3fff;
/// Bytes of a payload at most; who speaks in such long packets does without.
const MOST: usize = 1_100;

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// The newest first.
    said: [Said; TIMES],
    payload: Vec<u8>,
    twice: bool,
}

#[derive(Debug, Default)]
struct Said {
    timestamp: u32,
    /// Empty is nothing.
    data: Vec<u8>,
}

impl Again {
    /// Makes the payload of a packet that is sent at `timestamp`, its blocks of type `pt`. Returns whether the packet is well-formed.
    pub(super) fn say(&mut self, packet: &Packet, pt: u8, timestamp: u32) -> bool {
        let mut primary = packet.payload();
        self.twice = packet.red;
        if packet.red {
            // What got lost on its way to us, and was said again by its publisher.
            red::earlier(primary, |before, data| {
                self.note(timestamp.wrapping_sub(before), data);
            });
            let Some((_, newest)) = red::primary(primary) else {
                return false;
            };
            primary = newest;
        }
        let mut payload = mem::take(&mut self.payload);
        payload.clear();
        let before = |said: &Said| timestamp.wrapping_sub(said.timestamp);
        let mut room = MOST.saturating_sub(primary.len());
        let mut fits = [false; TIMES];
        for (said, fits) in self.said.iter().zip(&mut fits) {
            *fits = (1..=LONGEST).contains(&said.data.len())
                && (1..=FURTHEST).contains(&before(said))
                && said.data.len() + 4 <= room;
            room -= if *fits { said.data.len() + 4 } else { 0 };
        }
        let blocks = || self.said.iter().zip(fits).rev().filter(|(_, fits)| *fits);
        for (said, _) in blocks() {
            payload.push(0x80 | pt);
            let fields = before(said) << 10 | said.data.len() as u32;
            payload.extend_from_slice(&fields.to_be_bytes()[1..]);
        }
        payload.push(pt);
        for (said, _) in blocks() {
            payload.extend_from_slice(&said.data);
        }
        payload.extend_from_slice(primary);
        self.note(timestamp, primary);
        self.payload = payload;
        true
    }

    /// The payload that was made last.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// How many percent of what comes of the stream it takes.
    pub(super) fn percent(&self) -> u64 {
        let times = TIMES as u64 + 1;
        if self.twice { times * 100 / 2 } else { times * 100 }
    }

    fn note(&mut self, timestamp: u32, data: &[u8]) {
        let newest = &self.said[0];
        let newer = timestamp.wrapping_sub(newest.timestamp).cast_signed() > 0;
        if newer || newest.data.is_empty() {
            self.said.rotate_right(1);
            let said = &mut self.said[0];
            said.timestamp = timestamp;
            said.data.clear();
            said.data.extend_from_slice(data);
        }
    }
}

impl Outgoing {
    /// Says each packet of sound more often than its publisher did, if the viewer agreed on RED.
    pub(crate) fn often(&mut self, often: bool) {
        let agreed = self.payloads.iter().any(|payload| payload.red_pt.is_some());
        if !often || !agreed {
            self.again = None;
        } else if self.again.is_none() {
            self.again = Some(Box::default());
        }
    }

    /// Whether it does.
    pub(crate) fn is_often(&self) -> bool {
        self.again.is_some()
    }

    /// How many percent of what its publisher sends it takes.
    pub(crate) fn percent(&self) -> u64 {
        self.again.as_ref().map_or(100, |again| again.percent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The blocks of a payload: how much earlier, and what it says.
    fn blocks(payload: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let mut blocks = Vec::new();
        red::earlier(payload, |before, data| blocks.push((before, data.to_vec())));
        blocks.push((0, red::primary(payload).expect("well-formed").1.to_vec()));
        blocks
    }

    fn said(again: &mut Again, timestamp: u32, data: &[u8]) -> Vec<(u32, Vec<u8>)> {
        assert!(again.say(&Packet::test(data.to_vec()), 111, timestamp));
        blocks(again.payload())
    }

    #[test]
    fn each_packet_brings_the_two_before_it_along() {
        let mut again = Again::default();
        let start = u32::MAX - 1_000;
        let at = |number: u32| start.wrapping_add(number * 960);
        assert_eq!(said(&mut again, at(0), &[1]), [(0, vec![1])]);
        assert_eq!(
            said(&mut again, at(1), &[2, 2]),
            [(960, vec![1]), (0, vec![2, 2])]
        );
        let third = said(&mut again, at(2), &[3]);
        assert_eq!(third, [(1_920, vec![1]), (960, vec![2, 2]), (0, vec![3])]);
        // After a pause what was said before it is too long ago.
        assert_eq!(said(&mut again, at(100), &[4]), [(0, vec![4])]);
        // A late one brings nothing along that is newer, and is not said again.
        assert_eq!(said(&mut again, at(99), &[5]), [(0, vec![5])]);
        assert_eq!(said(&mut again, at(101), &[6]), [(960, vec![4]), (0, vec![6])]);
        assert_eq!(again.percent(), 300);
    }

    #[test]
    fn what_a_publisher_says_again_is_known_though_it_never_came() {
        let mut again = Again::default();
        said(&mut again, 0, &[1]);
        // The second got lost; the third says it again.
        let third = Packet {
            red: true,
            ..Packet::test(vec![0x80 | 63, 0x0f, 0x00, 0x01, 63, 2, 3])
        };
        assert!(again.say(&third, 111, 1_920));
        let third = blocks(again.payload());
        assert_eq!(third, [(1_920, vec![1]), (960, vec![2]), (0, vec![3])]);
        assert_eq!(again.percent(), 150);
        let broken = Packet {
            red: true,
            ..Packet::test(vec![0x80 | 63, 0x0f])
        };
        assert!(!again.say(&broken, 111, 2_880));
    }

    #[test]
    fn what_is_too_long_is_left_out() {
        let mut again = Again::default();
        said(&mut again, 960, &[1; 600]);
        said(&mut again, 1_920, &[2; 600]);
        let third = said(&mut again, 2_880, &[3; 400]);
        assert_eq!(third, [(960, vec![2; 600]), (0, vec![3; 400])]);
        said(&mut again, 3_840, &[4; 1_200]);
        let fifth = said(&mut again, 4_800, &[5; 10]);
        assert_eq!(fifth, [(1_920, vec![3; 400]), (0, vec![5; 10])]);
    }
}
