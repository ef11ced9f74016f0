//! How many frames a stream of pictures has a second, by their RTP times: what is lost on the way takes none away.

use std::collections::VecDeque;
use std::time::Duration;

/// Of a picture's RTP time.
const CLOCK_HZ: u64 = 90_000;
/// The latest steps that are looked at.
const STEPS: usize = 101;
/// A longer one is a break.
const LONGEST: u32 = 90_000;

/// Steps from frame to frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    last: Option<u32>,
    latest: VecDeque<u32>,
}

impl Steps {
    /// A frame of this RTP time begins.
    pub(super) fn frame(&mut self, timestamp: u32) {
        let step = self
            .last
            .replace(timestamp)
            .map(|last| timestamp.wrapping_sub(last));
        // An older one is a step back, which wraps.
        if let Some(step) = step.filter(|step| (1..=LONGEST).contains(step)) {
            if self.latest.len() >= STEPS {
                self.latest.pop_front();
            }
            self.latest.push_back(step);
        }
    }

    /// How many of them there are in so long a time: the median of the latest is taken for all; 0 where there is none.
    pub(super) fn within(&self, time: Duration) -> u64 {
        let mut sorted: Vec<u32> = self.latest.iter().copied().collect();
        sorted.sort_unstable();
        let Some(step) = sorted.get(sorted.len() / 2) else {
            return 0;
        };
        let ticks = time.as_micros() * u128::from(CLOCK_HZ) / 1_000_000;
        u64::try_from(ticks / u128::from(*step)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_are_lost_are_due_all_the_same() {
        let mut steps = Steps::default();
        assert_eq!(steps.within(Duration::from_secs(10)), 0);
        let begin = u32::MAX - 40_000;
        for frame in (0..250_u32).filter(|frame| !frame.is_multiple_of(5)) {
            steps.frame(begin.wrapping_add(frame * 3_600));
        }
        // A picture that came late, and one after a break.
        steps.frame(begin);
        steps.frame(begin.wrapping_add(10_000_000));
        assert_eq!(steps.within(Duration::from_secs(10)), 250);
    }
}
