//! Which processor each media thread keeps to.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::api::StartError;

/// Says which of them this process may not run on.
pub(super) fn check(cpus: &[usize]) -> Result<(), StartError> {
    let ours = sched_getaffinity(None).map_err(|error| StartError::Thread(error.into()))?;
    let may = |cpu: usize| cpu < CpuSet::MAX_CPU && ours.is_set(cpu);
    let Some(cpu) = cpus.iter().copied().find(|cpu| !may(*cpu)) else {
        return Ok(());
    };
    let allowed = (0..CpuSet::MAX_CPU).filter(|cpu| may(*cpu));
    Err(StartError::Cpu {
        cpu,
        allowed: allowed.map(|cpu| cpu.to_string()).collect::<Vec<_>>().join(", "),
    })
}

/// Keeps the calling thread to the processor that is its: the n-th thread has the n-th, and from the first again where there are
/// more threads. Without processors the system chooses.
pub(super) fn keep_to(cpus: &[usize], thread: usize) {
    let Some(cpu) = cpus.get(thread % cpus.len().max(1)) else {
        return;
    };
    let mut set = CpuSet::new();
    set.set(*cpu);
    if let Err(error) = sched_setaffinity(None, &set) {
        // It was there at the start; the system has to choose again.
        tracing::warn!(cpu, %error, "a media thread cannot keep to its processor");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on() -> Vec<usize> {
        let set = sched_getaffinity(None).expect("a thread has processors");
        (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
    }

    #[test]
    fn threads_take_processors_in_turn() {
        let ours = on();
        check(&ours).expect("they are ours");
        for thread in 0..2 * ours.len() {
            let cpus = ours.clone();
            let kept = std::thread::spawn(move || {
                keep_to(&cpus, thread);
                on()
            });
            assert_eq!(kept.join().expect("it ends"), [ours[thread % ours.len()]]);
        }
        keep_to(&[], 0);
        assert_eq!(on(), ours);
    }

    #[test]
    fn a_processor_that_is_not_there_is_named_with_those_that_are() {
        let ours = on();
        for missing in [CpuSet::MAX_CPU - 1, usize::MAX] {
            let said = check(&[ours[0], missing])
                .expect_err("it is not there")
                .to_string();
            assert!(said.contains(&missing.to_string()), "{said}");
            assert!(said.contains(&ours[0].to_string()), "{said}");
        }
    }
}
