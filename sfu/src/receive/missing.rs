//! Which packets to ask a publisher for again, and when to stop.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A packet that is only late by reordering is not asked for.
const REORDER: Duration = Duration::from_millis(8);
/// First repetition of a request; it doubles.
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// Longest time between repetitions.
const MAX_RETRY: Duration = Duration::from_millis(200);
/// Later than this a packet is of no use to anyone.
const DEADLINE: Duration = Duration::from_millis(1_500);
/// Most packets missing at a time; beyond that a keyframe is cheaper.
const MAX_MISSING: usize = 300;

#[derive(Clone, Copy, Debug)]
struct Gap {
    index: u64,
    since: Instant,
    next: Instant,
    retry: Duration,
}

/// Packets of one stream that did not come.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    highest: Option<u64>,
    gaps: VecDeque<Gap>,
    /// So much was lost that only a keyframe helps.
    hopeless: bool,
}

impl Missing {
    /// A packet came. Returns whether it fills a gap.
    pub(crate) fn received(&mut self, now: Instant, index: u64) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(index);
            return false;
        };
        if index <= highest {
            if let Ok(at) = self.gaps.binary_search_by_key(&index, |gap| gap.index) {
                self.gaps.remove(at);
                return true;
            }
            return false;
        }
        self.highest = Some(index);
        let lost = index - highest - 1;
        if lost as usize + self.gaps.len() > MAX_MISSING {
            self.gaps.clear();
            self.hopeless = true;
            return false;
        }
        for index in highest + 1..index {
            self.gaps.push_back(Gap {
                index,
                since: now,
                next: now + REORDER,
                retry: FIRST_RETRY,
            });
        }
        false
    }

    /// The highest number that came.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// When [`Self::due`] has something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.gaps.iter().map(|gap| gap.next).min()
    }

    /// Calls `ask` for the packets to ask for now, and gives up those too old. Returns how many were given up.
    pub(crate) fn due(&mut self, now: Instant, mut ask: impl FnMut(u64)) -> usize {
        let before = self.gaps.len();
        self.gaps
            .retain(|gap| now.saturating_duration_since(gap.since) < DEADLINE);
        for gap in self.gaps.iter_mut().filter(|gap| gap.next <= now) {
            ask(gap.index);
            gap.next = now + gap.retry;
            gap.retry = (gap.retry * 2).min(MAX_RETRY);
        }
        before - self.gaps.len()
    }

    /// Whether too much was lost at once; says so once.
    pub(crate) fn take_hopeless(&mut self) -> bool {
        std::mem::take(&mut self.hopeless)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_repeats_and_gives_up() {
        let start = Instant::now();
        let mut missing = Missing::default();
        missing.received(start, 10);
        missing.received(start, 13);
        let mut asked = Vec::new();
        missing.due(start, |index| asked.push(index));
        assert!(asked.is_empty());
        assert_eq!(missing.deadline(), Some(start + REORDER));
        missing.due(start + REORDER, |index| asked.push(index));
        assert_eq!(asked, [11, 12]);
        assert!(missing.received(start + REORDER, 11));
        assert!(!missing.received(start + REORDER, 11));
        missing.due(start + REORDER + FIRST_RETRY, |index| asked.push(index));
        assert_eq!(asked, [11, 12, 12]);
        assert_eq!(missing.due(start + DEADLINE, |_| {}), 1);
        assert_eq!(missing.deadline(), None);
    }

    #[test]
    fn a_long_loss_is_hopeless() {
        let now = Instant::now();
        let mut missing = Missing::default();
        missing.received(now, 1);
        missing.received(now, 1_000);
        assert!(missing.take_hopeless());
        assert!(!missing.take_hopeless());
        assert_eq!(missing.deadline(), None);
    }
}
