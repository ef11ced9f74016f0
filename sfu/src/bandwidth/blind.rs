//! Players whose feedback tells nothing of padding. Probes say nothing of their lines, so the estimate rises by itself until the line
//! says no, and each time later again: else a picture that was given up would never come back.

/// So much padding in vain, and none of it ever told of, is no chance.
const VAIN: u32 = 20;

/// After the line said no it is not tried for so long at first, and at most.
const WAIT_US: (u64, u64) = (5_000_000, 60_000_000);

/// A rise that went well for so long begins anew with the shortest wait.
const WELL_US: u64 = 30_000_000;

/// See the module.
#[derive(Default)]
pub(super) struct Blind {
    /// Some padding was told to have arrived, ever.
    told: bool,
    vain: u32,
    /// When the next rise begins, and how long it was waited for.
    from_us: u64,
    wait_us: u64,
}

impl Blind {
    /// Padding was told to have arrived.
    pub(super) fn arrived(&mut self) {
        self.told = true;
    }

    /// Padding was told not to have arrived.
    pub(super) fn missing(&mut self) {
        self.vain = self.vain.saturating_add(1);
    }

    /// Whether padding is of no use.
    pub(super) fn is(&self) -> bool {
        !self.told && self.vain >= VAIN
    }

    /// The line carries less than it was taken to.
    pub(super) fn lowered(&mut self, now_us: u64) {
        let well = now_us > self.from_us + WELL_US;
        // One that is lowered again before its time has not been tried.
        if well || now_us >= self.from_us {
            let longer = if well { WAIT_US.0 } else { self.wait_us * 2 };
            self.wait_us = longer.clamp(WAIT_US.0, WAIT_US.1);
        }
        self.from_us = now_us + self.wait_us;
    }

    /// Whether the estimate rises by itself now.
    pub(super) fn rises(&self, now_us: u64) -> bool {
        self.is() && now_us >= self.from_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn one_that_was_told_of_once_is_not_blind() {
        let mut blind = Blind::default();
        for _ in 0..VAIN {
            assert!(!blind.rises(SECOND));
            blind.missing();
        }
        assert!(blind.rises(SECOND));
        blind.arrived();
        assert!(!blind.is() && !blind.rises(SECOND));
    }

    #[test]
    fn each_rise_in_vain_makes_the_next_wait_longer() {
        let mut blind = Blind::default();
        (0..VAIN).for_each(|_| blind.missing());
        let mut now = 100 * SECOND;
        let mut waits = Vec::new();
        for _ in 0..6 {
            blind.lowered(now);
            // It drains for a while.
            blind.lowered(now + SECOND);
            let begin = (now..).step_by(SECOND as usize).find(|at| blind.rises(*at));
            let begin = begin.expect("it is tried again");
            waits.push((begin - now) / SECOND);
            now = begin + 10 * SECOND;
        }
        assert_eq!(waits, [6, 11, 21, 41, 61, 61]);
        now += WELL_US;
        blind.lowered(now);
        assert!(!blind.rises(now) && blind.rises(now + WAIT_US.0));
    }
}
