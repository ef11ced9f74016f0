//! The table.

use std::time::Duration;

use crate::TURN;
use crate::usage::Usage;
use crate::viewers::Counted;

/// What both used in a turn each.
pub struct Round {
    pub engine: Usage,
    pub floor: Usage,
    /// The engine's while the floor has its turn and nobody teaches.
    pub idle: Usage,
}

/// One size.
pub struct Row {
    pub viewers: usize,
    pub rounds: Vec<Round>,
    /// What the engine's viewers got.
    pub counted: Counted,
    pub join_ms: f64,
    pub joined_in: Duration,
    pub memory_kib: f64,
    pub latency: Latency,
}

/// From the publisher's call to a viewer's decrypted sound, µs.
pub struct Latency {
    pub p50_us: u64,
    pub p99_us: u64,
    pub samples: usize,
}

#[expect(clippy::print_stdout, reason = "the table is what the bench is for")]
fn line(text: &str) {
    println!("{text}");
}

/// Before the rows.
pub fn head(threads: usize, seconds: u64) {
    line(&format!(
        "engine: 1280x720 at 1.5 Mbit/s and 25 fps with Opus to so many viewers, {threads} thread(s), {seconds} s each"
    ));
    line(
        "viewers | engine µs/packet (user) | floor µs/packet (user) | ratio (least, most) | packets/call | lost % | \
         latency p50 p99 ms | join CPU ms, all in s | KiB/viewer | idle µs/s a viewer",
    );
}

impl Row {
    /// As a line.
    pub fn print(&self) {
        let engine = Usage::sum(self.rounds.iter().map(|round| &round.engine));
        let floor = Usage::sum(self.rounds.iter().map(|round| &round.floor));
        let middle = |of: &dyn Fn(&Round) -> f64| {
            let mut values: Vec<f64> = self.rounds.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            (values[values.len() / 2], values[0], values[values.len() - 1])
        };
        let part = |usage: &Usage| usage.per_packet_us() * usage.user_part();
        let (ratio, least, most) =
            middle(&|round| round.engine.per_packet_us() / round.floor.per_packet_us());
        let Counted { packets, lost } = self.counted;
        let lost = 100.0 * lost as f64 / (packets + lost).max(1) as f64;
        line(&format!(
            "{:7} | {:.2} ({:.2}) | {:.2} ({:.2}) | {ratio:.2} ({least:.2}, {most:.2}) | {:.2} | {lost:.3} | {:.2} {:.2} ({}) | {:.2}, {:.1} | {:.0} | {:.1}",
            self.viewers,
            middle(&|round| round.engine.per_packet_us()).0,
            part(&engine),
            middle(&|round| round.floor.per_packet_us()).0,
            part(&floor),
            engine.packets as f64 / engine.sends.max(1) as f64,
            self.latency.p50_us as f64 / 1e3,
            self.latency.p99_us as f64 / 1e3,
            self.latency.samples,
            self.join_ms,
            self.joined_in.as_secs_f64(),
            self.memory_kib,
            middle(&|round| round.idle.cpu_ns as f64 / 1e3).0 / TURN.as_secs_f64() / self.viewers as f64,
        ));
    }
}

/// After them.
pub fn foot() {
    line(
        "floor: GCM and one GSO send per frame to the same receivers, in turn with the engine; CPU of the sending threads, sockets \
         included; medians of the turns",
    );
}
