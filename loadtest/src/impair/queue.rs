//! One direction of a bad line: packets go in, and some come out later.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::passage::Passage;
use super::script::{Rate, Script};

/// Packets on the way at most; the line drops what is beyond, as a router's queue does.
const ON_THE_WAY_MAX: usize = 4_096;
/// How much later than its place a packet comes that others overtake.
const OVERTAKEN_BY: Duration = Duration::from_millis(20);

/// What became of the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Came out.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost in an outage.
    pub cut: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
}

/// One direction of a line.
#[derive(Debug)]
pub struct Queue<P> {
    passage: Passage,
    /// By the time they come, and in their order.
    on_the_way: BTreeMap<(Instant, u64), P>,
    number: u64,
    fate: Fate,
}

impl<P> Queue<P> {
    /// A line that exists from `start`; the same `seed` has the same fate for the same packets.
    #[must_use]
    pub fn new(script: Script, start: Instant, seed: u64) -> Self {
        Self {
            passage: Passage::new(script, start, seed),
            on_the_way: BTreeMap::new(),
            number: 0,
            fate: Fate::default(),
        }
    }

    /// A packet of so many `bytes` goes in.
    pub fn push(&mut self, now: Instant, bytes: usize, packet: P) {
        let is = self.passage.at(now);
        // Chance is drawn for every packet, so that an outage does not change who is lost after it.
        let lost = self.passage.loses(&is.loss);
        let more = self.passage.jitter(&is);
        let overtaken = self.passage.overtaken(&is);
        if is.cut {
            self.fate.cut += 1;
            return;
        }
        // What is lost on the way has taken its time at the narrow place before.
        let Some(through) = self.squeeze(now, bytes, is.rate) else {
            self.fate.overflowed += 1;
            return;
        };
        if lost {
            self.fate.lost += 1;
            return;
        }
        let due = through + is.delay + more;
        let due = if overtaken {
            self.passage.after_others(due) + OVERTAKEN_BY
        } else {
            self.passage.in_its_place(due)
        };
        self.number += 1;
        self.on_the_way.insert((due, self.number), packet);
    }

    /// When a packet is through the narrow place; `None` when it does not fit into the queue before it.
    fn squeeze(&mut self, now: Instant, bytes: usize, rate: Option<Rate>) -> Option<Instant> {
        if self.on_the_way.len() >= ON_THE_WAY_MAX {
            return None;
        }
        let Some(rate) = rate else {
            return Some(now);
        };
        if self.passage.free_from(now) - now > rate.queue {
            return None;
        }
        Some(self.passage.squeeze(now, bytes, rate))
    }

    /// The next packet that has arrived.
    pub fn poll(&mut self, now: Instant) -> Option<P> {
        let first = self.on_the_way.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        self.fate.delivered += 1;
        Some(first.remove())
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.on_the_way.first_key_value().map(|((due, _), _)| *due)
    }

    /// What became of the packets so far.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate
    }
}

#[cfg(test)]
mod tests;
