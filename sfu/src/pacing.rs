//! Not sending faster than a viewer's line takes: what of a large frame would overflow the line's queue waits here for a moment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Sent at once before anything waits: a usual frame passes whole.
const BURST_TIME: f64 = 0.04;
const BURST_LEAST: f64 = 12_000.0;
/// Slower than this no line is paced.
const SLOWEST: f64 = 100_000.0;
/// What waits is looked at this often.
const STEP: Duration = Duration::from_millis(5);
/// What waited longer is of no use: the viewer needs a keyframe instead.
const MAX_WAIT: Duration = Duration::from_millis(800);
/// Most that waits: a second of a camera.
const MAX_WAITING: usize = 256;

/// What waits for one viewer.
#[derive(Debug)]
pub(crate) struct Pacer<T> {
    /// Bytes sent that the line has not taken yet by its estimate.
    debt: f64,
    at: Instant,
    waiting: VecDeque<(Instant, T)>,
    due: Option<Instant>,
}

impl<T> Pacer<T> {
    /// Nothing was sent.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            debt: 0.0,
            at: now,
            waiting: VecDeque::new(),
            due: None,
        }
    }

    /// Whether a packet has to wait, where `pace` bits per second are sent.
    pub(crate) fn full(&mut self, now: Instant, pace: u64) -> bool {
        !self.waiting.is_empty() || self.over(now, pace)
    }

    /// So many bytes were sent.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.debt += bytes as f64;
    }

    /// Keeps what has to wait. `Err` gives everything up, because it waits too long already.
    pub(crate) fn hold(&mut self, now: Instant, packet: T) -> Result<(), Overflow> {
        let late = self
            .waiting
            .front()
            .is_some_and(|(since, _)| now.saturating_duration_since(*since) > MAX_WAIT);
        if late || self.waiting.len() >= MAX_WAITING {
            let packets = self.waiting.len() + 1;
            self.waiting.clear();
            self.due = None;
            return Err(Overflow { packets });
        }
        self.waiting.push_back((now, packet));
        self.due.get_or_insert(now + STEP);
        Ok(())
    }

    /// What may be sent now of what waits; call [`Self::sent`] for it, and again until there is nothing.
    pub(crate) fn next(&mut self, now: Instant, pace: u64) -> Option<T> {
        if self.over(now, pace) {
            self.due = (!self.waiting.is_empty()).then(|| now + STEP);
            return None;
        }
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.due = None;
        }
        next.map(|(_, packet)| packet)
    }

    /// Forgets what of the waiting packets is of no use any more.
    pub(crate) fn retain(&mut self, useful: impl Fn(&T) -> bool) {
        self.waiting.retain(|(_, packet)| useful(packet));
    }

    /// When to ask for [`Self::next`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    fn over(&mut self, now: Instant, pace: u64) -> bool {
        let pace = (pace as f64).max(SLOWEST) / 8.0;
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.debt = (self.debt - passed * pace).max(0.0);
        self.debt >= (pace * BURST_TIME).max(BURST_LEAST)
    }
}

/// Everything that waited was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow {
    /// So many packets.
    pub(crate) packets: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends packets of 1,000 bytes: `burst` at once and one each millisecond after that, for a second.
    /// The bytes that left in each 10 ms, and whether anything was given up.
    fn run(pace: u64, burst: usize, steady: usize) -> (Vec<usize>, bool) {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        let mut left = vec![0; 100];
        let mut lost = false;
        for ms in 0..1_000u64 {
            let now = start + Duration::from_millis(ms);
            let slot = (ms / 10) as usize;
            while let Some(bytes) = pacer.next(now, pace) {
                pacer.sent(bytes);
                left[slot] += bytes;
            }
            let fresh = if ms == 0 {
                burst
            } else {
                usize::from(ms % 10 < steady as u64)
            };
            for _ in 0..fresh {
                if pacer.full(now, pace) {
                    lost |= pacer.hold(now, 1_000).is_err();
                } else {
                    pacer.sent(1_000);
                    left[slot] += 1_000;
                }
            }
        }
        (left, lost)
    }

    #[test]
    fn a_keyframe_leaves_at_the_pace_of_the_line() {
        let (left, lost) = run(1_500_000, 60, 0);
        assert!(!lost);
        assert_eq!(left.iter().sum::<usize>(), 60_000);
        assert!(left[0] <= 14_000, "{}", left[0]);
        // 1.5 Mbit/s are 1,875 bytes in 10 ms.
        assert!(left[1..].iter().all(|bytes| *bytes <= 3_000), "{left:?}");
        let last = left.iter().rposition(|bytes| *bytes > 0).unwrap();
        assert!((20..32).contains(&last), "{last}");
    }

    #[test]
    fn a_stream_that_fits_does_not_wait() {
        let (left, lost) = run(4_500_000, 10, 2);
        assert!(!lost);
        assert_eq!(left[0], 11_000);
        assert!(left[1..].iter().all(|bytes| *bytes == 2_000), "{left:?}");
    }

    #[test]
    fn what_never_fits_is_given_up() {
        let (left, lost) = run(300_000, 50, 5);
        assert!(lost);
        // 300 kbit/s for a second, and the burst.
        let sum: usize = left.iter().sum();
        assert!((40_000..56_000).contains(&sum), "{sum}");
    }
}
