//! When to ask a publisher for a keyframe: once for all who want it, and not too often.

use std::time::{Duration, Instant};

/// Shortest time between two requests: a keyframe costs the publisher's line many frames.
const INTERVAL: Duration = Duration::from_millis(400);

/// Keyframe requests of one track.
#[derive(Debug, Default)]
pub(crate) struct Keyframes {
    asked: Option<Instant>,
    wanted: bool,
}

impl Keyframes {
    /// Someone wants a keyframe. Returns whether it was wanted already.
    pub(crate) fn want(&mut self) -> bool {
        std::mem::replace(&mut self.wanted, true)
    }

    /// A keyframe came.
    pub(crate) fn received(&mut self) {
        self.wanted = false;
    }

    /// When to ask.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.wanted
            .then(|| self.asked.map_or(now, |asked| asked + INTERVAL))
    }

    /// Whether to ask now. It is asked again until a keyframe comes.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let due = self.deadline(now).is_some_and(|deadline| deadline <= now);
        if due {
            self.asked = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_wishes_are_one_request_repeated_until_it_comes() {
        let start = Instant::now();
        let mut keyframes = Keyframes::default();
        assert!(!keyframes.take(start));
        assert!(!keyframes.want());
        assert!(keyframes.want());
        assert!(keyframes.take(start));
        assert!(!keyframes.take(start));
        assert!(keyframes.take(start + INTERVAL));
        keyframes.received();
        assert_eq!(keyframes.deadline(start + INTERVAL), None);
        keyframes.want();
        assert_eq!(keyframes.deadline(start + INTERVAL), Some(start + INTERVAL * 2));
    }
}
