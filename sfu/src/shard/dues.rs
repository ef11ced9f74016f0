//! When connections want to be looked at: one time beside another, so that looking for what is due touches no connection.

use std::time::Instant;

/// By the index of the connection.
#[derive(Debug, Default)]
pub(super) struct Dues(Vec<Option<Instant>>);

impl Dues {
    /// A connection's next deadline is this one.
    pub(super) fn set(&mut self, index: usize, at: Option<Instant>) {
        if index >= self.0.len() {
            self.0.resize(index + 1, None);
        }
        self.0[index] = at;
    }

    /// A connection has a deadline besides those it had.
    pub(super) fn sooner(&mut self, index: usize, at: Instant) {
        let before = self.0.get(index).copied().flatten();
        self.set(index, super::earlier(before, Some(at)));
    }

    /// Whether a connection is due.
    pub(super) fn due(&self, index: usize, now: Instant) -> bool {
        self.0.get(index).is_some_and(|at| at.is_some_and(|at| at <= now))
    }

    /// Indices lie below this.
    pub(super) fn end(&self) -> usize {
        self.0.len()
    }

    /// The earliest of all.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Dues;

    #[test]
    fn the_earliest_is_next_and_what_is_taken_away_is_not_due() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut dues = Dues::default();
        assert_eq!(dues.next(), None);
        dues.set(3, Some(at(5)));
        dues.sooner(1, at(9));
        dues.sooner(1, at(7));
        dues.sooner(3, at(6));
        assert_eq!((dues.next(), dues.end()), (Some(at(5)), 4));
        assert!(dues.due(3, at(5)) && !dues.due(1, at(5)) && !dues.due(9, at(5)));
        dues.set(3, None);
        assert_eq!(dues.next(), Some(at(7)));
    }
}
