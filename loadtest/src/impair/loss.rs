//! Which packets a line loses: the model of Gilbert and Elliott, a line that is good for a while and bad for a while.

use rand::Rng;

/// How packets are lost. The default loses none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// Chance that a good line is bad for the next packet.
    to_bad: f64,
    /// Chance that a bad line is good for the next packet.
    to_good: f64,
    /// Chance that a packet is lost while the line is good.
    in_good: f64,
    /// Chance that a packet is lost while the line is bad.
    in_bad: f64,
}

impl Loss {
    /// Each packet by itself: the `part` of them, from 0 to 1.
    #[must_use]
    pub fn random(part: f64) -> Self {
        Self {
            in_good: part.clamp(0.0, 1.0),
            ..Self::default()
        }
    }

    /// The `part` of all packets, from 0 to 1, in bursts of `length` on the average (Gilbert: everything in a burst is
    /// lost, nothing between). A length of 1 or less is [`Loss::random`].
    #[must_use]
    pub fn bursts(part: f64, length: f64) -> Self {
        if length <= 1.0 || part >= 1.0 {
            return Self::random(part);
        }
        let part = part.max(0.0);
        let to_good = 1.0 / length;
        // In the long run the line is bad for to_bad / (to_bad + to_good) of the packets.
        let to_bad = (to_good * part / (1.0 - part)).min(1.0);
        Self {
            to_bad,
            to_good,
            in_good: 0.0,
            in_bad: 1.0,
        }
    }
}

/// Draws the fate of packets, one after another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fortune {
    bad: bool,
}

impl Fortune {
    /// Nothing was sent for a while: a burst does not wait for the next packet, so the line may be good or bad now as it may be at any
    /// time.
    pub fn rests(&mut self, loss: &Loss, chance: &mut impl Rng) {
        let turns = loss.to_bad + loss.to_good;
        let part = if turns > 0.0 { loss.to_bad / turns } else { 0.0 };
        self.bad = chance.random_bool(part);
    }

    /// Whether the next packet is lost. It always draws twice, so that a script changes nothing but what it says.
    pub fn loses(&mut self, loss: &Loss, chance: &mut impl Rng) -> bool {
        let turn = if self.bad { loss.to_good } else { loss.to_bad };
        if chance.random_bool(turn) {
            self.bad = !self.bad;
        }
        chance.random_bool(if self.bad { loss.in_bad } else { loss.in_good })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    /// The part that is lost of 100,000, and the mean length of its runs.
    fn measure(loss: Loss) -> (f64, f64) {
        let (mut chance, mut fortune) = (StdRng::seed_from_u64(3), Fortune::default());
        let (mut lost, mut runs, mut before) = (0, 0, false);
        for _ in 0..100_000 {
            let now = fortune.loses(&loss, &mut chance);
            lost += i32::from(now);
            runs += i32::from(now && !before);
            before = now;
        }
        (
            f64::from(lost) / 100_000.0,
            f64::from(lost) / f64::from(runs.max(1)),
        )
    }

    #[test]
    fn random_loss_is_the_part_told_and_its_runs_are_short() {
        let (part, run) = measure(Loss::random(0.1));
        assert!((0.095..0.105).contains(&part), "{part}");
        assert!((1.05..1.2).contains(&run), "{run}");
        assert_eq!(measure(Loss::default()).0, 0.0);
        assert_eq!(measure(Loss::random(1.0)).0, 1.0);
    }

    #[test]
    fn what_is_sent_again_after_a_while_is_not_in_the_same_burst() {
        let loss = Loss::bursts(0.05, 8.0);
        let (mut chance, mut fortune) = (StdRng::seed_from_u64(3), Fortune::default());
        let (mut first, mut again) = (0, 0);
        for _ in 0..100_000 {
            if fortune.loses(&loss, &mut chance) {
                first += 1;
                fortune.rests(&loss, &mut chance);
                again += i32::from(fortune.loses(&loss, &mut chance));
            }
        }
        let part = f64::from(again) / f64::from(first);
        assert!((0.03..0.07).contains(&part), "{part}");
    }

    #[test]
    fn bursts_lose_the_same_part_in_runs_of_the_length_told() {
        let (part, run) = measure(Loss::bursts(0.05, 8.0));
        assert!((0.04..0.06).contains(&part), "{part}");
        assert!((7.0..9.0).contains(&run), "{run}");
        assert_eq!(Loss::bursts(0.1, 1.0), Loss::random(0.1));
    }
}
