//! Freezes and percentiles: pure arithmetic.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Frames whose distances make the mean, as in W3C webrtc-stats `freezeCount`.
const MEAN_OVER: usize = 30;
/// A gap has to exceed the mean by so much to count.
const MARGIN: Duration = Duration::from_millis(150);

/// Counts freezes: a gap between frames longer than `max(3 × mean, mean + 150 ms)`.
#[derive(Clone, Debug, Default)]
pub struct Freezes {
    last: Option<Instant>,
    gaps: VecDeque<Duration>,
    total: Duration,
    /// How many.
    pub count: u32,
    /// Sum of their gaps.
    pub frozen: Duration,
    /// The longest of them.
    pub longest: Duration,
}

impl Freezes {
    /// A frame is complete.
    pub fn frame(&mut self, now: Instant) {
        let Some(last) = self.last.replace(now) else {
            return;
        };
        let gap = now.saturating_duration_since(last);
        self.look(gap);
        self.gaps.push_back(gap);
        self.total += gap;
        if self.gaps.len() > MEAN_OVER {
            self.total -= self.gaps.pop_front().unwrap_or_default();
        }
    }

    /// The observation ends: a picture that stands still now has frozen.
    pub fn end(&mut self, now: Instant) {
        if let Some(last) = self.last.take() {
            self.look(now.saturating_duration_since(last));
        }
    }

    fn look(&mut self, gap: Duration) {
        if self.is_freeze(gap) {
            self.count += 1;
            self.frozen += gap;
            self.longest = self.longest.max(gap);
        }
    }

    fn is_freeze(&self, gap: Duration) -> bool {
        let Ok(known) = u32::try_from(self.gaps.len()) else {
            return false;
        };
        if known == 0 {
            return false;
        }
        let mean = self.total / known;
        gap > (mean * 3).max(mean + MARGIN)
    }
}

/// Percentiles of a set of numbers, by nearest rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many numbers.
    pub count: usize,
    /// Half are at most this.
    pub p50: f64,
    /// 90 of 100 are at most this.
    pub p90: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Percentiles {
    /// Of some numbers; all 0 when there are none.
    #[must_use]
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let rank = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(index).copied().unwrap_or(0.0)
        };
        Self {
            count: sorted.len(),
            p50: rank(50),
            p90: rank(90),
            p95: rank(95),
            p99: rank(99),
            max: rank(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(gaps_ms: impl IntoIterator<Item = u64>) -> (Freezes, Instant) {
        let mut now = Instant::now();
        let mut freezes = Freezes::default();
        freezes.frame(now);
        for gap in gaps_ms {
            now += Duration::from_millis(gap);
            freezes.frame(now);
        }
        (freezes, now)
    }

    #[test]
    fn a_steady_picture_does_not_freeze() {
        let (mut freezes, now) = play([40; 100]);
        freezes.end(now + Duration::from_millis(40));
        assert_eq!(freezes.count, 0);
    }

    #[test]
    fn the_rule_is_the_greater_of_three_means_and_mean_plus_150_ms() {
        let fast = |gap| play([40; 30].into_iter().chain([gap])).0.count;
        assert_eq!(fast(190), 0, "40 + 150 is not exceeded");
        assert_eq!(fast(191), 1);
        let slow = |gap| play([200; 30].into_iter().chain([gap])).0.count;
        assert_eq!(slow(600), 0, "3 × 200 is not exceeded");
        assert_eq!(slow(601), 1);
    }

    #[test]
    fn a_picture_that_stands_still_at_the_end_has_frozen() {
        let (mut freezes, now) = play([40; 30]);
        freezes.end(now + Duration::from_secs(2));
        assert_eq!((freezes.count, freezes.frozen), (1, Duration::from_secs(2)));
        assert_eq!(freezes.longest, Duration::from_secs(2));
    }

    #[test]
    fn the_mean_forgets() {
        let (freezes, _) = play([1_000; 30].into_iter().chain([40; 60]).chain([300]));
        assert_eq!(freezes.count, 1);
    }

    #[test]
    fn percentiles_by_nearest_rank() {
        let hundred = Percentiles::of((1..=100).rev().map(f64::from));
        assert_eq!(
            (hundred.p50, hundred.p90, hundred.p95, hundred.p99, hundred.max),
            (50.0, 90.0, 95.0, 99.0, 100.0)
        );
        assert_eq!(Percentiles::of([7.0]).p50, 7.0);
        assert_eq!(Percentiles::of([]), Percentiles::default());
    }
}
