//! What forwarding costs with real sockets and real SRTP viewers, beside what the cipher and the kernel alone cost for the same
//! packets to the same receivers. The engine runs in a process of its own; viewers join by ICE and DTLS through str0m.
//! `cargo bench -p tongke-sfu --bench engine`; VIEWERS="100 1000", SECONDS=10 and THREADS=1 choose another size;
//! TRANSPORT=tcp has the viewers connect by TCP, while the floor stays UDP.

#![allow(
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a program in modules, whose numbers are small and rounded for a table"
)]

mod child;
mod client;
mod floor;
mod publisher;
mod report;
mod usage;
mod viewers;
mod wire;

use std::time::{Duration, Instant};

use publisher::Studio;
use report::{Round, Row};
use usage::Usage;
use viewers::{Counted, Hall};
use wire::Engine;

/// After the last join, until what is measured is steady.
const SETTLE: Duration = Duration::from_secs(2);
/// A turn of the engine or the floor; peers that are left alone for longer are lost.
const TURN: Duration = Duration::from_secs(2);
/// After the floor's turn, until what is measured is steady again.
const AGAIN: Duration = Duration::from_millis(300);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == child::ARGUMENT) {
        child::run();
        return;
    }
    let sizes: Vec<usize> = setting("VIEWERS", "10 50 100 200 1000")
        .split_whitespace()
        .map(|size| size.parse().expect("VIEWERS are numbers"))
        .collect();
    let seconds: u64 = setting("SECONDS", "10").parse().expect("SECONDS is a number");
    let threads: usize = setting("THREADS", "1").parse().expect("THREADS is a number");
    report::head(threads, seconds);
    for viewers in sizes {
        measure(viewers, Duration::from_secs(seconds), threads).print();
    }
    report::foot();
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// One size: joins, then the engine and the floor to the same receivers in turn, so that what else the machine does meets both.
fn measure(viewers: usize, duration: Duration, threads: usize) -> Row {
    let mut engine = Engine::start(threads);
    let mut studio = Studio::open(&mut engine);
    let before = engine.usage();
    let began = Instant::now();
    let hall = Hall::open(&mut engine, viewers, &mut studio);
    let joined_in = began.elapsed();
    let after = engine.usage();
    let running = hall.run();
    let targets = [running.addresses(), studio.addresses()].concat();
    studio.teach(SETTLE);
    let (mut rounds, mut counted) = (Vec::new(), Counted::default());
    for _ in 0..duration.as_secs().div_ceil(TURN.as_secs()) {
        studio.teach(AGAIN);
        let (start, seen) = (engine.usage(), running.counted());
        studio.measure(true);
        studio.teach(TURN);
        studio.measure(false);
        let end = engine.usage();
        let used = end.since(&start);
        let now = running.counted();
        counted.packets += now.packets - seen.packets;
        counted.lost += now.lost - seen.lost;
        let floor = studio.during(|| engine.floor(targets.clone(), TURN));
        let idle = engine.usage().since(&end);
        rounds.push(Round {
            engine: used,
            floor,
            idle,
        });
    }
    let end = engine.usage();
    running.stop();
    let came = (viewers - publisher::SAMPLES) as f64;
    Row {
        viewers,
        rounds,
        counted,
        join_ms: after.since(&before).cpu_ms() / came,
        joined_in,
        memory_kib: Usage::growth_kib(&before, &end) / came,
        latency: studio.latency(),
    }
}
