//! Looks at the classrooms from outside, and at what the server spends on them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::report::{ServerCpu, float};
use super::seat::{Seat, Sums};
use super::timeline::{Sample, Timeline};
use crate::cpu::Cpu;
use crate::progress::Progress;

const TICK: Duration = Duration::from_millis(500);

/// Follows a run.
#[derive(Debug)]
pub struct Watch<'a> {
    seats: &'a [Arc<Seat>],
    server: Option<u32>,
    /// When all had media: the time, the server's use and the packets so far.
    settled: Option<(Instant, Cpu, u64)>,
    timeline: Timeline,
}

impl<'a> Watch<'a> {
    /// Watches `seats`, and the process `server`.
    #[must_use]
    pub fn new(seats: &'a [Arc<Seat>], server: Option<u32>) -> Self {
        Self {
            seats,
            server,
            settled: None,
            timeline: Timeline::new(Instant::now()),
        }
    }

    /// Shows how it goes until `deadline`.
    pub async fn follow(&mut self, deadline: Instant, progress: &Progress) {
        let start = Instant::now();
        let mut last = (start, 0);
        loop {
            let now = Instant::now();
            if now >= deadline {
                return;
            }
            tokio::time::sleep_until((now + TICK).min(deadline).into()).await;
            let now = Instant::now();
            let sums: Vec<Sums> = self.seats.iter().map(|seat| seat.sums()).collect();
            let packets: u64 = sums.iter().map(|sum| sum.packets).sum();
            let lost: u64 = sums.iter().map(|sum| sum.lost).sum();
            let with_media = sums.iter().filter(|sum| sum.packets > 0).count();
            if with_media == sums.len() && self.settled.is_none() {
                let cpu = self.server.and_then(|pid| Cpu::of(pid).ok()).unwrap_or_default();
                self.settled = Some((now, cpu, packets));
            }
            let rate = float(packets - last.1) / (now - last.0).as_secs_f64().max(0.001);
            last = (now, packets);
            self.timeline.look(now, sums);
            progress.show(
                now.saturating_duration_since(start),
                deadline.saturating_duration_since(start),
                &format!(
                    "{with_media} of {} classrooms have media, {rate:.0} packets/s, {lost} lost",
                    self.seats.len()
                ),
            );
        }
    }

    /// How it went over time.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.timeline.samples()
    }

    /// What the server spent since all classrooms had media.
    #[must_use]
    pub fn server_cpu(&self) -> Option<ServerCpu> {
        let (since, before, packets_before) = self.settled?;
        let after = Cpu::of(self.server?).ok()?;
        let packets: u64 = self.seats.iter().map(|seat| seat.sums().packets).sum();
        let packets = packets - packets_before;
        let (user_s, system_s) = (after.user_s - before.user_s, after.system_s - before.system_s);
        let each = |seconds: f64| seconds * 1_000_000.0 / float(packets.max(1));
        Some(ServerCpu {
            seconds: since.elapsed().as_secs_f64(),
            user_s,
            system_s,
            packets,
            us_per_packet: each(user_s + system_s),
            user_us_per_packet: each(user_s),
            resident_kib: after.resident_kib,
        })
    }
}
