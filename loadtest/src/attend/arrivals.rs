//! When classrooms arrive.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// How classrooms arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrive {
    /// All at once, as at the bell.
    #[default]
    Bell,
    /// Evenly over the time of `--over`.
    Uniform,
    /// By chance, as many as would fit evenly.
    Poisson,
}

impl Arrive {
    /// When each of `classrooms` arrives, in their order; over about the time `over`, unless at once.
    #[must_use]
    pub fn times(self, classrooms: usize, over: Duration, seed: u64) -> Vec<Duration> {
        let mut chance = StdRng::seed_from_u64(seed);
        let count = u32::try_from(classrooms.max(1)).unwrap_or(u32::MAX);
        let step = over / count;
        let mut at = Duration::ZERO;
        (0..classrooms)
            .map(|_| {
                let now = at;
                at += match self {
                    Self::Bell => Duration::ZERO,
                    Self::Uniform => step,
                    // Distances of a Poisson process are exponential; the argument is never 0.
                    Self::Poisson => step.mul_f64(-(1.0 - chance.random::<f64>()).ln()),
                };
                now
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classrooms_arrive_as_told() {
        let times = |arrive: Arrive| arrive.times(100, Duration::from_secs(10), 3);
        assert!(times(Arrive::Bell).iter().all(|at| *at == Duration::ZERO));
        assert_eq!(times(Arrive::Uniform)[50], Duration::from_secs(5));
        let poisson = times(Arrive::Poisson);
        assert!(poisson.is_sorted());
        let last = poisson[99].as_secs_f64();
        assert!((5.0..20.0).contains(&last), "{last}");
        assert_eq!(poisson, times(Arrive::Poisson), "the same for the same seed");
    }
}
