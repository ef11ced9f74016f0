//! Processor time of a process, by Linux's `/proc`.

use anyhow::Context as _;

/// `sysconf(_SC_CLK_TCK)` is 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cpu {
    /// In user mode, in s.
    pub user_s: f64,
    /// In the kernel, in s.
    pub system_s: f64,
    /// Resident memory in KiB.
    pub resident_kib: u64,
}

impl Cpu {
    /// Of a process, all its threads together.
    ///
    /// # Errors
    ///
    /// When there is no such process, or no `/proc`.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        parse(&read("stat")?, &read("status")?).with_context(|| format!("process {pid} is unreadable"))
    }
}

impl Cpu {
    /// Of the thread that asks.
    ///
    /// # Errors
    ///
    /// When there is no `/proc`.
    pub fn of_this_thread() -> anyhow::Result<Self> {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").context("cannot read /proc")?;
        parse(&stat, "").context("this thread is unreadable")
    }
}

fn parse(stat: &str, status: &str) -> Option<Cpu> {
    // The name, in parentheses, may hold anything: the fields that count come after its end.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    let resident_kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    Some(Cpu {
        user_s: ticks(11)? / TICKS_PER_SECOND,
        system_s: ticks(12)? / TICKS_PER_SECOND,
        resident_kib,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_after_a_name_with_parentheses() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 125 0 0 20 0 4 0 100 1000 50 0";
        let cpu = parse(stat, "Name:\tx\nVmRSS:\t  2048 kB\n").expect("readable");
        assert_eq!((cpu.user_s, cpu.system_s, cpu.resident_kib), (2.5, 1.25, 2_048));
        assert_eq!(parse("garbage", ""), None);
    }

    #[test]
    fn reads_this_process() {
        let cpu = Cpu::of(std::process::id()).expect("this process runs");
        assert!(cpu.resident_kib > 0);
    }
}
