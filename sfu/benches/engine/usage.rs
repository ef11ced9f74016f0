//! CPU time of threads by their names, memory, and what was sent with them.

use std::fs;

use serde::{Deserialize, Serialize};

/// Of the threads asked for, since they started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// CPU, exact.
    pub cpu_ns: u64,
    /// Clock ticks in user and kernel mode: coarse, for their ratio.
    pub user_ticks: u64,
    pub system_ticks: u64,
    /// CPU of all threads of the process.
    pub process_ns: u64,
    /// RTP packets sent, and calls that sent them.
    pub packets: u64,
    pub sends: u64,
    /// Resident memory of the process.
    pub rss_kib: u64,
}

impl Usage {
    /// Of this process' threads whose name begins so.
    pub fn of(prefix: &str) -> Self {
        let mut usage = Self::default();
        let tasks = fs::read_dir("/proc/self/task").expect("proc is there");
        for task in tasks.filter_map(Result::ok) {
            let path = task.path();
            let (Ok(stat), Ok(sched)) = (
                fs::read_to_string(path.join("stat")),
                fs::read_to_string(path.join("schedstat")),
            ) else {
                continue;
            };
            let ns: u64 = sched
                .split_whitespace()
                .next()
                .and_then(|ns| ns.parse().ok())
                .unwrap_or(0);
            usage.process_ns += ns;
            let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else {
                continue;
            };
            if name.starts_with(prefix) {
                let field = |at: usize| {
                    rest.split_whitespace()
                        .nth(at)
                        .and_then(|ticks| ticks.parse::<u64>().ok())
                };
                usage.cpu_ns += ns;
                usage.user_ticks += field(11).unwrap_or(0);
                usage.system_ticks += field(12).unwrap_or(0);
            }
        }
        let status = fs::read_to_string("/proc/self/status").expect("proc is there");
        usage.rss_kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|kib| kib.parse().ok())
            .unwrap_or(0);
        usage
    }

    /// What was used since another time.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns - before.cpu_ns,
            user_ticks: self.user_ticks - before.user_ticks,
            system_ticks: self.system_ticks - before.system_ticks,
            process_ns: self.process_ns - before.process_ns,
            packets: self.packets - before.packets,
            sends: self.sends - before.sends,
            rss_kib: self.rss_kib.saturating_sub(before.rss_kib),
        }
    }

    /// Of several spans of time together.
    pub fn sum<'a>(spans: impl Iterator<Item = &'a Self>) -> Self {
        spans.fold(Self::default(), |sum, span| Self {
            cpu_ns: sum.cpu_ns + span.cpu_ns,
            user_ticks: sum.user_ticks + span.user_ticks,
            system_ticks: sum.system_ticks + span.system_ticks,
            process_ns: sum.process_ns + span.process_ns,
            packets: sum.packets + span.packets,
            sends: sum.sends + span.sends,
            rss_kib: span.rss_kib,
        })
    }

    /// CPU of the whole process in ms.
    pub fn cpu_ms(&self) -> f64 {
        self.process_ns as f64 / 1e6
    }

    /// µs per packet.
    pub fn per_packet_us(&self) -> f64 {
        self.cpu_ns as f64 / 1e3 / self.packets.max(1) as f64
    }

    /// Of it in user mode.
    pub fn user_part(&self) -> f64 {
        self.user_ticks as f64 / (self.user_ticks + self.system_ticks).max(1) as f64
    }

    /// Memory that came between two times.
    pub fn growth_kib(before: &Self, after: &Self) -> f64 {
        after.rss_kib as f64 - before.rss_kib as f64
    }
}
