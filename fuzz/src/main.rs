//! `tongke-fuzz SECONDS [TARGET…]`: feeds each target for so many seconds of CPU, whatever else the machine does, with changes of its
//! corpus. A find is written to the current folder and named.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::{Context as _, bail};
use fuzz::{Changes, TARGETS, Target, corpus};
use rustix::time::{ClockId, clock_gettime};

/// Inputs between two looks at the clock.
const ROUND: usize = 256;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let usage = "usage: tongke-fuzz SECONDS [TARGET...]";
    let seconds: u64 = words.next().context(usage)?.parse().context(usage)?;
    let names: Vec<String> = words.collect();
    for name in &names {
        if !TARGETS.iter().any(|target| target.name == name) {
            let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            bail!("no target {name}; there are {}", known.join(", "));
        }
    }
    let chosen = |target: &&Target| names.is_empty() || names.iter().any(|name| name == target.name);
    for target in TARGETS.iter().filter(chosen) {
        feed(target, Duration::from_secs(seconds))?;
    }
    Ok(())
}

fn feed(target: &Target, time: Duration) -> anyhow::Result<()> {
    let corpus: Vec<Vec<u8>> = corpus(target)
        .with_context(|| format!("the corpus of {}", target.name))?
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect();
    let seed = rand::random();
    let mut changes = Changes::new(seed, target.longest);
    let (begin, mut inputs) = (used(), 0_u64);
    while used().saturating_sub(begin) < time {
        for _ in 0..ROUND {
            let input = changes.next(&corpus);
            inputs += 1;
            if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
                let file = format!("{}-{seed:016x}-{inputs}", target.name);
                std::fs::write(&file, &input)?;
                bail!("{}: a find after {inputs} inputs, kept as {file}", target.name);
            }
        }
    }
    say(target, inputs);
    Ok(())
}

/// CPU this thread used so far.
fn used() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "what the command has to say")]
fn say(target: &Target, inputs: u64) {
    println!("{}: {inputs} inputs without a find", target.name);
}
