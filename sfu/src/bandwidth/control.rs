//! The rate itself: less when a queue grows, slowly more while what is allowed is used (draft-ietf-rmcat-gcc-02 §5.5).

use super::INITIAL;

/// Share of what arrives that a growing queue leaves us.
const DECREASE: f64 = 0.85;

/// One decrease takes no more than this, so that one odd measurement does not ruin the rate, but where the queue is long.
pub(super) const LEAST_SHARE: f64 = 0.5;

const LONG_MS: f64 = 100.0;

/// A ceiling is believed in a decrease so long after the last.
const TRUST_US: u64 = 1_000_000;

/// Growth per second far from the known capacity.
const GROWTH: f64 = 1.08;

/// Near it, one packet per round trip and feedback.
const STEP_BITS: f64 = 9_600.0;
const FEEDBACK_S: f64 = 0.1;

/// Near: within this share of the capacity on either side.
const NEAR: f64 = 0.1;

/// Less of the estimate than this in use proves nothing about more.
const USED: f64 = 0.9;

/// After a decrease the queue gets so long, and one round trip, to answer.
const PATIENCE_US: u64 = 150_000;

/// What got through a full line is not exceeded by growth for this long.
const CEILING_US: u64 = 10_000_000;

/// Least and most the estimate can be.
pub(super) const FLOOR: f64 = 50_000.0;
const ROOF: f64 = 200_000_000.0;

/// The rate a line gets, in bits per second.
pub(super) struct Control {
    estimate: f64,
    grown_us: u64,
    decreased_us: Option<u64>,
    /// What arrived when a queue last grew.
    capacity: Option<f64>,
    /// What got through when the line was full, and until when that counts.
    ceiling: Option<(f64, u64)>,
}

impl Control {
    pub(super) fn new() -> Self {
        Self {
            estimate: INITIAL as f64,
            grown_us: 0,
            decreased_us: None,
            capacity: None,
            ceiling: None,
        }
    }

    pub(super) fn estimate(&self) -> f64 {
        self.estimate
    }

    /// Time since the last decrease.
    pub(super) fn calm_us(&self, now_us: u64) -> u64 {
        self.decreased_us.map_or(u64::MAX, |at| now_us.saturating_sub(at))
    }

    /// There is a queue of so many ms that grows or stands while `arriving` gets through. Gives the estimate before if this lowers
    /// it.
    pub(super) fn overuse(
        &mut self,
        now_us: u64,
        arriving: Option<f64>,
        queue_ms: f64,
        round_trip_s: f64,
    ) -> Option<f64> {
        let patience = PATIENCE_US + (round_trip_s * 1e6) as u64;
        if self.calm_us(now_us) < patience {
            return None;
        }
        let before = self.estimate;
        let mut target = arriving.map_or(LEAST_SHARE * before, |arriving| DECREASE * arriving);
        if let Some((ceiling, until_us)) = self.ceiling
            && now_us < until_us
            && self.calm_us(now_us) > TRUST_US
        {
            // Less arrives because less was sent: what got through when the line was full says more.
            target = target.max(DECREASE * ceiling);
        }
        if queue_ms < LONG_MS {
            target = target.max(LEAST_SHARE * before);
        }
        if let Some(arriving) = arriving {
            self.capacity = Some(arriving);
            self.full(now_us, arriving);
        }
        self.lower(now_us, target)
    }

    /// The line carries `rate`, and behind a long queue at that: it got much narrower. Gives the estimate before if this lowers it.
    pub(super) fn narrowed(&mut self, now_us: u64, rate: f64) -> Option<f64> {
        self.capacity = Some(rate);
        self.full(now_us, rate);
        self.lower(now_us, DECREASE * rate)
    }

    /// The line carries no more than `rate`. Gives the estimate before if this lowers it.
    pub(super) fn lower(&mut self, now_us: u64, rate: f64) -> Option<f64> {
        let before = self.estimate;
        if rate >= before {
            return None;
        }
        self.decreased_us = Some(now_us);
        self.grown_us = now_us;
        self.estimate = rate.max(FLOOR);
        Some(before)
    }

    /// The line was seen to carry `rate`.
    pub(super) fn proven(&mut self, now_us: u64, rate: f64) {
        if rate > self.estimate {
            self.estimate = rate.min(ROOF);
            self.grown_us = now_us;
            self.ceiling = None;
            self.capacity = self.capacity.filter(|capacity| rate < capacity * (1.0 + NEAR));
        }
    }

    /// The line was seen to carry `rate` and no more.
    pub(super) fn full(&mut self, now_us: u64, rate: f64) {
        self.ceiling = Some((rate, now_us + CEILING_US));
    }

    /// Sets the estimate, whatever it was.
    pub(super) fn restart(&mut self, now_us: u64, rate: f64) {
        *self = Self {
            estimate: rate.clamp(FLOOR, ROOF),
            grown_us: now_us,
            ..Self::new()
        };
    }

    /// No queue grows while `arriving` gets through: grows a little, if what is allowed is in use.
    pub(super) fn grow(&mut self, now_us: u64, arriving: Option<f64>, round_trip_s: f64) {
        let passed_s = (now_us.saturating_sub(self.grown_us) as f64 / 1e6).min(1.0);
        self.grown_us = now_us;
        let Some(arriving) = arriving else {
            return;
        };
        self.capacity = self
            .capacity
            .filter(|capacity| arriving < capacity * (1.0 + NEAR));
        self.ceiling = self.ceiling.filter(|(_, until)| now_us < *until);
        let mut bound = arriving / USED;
        if let Some((ceiling, _)) = self.ceiling {
            bound = bound.min(ceiling.max(arriving));
        }
        let fast = self.estimate * (GROWTH.powf(passed_s) - 1.0);
        let slow = STEP_BITS * passed_s / (round_trip_s + FEEDBACK_S);
        let near = self
            .capacity
            .is_some_and(|capacity| (self.estimate - capacity).abs() < NEAR * capacity);
        let more = if near { fast.min(slow) } else { fast };
        if self.estimate < bound {
            self.estimate = (self.estimate + more).min(bound).min(ROOF);
        }
    }
}
