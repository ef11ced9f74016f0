//! Which missing packets are asked for again, and when: at once, as browsers do, and then a few times more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time between questions for the same packet: more than the round trip of a usable line.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How often a packet is asked for.
const TIMES: u8 = 6;
/// Packets that are asked for at a time. When more are missing, the oldest are given up.
const MISSING_MAX: usize = 512;

/// The missing packets of a stream, by extended sequence number.
#[derive(Clone, Debug, Default)]
pub struct Asks {
    highest: Option<i64>,
    missing: BTreeMap<i64, Question>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Question {
    last: Option<Instant>,
    times: u8,
}

impl Asks {
    /// A packet came: those it jumped over are missing.
    pub fn came(&mut self, number: i64) {
        self.missing.remove(&number);
        let highest = *self.highest.get_or_insert(number);
        if number <= highest {
            return;
        }
        let most = i64::try_from(MISSING_MAX).unwrap_or(i64::MAX);
        let from = (highest + 1).max(number - most);
        self.missing
            .extend((from..number).map(|missing| (missing, Question::default())));
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_first();
        }
        self.highest = Some(number);
    }

    /// The stream begins anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sequence numbers to ask for now. Packets before `awaited` are of no use any more.
    pub fn due(&mut self, now: Instant, awaited: i64) -> Vec<u16> {
        if self.missing.is_empty() {
            return Vec::new();
        }
        self.missing = self.missing.split_off(&awaited);
        let mut due = Vec::new();
        for (number, question) in &mut self.missing {
            let waited = question
                .last
                .is_none_or(|last| now.saturating_duration_since(last) >= AGAIN_AFTER);
            if waited && question.times < TIMES {
                question.last = Some(now);
                question.times += 1;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "sequence numbers are taken modulo 2^16"
                )]
                due.push(*number as u16);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_asked_for_at_once_and_then_again_until_it_comes() {
        let now = Instant::now();
        let mut asks = Asks::default();
        (65_534..65_537).for_each(|number| asks.came(number));
        assert!(asks.due(now, 65_537).is_empty());
        asks.came(65_540);
        assert_eq!(asks.due(now, 65_537), [1, 2, 3]);
        asks.came(65_538);
        assert!(asks.due(now + AGAIN_AFTER / 2, 65_537).is_empty());
        assert_eq!(asks.due(now + AGAIN_AFTER, 65_537), [1, 3]);
    }

    #[test]
    fn it_gives_up_after_a_few_times_or_when_it_is_of_no_use() {
        let now = Instant::now();
        let mut asks = Asks::default();
        [1, 3, 5].into_iter().for_each(|number| asks.came(number));
        assert_eq!(asks.due(now, 2), [2, 4]);
        assert_eq!(asks.due(now + AGAIN_AFTER, 4), [4]);
        let asked: usize = (2..100).map(|n| asks.due(now + AGAIN_AFTER * n, 4).len()).sum();
        assert_eq!(asked, usize::from(TIMES) - 2);
    }

    #[test]
    fn what_is_missing_is_bounded() {
        let mut asks = Asks::default();
        asks.came(0);
        asks.came(1_000_000);
        assert_eq!(asks.due(Instant::now(), 0).len(), MISSING_MAX);
    }
}
