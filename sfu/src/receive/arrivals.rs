//! Arrival times of a publisher's packets for transport-wide feedback, from which it estimates its bandwidth.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::rtcp::write;

/// Feedback goes out this often while packets come.
const INTERVAL: Duration = Duration::from_millis(50);
/// Most packets in one report; more than come in [`INTERVAL`] at 50 Mbit/s.
const MAX_PACKETS: u64 = 400;
/// One tick of the reference time.
const TICK: Duration = Duration::from_millis(64);

/// What came since the last feedback.
#[derive(Debug)]
pub(crate) struct Arrivals {
    epoch: Instant,
    highest: Option<u64>,
    /// Index of the next packet to report.
    base: u64,
    seen: VecDeque<Option<Instant>>,
    count: u8,
    due: Option<Instant>,
}

impl Arrivals {
    /// Nothing came yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            highest: None,
            base: 0,
            seen: VecDeque::new(),
            count: 0,
            due: None,
        }
    }

    /// A packet with this transport-wide sequence number came.
    pub(crate) fn received(&mut self, now: Instant, sequence: u16) {
        let index = match self.highest {
            // Leave room below the first for what is reordered.
            None => u64::from(sequence) + 0x1_0000,
            Some(highest) => crate::srtp::extend(highest, sequence),
        };
        if self.highest.is_none() {
            self.base = index;
        }
        self.highest = self.highest.max(Some(index));
        if index < self.base {
            return;
        }
        if index - self.base >= MAX_PACKETS {
            // A jump: what is missing in it does not matter any more.
            self.base = index;
            self.seen.clear();
        }
        let at = (index - self.base) as usize;
        if self.seen.len() <= at {
            self.seen.resize(at + 1, None);
        }
        self.seen[at].get_or_insert(now);
        self.due.get_or_insert(now + INTERVAL);
    }

    /// When [`Self::write`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Appends the feedback.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, sender: u32, media_ssrc: u32) {
        self.due = None;
        let Some(first) = self.seen.iter().flatten().min().copied() else {
            return;
        };
        let ticks = first.saturating_duration_since(self.epoch).as_millis() / TICK.as_millis();
        let reference = (ticks & 0x00ff_ffff) as u32;
        let origin = self.epoch + TICK * u32::try_from(ticks).unwrap_or(0);
        let arrivals: Vec<Option<Duration>> = self
            .seen
            .iter()
            .map(|arrival| arrival.map(|at| at.saturating_duration_since(origin)))
            .collect();
        let base = (self.base & 0xffff) as u16;
        write::transport_cc(out, sender, media_ssrc, base, self.count, reference, &arrivals);
        self.count = self.count.wrapping_add(1);
        self.base += self.seen.len() as u64;
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_came_and_what_did_not() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(start);
        arrivals.received(start + Duration::from_millis(1), 65_535);
        arrivals.received(start + Duration::from_millis(3), 1);
        assert_eq!(
            arrivals.deadline(),
            Some(start + Duration::from_millis(1) + INTERVAL)
        );
        let mut out = Vec::new();
        arrivals.write(&mut out, 1, 2);
        let expected = [
            0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, // header and sources
            0xff, 0xff, 0, 3, 0, 0, 0, 0, // base, count, reference, feedback count
            0xd1, 0x00, 4, 8, // received, not, received; deltas of 1 ms and 2 ms
        ];
        assert_eq!(out, expected);
        assert_eq!(arrivals.deadline(), None);
    }
}
