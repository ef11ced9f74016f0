//! How a run went over time: a sample each half second.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::seat::Sums;

/// Samples of a run at most: past it every second one is given up, and the steps are twice as long.
const SAMPLES_MAX: usize = 2_000;

/// What there was in one step of time, of all classrooms together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// End of the step, in s since the run began.
    pub at_s: f64,
    /// Classrooms that got packets in it.
    pub receiving: usize,
    /// Packets a second.
    pub packets_per_s: f64,
    /// Packets a second that were lost for good.
    pub lost_per_s: f64,
    /// Packets a second that were repaired.
    pub repaired_per_s: f64,
    /// Frames a second that could be shown.
    pub frames_per_s: f64,
    /// Payload of pictures, in kbit/s.
    pub video_kbps: f64,
}

/// Gathers samples.
#[derive(Debug)]
pub struct Timeline {
    start: Instant,
    before: Vec<Sums>,
    last: Instant,
    /// Of so many looks one is kept.
    stride: u32,
    looks: u32,
    samples: Vec<Sample>,
}

impl Timeline {
    /// Begins.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            before: Vec::new(),
            last: start,
            stride: 1,
            looks: 0,
            samples: Vec::new(),
        }
    }

    /// Looks at what each classroom got so far.
    pub fn look(&mut self, now: Instant, sums: Vec<Sums>) {
        self.looks += 1;
        if !self.looks.is_multiple_of(self.stride) {
            return;
        }
        let step = now
            .saturating_duration_since(self.last)
            .max(Duration::from_millis(1));
        self.samples.push(self.sample(now, step, &sums));
        self.before = sums;
        self.last = now;
        if self.samples.len() >= SAMPLES_MAX {
            let mut even = false;
            self.samples.retain(|_| {
                even = !even;
                !even
            });
            self.stride *= 2;
        }
    }

    fn sample(&self, now: Instant, step: Duration, sums: &[Sums]) -> Sample {
        let mut sample = Sample {
            at_s: now.saturating_duration_since(self.start).as_secs_f64(),
            ..Sample::default()
        };
        let a_second = |count: u64| super::report::float(count) / step.as_secs_f64();
        for (index, sum) in sums.iter().enumerate() {
            let before = self.before.get(index).copied().unwrap_or_default();
            let packets = sum.packets.saturating_sub(before.packets);
            sample.receiving += usize::from(packets > 0);
            sample.packets_per_s += a_second(packets);
            sample.lost_per_s += a_second(sum.lost.saturating_sub(before.lost));
            sample.repaired_per_s += a_second(sum.repaired.saturating_sub(before.repaired));
            sample.frames_per_s += a_second(sum.frames.saturating_sub(before.frames));
            sample.video_kbps += a_second(sum.video_bytes.saturating_sub(before.video_bytes)) * 8.0 / 1_000.0;
        }
        sample
    }

    /// The samples so far.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.samples.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(packets: u64, lost: u64) -> Sums {
        Sums {
            packets,
            lost,
            ..Sums::default()
        }
    }

    #[test]
    fn a_sample_is_what_came_since_the_one_before() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timeline = Timeline::new(start);
        timeline.look(at(500), vec![sums(50, 0), sums(0, 0)]);
        timeline.look(at(1_000), vec![sums(150, 10), sums(10, 0)]);
        let samples = timeline.samples();
        assert_eq!((samples[0].receiving, samples[1].receiving), (1, 2));
        assert!((samples[0].packets_per_s - 100.0).abs() < 1e-9);
        assert!((samples[1].packets_per_s - 220.0).abs() < 1e-9);
        assert!((samples[1].lost_per_s - 20.0).abs() < 1e-9);
        assert!((samples[1].at_s - 1.0).abs() < 1e-9);
    }

    #[test]
    fn samples_are_bounded_and_lose_nothing_of_the_whole() {
        let start = Instant::now();
        let mut timeline = Timeline::new(start);
        for step in 1..=10_000_u32 {
            let now = start + Duration::from_millis(500) * step;
            timeline.look(now, vec![sums(u64::from(step) * 100, 0)]);
        }
        let samples = timeline.samples();
        assert!(samples.len() < SAMPLES_MAX && samples.len() > SAMPLES_MAX / 4);
        assert!(samples.is_sorted_by(|one, next| one.at_s < next.at_s));
        let late = samples.last().expect("some");
        assert!((late.packets_per_s - 200.0).abs() < 1e-6, "{late:?}");
    }
}
