//! What befalls what is sent over one direction of a line: chance, the narrow place and the order of arrival, over time. What is
//! made of it (a packet is dropped, a segment is sent again) is the business of who sends.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::loss::{Fortune, Loss};
use super::script::{Impairment, Rate, Script};

/// See the module.
#[derive(Debug)]
pub struct Passage {
    script: Script,
    start: Instant,
    chance: StdRng,
    fortune: Fortune,
    /// When the narrow place has let through what went in.
    free_at: Instant,
    /// When the last one comes that keeps its place.
    last: Instant,
}

impl Passage {
    /// One that exists from `start`; the same `seed` has the same fate for the same questions.
    #[must_use]
    pub fn new(script: Script, start: Instant, seed: u64) -> Self {
        Self {
            script,
            start,
            chance: StdRng::seed_from_u64(seed),
            fortune: Fortune::default(),
            free_at: start,
            last: start,
        }
    }

    /// What it is like.
    #[must_use]
    pub fn at(&self, now: Instant) -> Impairment {
        self.script.at(now.saturating_duration_since(self.start))
    }

    /// When nothing is cut any more, from `now` on; `None` when that never comes.
    #[must_use]
    pub fn open_from(&self, now: Instant) -> Option<Instant> {
        let mut since = now.saturating_duration_since(self.start);
        while self.script.at(since).cut {
            since = self.script.next_change(since)?;
        }
        Some(now.max(self.start + since))
    }

    /// Whether the next one is lost.
    pub fn loses(&mut self, loss: &Loss) -> bool {
        self.fortune.loses(loss, &mut self.chance)
    }

    /// Nothing is sent for a while.
    pub fn rests(&mut self, loss: &Loss) {
        self.fortune.rests(loss, &mut self.chance);
    }

    /// How much longer the next one takes.
    pub fn jitter(&mut self, is: &Impairment) -> Duration {
        is.jitter.mul_f64(self.chance.random())
    }

    /// Whether the next one is overtaken.
    pub fn overtaken(&mut self, is: &Impairment) -> bool {
        self.chance.random_bool(is.reorder.clamp(0.0, 1.0))
    }

    /// When the narrow place is free for what comes `now`.
    #[must_use]
    pub fn free_from(&self, now: Instant) -> Instant {
        self.free_at.max(now)
    }

    /// When so many `bytes` that come `now` are through the narrow place.
    pub fn squeeze(&mut self, now: Instant, bytes: usize, rate: Rate) -> Instant {
        self.free_at = self.free_from(now) + rate.takes(bytes);
        self.free_at
    }

    /// When what would come at `due` comes, after all that keeps its place.
    #[must_use]
    pub fn after_others(&self, due: Instant) -> Instant {
        due.max(self.last)
    }

    /// The same, and what follows comes after it.
    pub fn in_its_place(&mut self, due: Instant) -> Instant {
        self.last = self.after_others(due);
        self.last
    }
}
