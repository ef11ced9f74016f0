//! The line that the flags describe.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use crate::impair::loss::Loss;
use crate::impair::script::{Impairment, Line, Rate, Script, Step};
use crate::impair::through::BadLine;

#[derive(Clone, Debug, Args)]
pub(super) struct LineArgs {
    /// Part of the packets the line loses, 0 to 1 ...
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    loss: f64,
    /// ... in bursts of so many on the average.
    #[arg(long, default_value_t = 1.0)]
    burst: f64,
    /// Time a packet takes on the line.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Up to so much more, by chance.
    #[arg(long, default_value_t = 0)]
    jitter_ms: u64,
    /// Part of the packets that others overtake, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    reorder: f64,
    /// What the line lets through, in kbit/s, both ways ...
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    kbps: Option<u32>,
    /// ... with a queue before it that is so long.
    #[arg(long, default_value_t = 200, requires = "kbps")]
    queue_ms: u64,
    /// The line is cut after so many seconds ...
    #[arg(long, requires = "cut_for")]
    cut_at: Option<f64>,
    /// ... for so many seconds.
    #[arg(long, requires = "cut_at")]
    cut_for: Option<f64>,
    /// The line's NAT gives another port towards the server after so many seconds.
    #[arg(long)]
    rebind_at: Option<f64>,
    /// TOML file of steps: a line that changes over time, and is not the same both ways. See docs/LOADTEST.md.
    #[arg(
        long,
        conflicts_with_all = ["loss", "burst", "delay_ms", "jitter_ms", "reorder", "kbps", "cut_at", "rebind_at"]
    )]
    line: Option<PathBuf>,
    /// Seed of the line's fate, and of arrivals.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

/// A part of something.
pub(super) fn part(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(part) if (0.0..=1.0).contains(&part) => Ok(part),
        _ => Err("a number from 0 to 1 is needed".to_owned()),
    }
}

impl LineArgs {
    /// What the line is like.
    pub(super) fn line(&self) -> anyhow::Result<Line> {
        if let Some(path) = &self.line {
            return Line::read(path);
        }
        let is = Impairment {
            loss: Loss::bursts(self.loss, self.burst),
            delay: Duration::from_millis(self.delay_ms),
            jitter: Duration::from_millis(self.jitter_ms),
            reorder: self.reorder,
            rate: self.kbps.map(|kbps| Rate {
                kbps,
                queue: Duration::from_millis(self.queue_ms),
            }),
            cut: false,
        };
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).context("not a time in seconds");
        let mut steps = vec![Step {
            at: Duration::ZERO,
            is,
        }];
        if let (Some(at), Some(lasts)) = (self.cut_at, self.cut_for) {
            let (at, ends) = (seconds(at)?, seconds(at + lasts)?);
            let cut = Impairment { cut: true, ..is };
            steps.extend([Step { at, is: cut }, Step { at: ends, is }]);
        }
        Ok(Line {
            rebinds: self.rebind_at.map(seconds).transpose()?.into_iter().collect(),
            ..Line::both(&Script::new(steps))
        })
    }

    /// A line to lead media over; `None` when it would be a perfect one.
    pub(super) fn bad_line(&self) -> anyhow::Result<Option<Arc<BadLine>>> {
        let line = self.line()?;
        let perfect = Line::both(&Script::always(Impairment::default()));
        Ok((line != perfect).then(|| Arc::new(BadLine::new(line, self.seed))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Flags {
        #[command(flatten)]
        line: LineArgs,
    }

    fn parse(flags: &[&str]) -> Result<LineArgs, clap::Error> {
        Flags::try_parse_from([&["x"], flags].concat()).map(|flags| flags.line)
    }

    #[test]
    fn flags_are_checked() {
        let good = [
            "--loss",
            "0.1",
            "--burst",
            "4",
            "--cut-at",
            "1",
            "--cut-for",
            "2.5",
        ];
        assert!(parse(&good).is_ok());
        for bad in [
            &["--loss", "5"][..],
            &["--cut-at", "1"],
            &["--queue-ms", "5"],
            &["--kbps", "0"],
            &["--line", "x.toml", "--loss", "0.1"],
            &["--line", "x.toml", "--rebind-at", "1"],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_flags_are_no_line_and_a_cut_begins_and_ends() {
        assert!(parse(&[]).expect("good").bad_line().expect("good").is_none());
        let cut = parse(&["--cut-at", "1", "--cut-for", "2.5", "--delay-ms", "9"]).expect("good");
        let up = cut.line().expect("good").up;
        let at = |seconds| up.at(Duration::from_secs_f64(seconds));
        assert!(!at(0.9).cut && at(1.0).cut && at(3.4).cut && !at(3.5).cut);
        assert_eq!(at(3.5).delay, Duration::from_millis(9));
        let rebind = parse(&["--rebind-at", "20"]).expect("good").bad_line();
        assert!(rebind.expect("good").is_some(), "it is no perfect line");
    }
}
