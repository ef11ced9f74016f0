//! Classrooms that leave in the middle of a lesson and come back.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// How long one that left is away.
const AWAY: Duration = Duration::from_secs(5);
/// A stay is so long at least: what a shorter one brings says nothing.
const LEAST: Duration = Duration::from_secs(3);

/// A stay of a classroom, in time since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// When it comes.
    pub from: Duration,
    /// When it goes.
    pub until: Duration,
}

/// The stays of each classroom, in their order: from its arrival to `end`, but that so many of all a minute leave for a while, by
/// chance (a Poisson process). Who is away does not leave.
#[must_use]
pub fn stays(arrivals: &[Duration], end: Duration, per_minute: f64, seed: u64) -> Vec<Vec<Stay>> {
    let whole = |from: &Duration| {
        vec![Stay {
            from: *from,
            until: end,
        }]
    };
    let mut all: Vec<Vec<Stay>> = arrivals.iter().map(whole).collect();
    if per_minute <= 0.0 || all.is_empty() {
        return all;
    }
    // Another chance than that of arrivals and lines.
    let mut chance = StdRng::seed_from_u64(!seed);
    let mut at = Duration::ZERO;
    loop {
        // Distances of a Poisson process are exponential; the argument is never 0.
        at += Duration::from_mins(1).mul_f64(-(1.0 - chance.random::<f64>()).ln() / per_minute);
        if at >= end {
            return all;
        }
        let who = chance.random_range(0..all.len());
        if let Some(stay) = all[who].last_mut()
            && stay.from + LEAST <= at
        {
            stay.until = at;
            let back = at + AWAY;
            if back + LEAST <= end {
                all[who].push(Stay {
                    from: back,
                    until: end,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn without_churn_everybody_stays() {
        let arrivals = [Duration::ZERO, Duration::from_secs(3)];
        let all = stays(&arrivals, MINUTE, 0.0, 1);
        let (from, until) = (arrivals[1], MINUTE);
        assert_eq!(all[1], [Stay { from, until }]);
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn so_many_a_minute_leave_and_come_back() {
        let arrivals = vec![Duration::ZERO; 50];
        let end = MINUTE * 60;
        let all = stays(&arrivals, end, 5.0, 1);
        let left: usize = all.iter().map(|stays| stays.len() - 1).sum();
        assert!((250..350).contains(&left), "{left}");
        for stays in &all {
            // Who leaves so late does not come back any more.
            assert!(stays.last().is_some_and(|stay| stay.until + AWAY + LEAST > end));
            assert!(stays.iter().all(|stay| stay.from + LEAST <= stay.until));
            let away = |pair: &[Stay]| pair[1].from - pair[0].until;
            assert!(stays.windows(2).all(|pair| away(pair) == AWAY));
        }
        assert_eq!(all, stays(&arrivals, end, 5.0, 1), "the same for the same seed");
    }

    #[test]
    fn who_has_not_come_does_not_leave() {
        let late = Duration::from_secs(50);
        let all = stays(&[late], MINUTE * 5, 600.0, 1);
        assert!(all[0].iter().all(|stay| stay.from >= late));
        assert!(all[0].len() > 1, "{all:?}");
    }
}
