//! How much of a stream comes.

use std::time::{Duration, Instant};

/// Length of one part of the window.
const PART: Duration = Duration::from_millis(250);
/// Parts of the window: a second, so that a keyframe does not look like a new rate for long.
const PARTS: usize = 4;

/// Bits per second over the last second.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// The first packet, and the number of the part of the last one since then.
    begun: Option<(Instant, u64)>,
    last: Option<Instant>,
    parts: [u64; PARTS],
}

impl Rate {
    /// So many bytes came.
    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        let (begin, newest) = *self.begun.get_or_insert((now, 0));
        let part = part(begin, now);
        for passed in newest + 1..=part.min(newest + PARTS as u64) {
            self.parts[slot(passed)] = 0;
        }
        self.begun = Some((begin, part.max(newest)));
        self.parts[slot(part)] += bytes as u64;
        self.last = Some(now);
    }

    /// When the last packet came.
    pub(crate) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// Over the last second, or since the first packet.
    pub(crate) fn bits_per_second(&self, now: Instant) -> u64 {
        let Some((begin, newest)) = self.begun else {
            return 0;
        };
        let current = part(begin, now);
        let bytes: u64 = (current.saturating_sub(PARTS as u64 - 1)..=current)
            .filter(|number| *number <= newest && newest - number < PARTS as u64)
            .map(|number| self.parts[slot(number)])
            .sum();
        let since = now.saturating_duration_since(begin);
        let in_part = since.as_micros() as u64 % PART.as_micros() as u64;
        let whole = current.min(PARTS as u64 - 1) * PART.as_micros() as u64;
        // The first packets of a stream are a burst: they are not a rate yet.
        let span = (whole + in_part).max(PART.as_micros() as u64);
        bytes * 8 * 1_000_000 / span
    }
}

fn part(begin: Instant, now: Instant) -> u64 {
    (now.saturating_duration_since(begin).as_micros() / PART.as_micros()) as u64
}

fn slot(part: u64) -> usize {
    (part % PARTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_the_last_second() {
        let start = Instant::now();
        let mut rate = Rate::default();
        assert_eq!(rate.bits_per_second(start), 0);
        for at in 0..300u64 {
            rate.add(start + Duration::from_millis(at * 10), 125);
        }
        let end = start + Duration::from_millis(2_990);
        let measured = rate.bits_per_second(end);
        assert!((95_000..=105_000).contains(&measured), "{measured}");
        assert_eq!(rate.bits_per_second(end + Duration::from_secs(2)), 0);
        // A pause is not in the rate of what comes after it for longer than the window.
        let later = end + Duration::from_secs(10);
        for at in 0..100u64 {
            rate.add(later + Duration::from_millis(at * 10), 250);
        }
        let measured = rate.bits_per_second(later + Duration::from_millis(990));
        assert!((180_000..=220_000).contains(&measured), "{measured}");
    }
}
