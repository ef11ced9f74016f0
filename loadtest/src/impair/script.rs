//! How bad a line is, and how that changes over time.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use super::loss::Loss;

/// A rate that is not told holds so much before it drops: about what a home router does.
const QUEUE_MS: u64 = 200;

/// How bad a line is in one direction. The default is a perfect one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairment {
    /// Which packets are lost.
    pub loss: Loss,
    /// Time a packet is on the way.
    pub delay: Duration,
    /// Up to so much more, by chance; packets keep their order.
    pub jitter: Duration,
    /// Part of the packets that others overtake, 0 to 1.
    pub reorder: f64,
    /// What goes through; everything when absent.
    pub rate: Option<Rate>,
    /// Nothing gets through.
    pub cut: bool,
}

/// A narrow place with a queue before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In kbit/s of UDP payload; more than 0.
    pub kbps: u32,
    /// How long a packet waits before it at most; what would wait longer is dropped.
    pub queue: Duration,
}

impl Rate {
    /// How long so many bytes take to go through.
    #[must_use]
    pub fn takes(self, bytes: usize) -> Duration {
        let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(8);
        Duration::from_micros(bits.saturating_mul(1_000) / u64::from(self.kbps.max(1)))
    }
}

/// What a line is like from some time on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Since the line began.
    pub at: Duration,
    /// The whole of it: what an earlier step said is over.
    pub is: Impairment,
}

/// A direction of a line over time. Before the first step it is perfect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script(Vec<Step>);

impl Script {
    /// A line that follows `steps`, in the order of their times.
    #[must_use]
    pub fn new(mut steps: Vec<Step>) -> Self {
        steps.sort_by_key(|step| step.at);
        Self(steps)
    }

    /// A line that stays as it is.
    #[must_use]
    pub fn always(is: Impairment) -> Self {
        Self::new(vec![Step {
            at: Duration::ZERO,
            is,
        }])
    }

    /// What it is like so long after its beginning.
    #[must_use]
    pub fn at(&self, since: Duration) -> Impairment {
        let passed = self.0.partition_point(|step| step.at <= since);
        match passed.checked_sub(1) {
            Some(last) => self.0[last].is,
            None => Impairment::default(),
        }
    }

    /// When it changes next, after so long.
    #[must_use]
    pub fn next_change(&self, since: Duration) -> Option<Duration> {
        let passed = self.0.partition_point(|step| step.at <= since);
        Some(self.0.get(passed)?.at)
    }
}

/// Both directions of a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// From the classroom (or the teacher) to the server.
    pub up: Script,
    /// From the server.
    pub down: Script,
    /// When its NAT gives a client of UDP another port towards the server, in order, since the line began.
    pub rebinds: Vec<Duration>,
}

impl Line {
    /// The same both ways.
    #[must_use]
    pub fn both(script: &Script) -> Self {
        Self {
            up: script.clone(),
            down: script.clone(),
            rebinds: Vec::new(),
        }
    }

    /// When it changes in either direction, in order; what it is from the beginning is no change.
    #[must_use]
    pub fn changes(&self) -> Vec<Duration> {
        let steps = self.up.0.iter().chain(&self.down.0);
        let mut changes: Vec<Duration> = steps.map(|step| step.at).filter(|at| !at.is_zero()).collect();
        changes.sort();
        changes
    }

    /// Reads a file of steps; see [`Line::parse`].
    ///
    /// # Errors
    ///
    /// When it cannot be read, with the place.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("--line {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("--line {}", path.display()))
    }

    /// Reads steps in TOML, such as
    ///
    /// ```toml
    /// [[step]]
    /// at = 10             # seconds since the line began
    /// direction = "down"  # up, down or both (the default)
    /// loss = 0.05         # part of the packets ...
    /// burst = 4           # ... in bursts of that length
    /// delay_ms = 40
    /// jitter_ms = 10
    /// reorder = 0.01      # part of the packets that others overtake
    /// kbps = 400
    /// queue_ms = 200
    /// cut = false
    /// rebind = false      # at this moment the NAT gives another port
    /// ```
    ///
    /// # Errors
    ///
    /// When it is no such thing.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        Self::of(file.step)
    }

    /// The line that written steps describe.
    ///
    /// # Errors
    ///
    /// When a value is out of its range, with its name.
    pub fn of(steps: impl IntoIterator<Item = WrittenStep>) -> anyhow::Result<Self> {
        let (mut up, mut down, mut rebinds) = (Vec::new(), Vec::new(), Vec::new());
        for written in steps {
            let (direction, step) = (written.direction, written.step()?);
            if written.rebind {
                rebinds.push(step.at);
            }
            if direction != Direction::Down {
                up.push(step);
            }
            if direction != Direction::Up {
                down.push(step);
            }
        }
        rebinds.sort();
        Ok(Self {
            up: Script::new(up),
            down: Script::new(down),
            rebinds,
        })
    }
}

/// Steps as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    step: Vec<WrittenStep>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Direction {
    Up,
    Down,
    #[default]
    Both,
}

/// A step as it is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenStep {
    at: f64,
    direction: Direction,
    loss: f64,
    burst: f64,
    delay_ms: u64,
    jitter_ms: u64,
    reorder: f64,
    kbps: Option<u32>,
    queue_ms: Option<u64>,
    cut: bool,
    rebind: bool,
}

impl WrittenStep {
    fn step(self) -> anyhow::Result<Step> {
        let part = |name: &str, part: f64| {
            anyhow::ensure!((0.0..=1.0).contains(&part), "{name} is to be from 0 to 1");
            Ok(part)
        };
        anyhow::ensure!(
            self.kbps != Some(0),
            "kbps is to be more than 0; cut = true lets nothing through"
        );
        anyhow::ensure!(
            self.queue_ms.is_none() || self.kbps.is_some(),
            "queue_ms belongs to kbps"
        );
        let rate = self.kbps.map(|kbps| Rate {
            kbps,
            queue: Duration::from_millis(self.queue_ms.unwrap_or(QUEUE_MS)),
        });
        Ok(Step {
            at: Duration::try_from_secs_f64(self.at).context("at is to be a time in seconds")?,
            is: Impairment {
                loss: Loss::bursts(part("loss", self.loss)?, self.burst),
                delay: Duration::from_millis(self.delay_ms),
                jitter: Duration::from_millis(self.jitter_ms),
                reorder: part("reorder", self.reorder)?,
                rate,
                cut: self.cut,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(ms: u64) -> Impairment {
        Impairment {
            delay: Duration::from_millis(ms),
            ..Impairment::default()
        }
    }

    #[test]
    fn the_last_step_whose_time_has_come_counts() {
        let seconds = Duration::from_secs;
        let step = |at, ms| Step {
            at: seconds(at),
            is: slow(ms),
        };
        let script = Script::new(vec![step(20, 2), step(10, 1)]);
        assert_eq!(script.at(seconds(9)), Impairment::default());
        assert_eq!(script.at(seconds(10)), slow(1));
        assert_eq!(script.at(seconds(100)), slow(2));
        assert_eq!(Script::always(slow(3)).at(Duration::ZERO), slow(3));
    }

    #[test]
    fn steps_are_read_for_the_directions_they_name() {
        let line = Line::parse(
            "[[step]]\ndelay_ms = 40\n\
             [[step]]\nat = 10\ndirection = \"down\"\nkbps = 400\nloss = 0.5\nburst = 4\n\
             [[step]]\nat = 20.5\ncut = true\nrebind = true\n",
        )
        .expect("a line");
        let at = Duration::from_secs_f64;
        assert_eq!(line.up.at(at(15.0)), slow(40));
        let down = line.down.at(at(15.0));
        assert_eq!((down.delay, down.loss), (Duration::ZERO, Loss::bursts(0.5, 4.0)));
        let queue = Duration::from_millis(QUEUE_MS);
        assert_eq!(down.rate, Some(Rate { kbps: 400, queue }));
        assert!(line.up.at(at(20.5)).cut && line.down.at(at(21.0)).cut);
        assert_eq!(line.rebinds, [at(20.5)]);
    }

    #[test]
    fn what_is_no_step_is_refused_with_the_reason() {
        for (text, reason) in [
            ("[[step]]\nloss = 5\n", "0 to 1"),
            ("[[step]]\nkbps = 0\n", "more than 0"),
            ("[[step]]\nqueue_ms = 5\n", "belongs to kbps"),
            ("[[step]]\nat = -1\n", "seconds"),
            ("[[step]]\nlatency = 5\n", "latency"),
        ] {
            let error = Line::parse(text).expect_err(text);
            assert!(format!("{error:#}").contains(reason), "{text}: {error:#}");
        }
    }
}
