//! How fast a peer may talk. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// Messages a second in the long run.
const RATE: f64 = 30.0;
/// Messages at once.
const BURST: f64 = 90.0;
/// Refused or unreadable messages in a row of trouble, after which the socket is closed.
const PATIENCE: u32 = 200;

/// A bucket that fills with time and is emptied by messages.
#[derive(Debug)]
pub(super) struct Limit {
    tokens: f64,
    at: Instant,
    trouble: u32,
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take it.
    Take,
    /// Refuse it, and say so.
    Refuse,
    /// Refuse it silently: it was said a moment ago.
    Drop,
    /// Enough.
    Close,
}

impl Limit {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            tokens: BURST,
            at: now,
            trouble: 0,
        }
    }

    /// A message came.
    pub(super) fn message(&mut self, now: Instant) -> Verdict {
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        self.tokens = (self.tokens + passed.as_secs_f64() * RATE).min(BURST);
        if passed > Duration::from_secs(10) {
            self.trouble = 0;
        }
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Verdict::Take;
        }
        self.bad()
    }

    /// A message could not be read, or came too fast.
    pub(super) fn bad(&mut self) -> Verdict {
        self.trouble += 1;
        match self.trouble {
            PATIENCE.. => Verdict::Close,
            n if n % 20 == 1 => Verdict::Refuse,
            _ => Verdict::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_then_only_the_rate() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        let taken = (0..100).filter(|_| limit.message(start) == Verdict::Take).count();
        assert_eq!(taken, 90);
        let later = start + Duration::from_secs(1);
        let taken = (0..100).filter(|_| limit.message(later) == Verdict::Take).count();
        assert_eq!(taken, 30);
    }

    #[test]
    fn a_flood_is_told_now_and_then_and_closed_in_the_end() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        let verdicts: Vec<_> = (0..400).map(|_| limit.message(start)).collect();
        assert_eq!(verdicts[90], Verdict::Refuse);
        assert_eq!(verdicts[91], Verdict::Drop);
        assert!(
            verdicts
                .iter()
                .filter(|verdict| **verdict == Verdict::Refuse)
                .count()
                <= 11
        );
        assert_eq!(verdicts.last(), Some(&Verdict::Close));
    }
}
