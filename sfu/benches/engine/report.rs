//! The table.

use std::time::Duration;

use crate::usage::Usage;

/// One size.
pub struct Row {
    pub viewers: usize,
    pub engine: Usage,
    pub floor: Usage,
    pub received: u64,
    pub lost: u64,
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
        "viewers | engine µs/packet (user) | floor µs/packet (user) | ratio | packets/send | lost % | \
         latency p50 p99 ms | join CPU ms, all in s | KiB/viewer",
    );
}

impl Row {
    /// As a line.
    pub fn print(&self) {
        let (engine, floor) = (self.engine.per_packet_us(), self.floor.per_packet_us());
        let part = |usage: &Usage| usage.per_packet_us() * usage.user_part();
        let lost = 100.0 * self.lost as f64 / (self.received + self.lost).max(1) as f64;
        line(&format!(
            "{:7} | {engine:.2} ({:.2}) | {floor:.2} ({:.2}) | {:.2} | {:.2} | {lost:.3} | {:.2} {:.2} ({}) | {:.2}, {:.1} | {:.0}",
            self.viewers,
            part(&self.engine),
            part(&self.floor),
            engine / floor,
            self.engine.packets as f64 / self.engine.sends.max(1) as f64,
            self.latency.p50_us as f64 / 1e3,
            self.latency.p99_us as f64 / 1e3,
            self.latency.samples,
            self.join_ms,
            self.joined_in.as_secs_f64(),
            self.memory_kib,
        ));
    }
}

/// After them.
pub fn foot() {
    line(
        "floor: GCM and one GSO send per frame to the same receivers, in the same run; CPU of the sending threads, sockets included",
    );
}
