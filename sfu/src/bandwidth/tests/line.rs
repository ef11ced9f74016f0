//! A simulated line with a viewer at its end, and a sender as the engine is one: layers, frames in bursts, probes in ticks.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::{Bandwidth, INITIAL, Probe, ProbeId};
use crate::rtcp::write;

const TICK_US: u64 = 5_000;
const PACKET: usize = 1_150;
const FRAME_US: u64 = 40_000;
const AUDIO_US: u64 = 20_000;
const AUDIO: usize = 120;
const AUDIO_BPS: u64 = 48_000;

thread_local! {
    /// Of the worlds made on this thread.
    static SEED: Cell<u64> = const { Cell::new(7) };
}

/// Seeds of a test in CI; `SFU_SEEDS` asks for more.
const SEEDS: u64 = 3;

/// Runs `test` with each of the seeds; says of which it failed.
#[track_caller]
pub(super) fn each_seed(test: impl Fn()) {
    let count = std::env::var("SFU_SEEDS").ok().and_then(|text| text.parse().ok());
    let failed: Vec<u64> = (7..7 + count.unwrap_or(SEEDS))
        .filter(|seed| {
            SEED.set(*seed);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(&test)).is_err()
        })
        .collect();
    assert!(
        failed.is_empty(),
        "failed with {} seeds: {failed:?}",
        failed.len()
    );
}

/// What the line is from some moment on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) bits_per_second: u64,
    /// Packets that would wait longer are dropped.
    pub(super) queue_ms: u64,
    /// One way.
    pub(super) delay_ms: u64,
    pub(super) jitter_ms: u64,
    /// Share of packets lost after the queue.
    pub(super) loss: f64,
    /// Share of feedback lost.
    pub(super) feedback_loss: f64,
    /// Others' traffic through the same queue.
    pub(super) others: u64,
    /// Nothing passes either way.
    pub(super) cut: bool,
}

pub(super) const fn line(kilobits: u64) -> Line {
    Line {
        bits_per_second: kilobits * 1_000,
        queue_ms: 300,
        delay_ms: 25,
        jitter_ms: 0,
        loss: 0.0,
        feedback_loss: 0.0,
        others: 0,
        cut: false,
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// The highest of these layers that the estimate carries, beside audio; a switch comes with a keyframe.
    Layers(&'static [u64]),
    /// Whatever the estimate allows, up to this.
    Elastic(u64),
}

struct Padding {
    probe: Probe,
    begun_us: u64,
    sent: usize,
}

struct Arrival {
    at_us: u64,
    number: u16,
    /// Sent, and not the padding of a probe.
    bytes: usize,
}

/// Line, viewer and sender.
pub(super) struct World {
    pub(super) bandwidth: Bandwidth,
    pub(super) line: Line,
    pub(super) source: Source,
    /// Round trips are told each second, as receiver reports do.
    pub(super) reports: bool,
    /// Nothing is sent, and nothing wanted.
    pub(super) silent: bool,
    pub(super) now_us: u64,
    /// Estimate at each 100 ms.
    pub(super) estimates: Vec<u64>,
    /// Media that arrived, in bytes, and the most a packet waited in the queue, at each 100 ms.
    pub(super) arrived: Vec<usize>,
    pub(super) probes: u32,
    /// Most heap and struct bytes seen.
    pub(super) memory: usize,
    start: Instant,
    random: StdRng,
    /// When the line has sent all that waits.
    free_us: u64,
    last_arrival_us: u64,
    on_way: VecDeque<Arrival>,
    viewer: Viewer,
    back: VecDeque<(u64, Vec<u8>)>,
    layer: u64,
    padding: Option<Padding>,
    media: usize,
}

/// Sends feedback as libwebrtc does: each 50 to 100 ms, of all numbers since the last.
#[derive(Default)]
struct Viewer {
    base: Option<u64>,
    /// Whole number and arrival.
    arrived: Vec<(u64, u64)>,
    due_us: u64,
    count: u8,
}

impl World {
    pub(super) fn new(line: Line, source: Source, want: u64) -> Self {
        let start = Instant::now();
        let mut bandwidth = Bandwidth::new(start);
        bandwidth.want(want);
        Self {
            bandwidth,
            line,
            source,
            reports: true,
            silent: false,
            now_us: 0,
            estimates: Vec::new(),
            arrived: Vec::new(),
            probes: 0,
            memory: 0,
            start,
            random: StdRng::seed_from_u64(SEED.get()),
            free_us: 0,
            last_arrival_us: 0,
            on_way: VecDeque::new(),
            viewer: Viewer::default(),
            back: VecDeque::new(),
            layer: 0,
            padding: None,
            media: 0,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.start + Duration::from_micros(self.now_us)
    }

    /// Lets so many seconds pass.
    pub(super) fn run(&mut self, seconds: f64) -> &mut Self {
        let end = self.now_us + (seconds * 1e6) as u64;
        while self.now_us < end {
            self.tick();
            self.now_us += TICK_US;
        }
        self
    }

    fn tick(&mut self) {
        let waiting = self.line.others * TICK_US / 8_000_000;
        self.enqueue(waiting as usize);
        self.receive();
        let now = self.now();
        let due = |bandwidth: &Bandwidth| bandwidth.deadline().is_some_and(|at| at <= now);
        if due(&self.bandwidth) {
            self.bandwidth.handle_timeout(now);
            if let Some(probe) = self.bandwidth.probe(now) {
                self.probes += 1;
                self.padding = Some(Padding {
                    probe,
                    begun_us: self.now_us,
                    sent: 0,
                });
            }
            // Else a caller that sleeps until the deadline would spin.
            assert!(!due(&self.bandwidth), "{:?}", self.bandwidth.deadline());
        }
        self.send_media();
        self.send_padding();
        if self.now_us.is_multiple_of(100_000) {
            self.estimates.push(self.bandwidth.estimate().unwrap_or(INITIAL));
            self.arrived.push(std::mem::take(&mut self.media));
            self.memory = self.memory.max(self.bandwidth.memory());
        }
        if self.reports && !self.line.cut && self.now_us % 1_000_000 == 500_000 {
            let round = Duration::from_millis(2 * self.line.delay_ms);
            self.bandwidth.report(now, 0, Some(round));
        }
    }

    fn send_media(&mut self) {
        if self.silent {
            self.bandwidth.want(0);
            return;
        }
        if self.now_us.is_multiple_of(AUDIO_US) {
            self.send(AUDIO, None);
        }
        if !self.now_us.is_multiple_of(FRAME_US) {
            return;
        }
        let estimate = self.bandwidth.estimate().unwrap_or(INITIAL);
        let room = estimate.saturating_sub(AUDIO_BPS);
        let rate = match self.source {
            Source::Elastic(most) => room.min(most),
            Source::Layers(layers) => layers
                .iter()
                .copied()
                .filter(|layer| *layer <= room)
                .max()
                .unwrap_or(0),
        };
        let mut bytes = (rate * FRAME_US / 8_000_000) as usize;
        if matches!(self.source, Source::Layers(_)) {
            let keyframe = rate != self.layer || self.now_us.is_multiple_of(10_000_000);
            bytes = if keyframe { bytes * 5 } else { bytes };
            // Frames differ in size.
            bytes = bytes * self.random.random_range(70..130) / 100;
        }
        self.layer = rate;
        while bytes > 0 {
            let packet = bytes.min(PACKET);
            self.send(packet + 40, None);
            bytes -= packet;
        }
    }

    /// Padding makes up what media does not bring.
    fn send_padding(&mut self) {
        let Some(Padding {
            probe,
            begun_us,
            sent,
        }) = &self.padding
        else {
            return;
        };
        let passed = self.now_us + TICK_US - begun_us;
        let due = ((probe.rate * passed / 8_000_000) as usize).min(probe.bytes);
        let (id, mut left, done) = (probe.id, due.saturating_sub(*sent), due == probe.bytes);
        while left > 0 {
            let packet = left.clamp(60, 1_000);
            self.send(packet, Some(id));
            left = left.saturating_sub(packet);
        }
        if done {
            self.padding = None;
        }
    }

    fn send(&mut self, bytes: usize, probe: Option<ProbeId>) {
        if let Some(padding) = &mut self.padding {
            padding.sent += bytes;
        }
        let number = self.bandwidth.sent(self.now(), bytes, probe);
        let Some(left_us) = self.enqueue(bytes) else {
            return;
        };
        if self.line.cut || self.random.random_bool(self.line.loss) {
            return;
        }
        let jitter_us = self.random.random_range(0..=self.line.jitter_ms * 1_000);
        let at_us = (left_us + self.line.delay_ms * 1_000 + jitter_us).max(self.last_arrival_us);
        self.last_arrival_us = at_us;
        let bytes = if probe.is_some() { 0 } else { bytes };
        self.on_way.push_back(Arrival { at_us, number, bytes });
    }

    /// When these bytes will have left the queue, if they fit.
    fn enqueue(&mut self, bytes: usize) -> Option<u64> {
        let begin_us = self.free_us.max(self.now_us);
        if begin_us - self.now_us > self.line.queue_ms * 1_000 {
            return None;
        }
        self.free_us = begin_us + bytes as u64 * 8_000_000 / self.line.bits_per_second;
        Some(self.free_us)
    }

    fn receive(&mut self) {
        while let Some(arrival) = self.on_way.pop_front_if(|arrival| arrival.at_us <= self.now_us) {
            self.media += arrival.bytes;
            self.viewer.received(arrival.at_us, arrival.number);
        }
        if self.viewer.due_us <= self.now_us
            && let Some(fci) = self.viewer.feedback()
        {
            self.viewer.due_us = self.now_us + self.random.random_range(50_000..100_000);
            if !self.line.cut && !self.random.random_bool(self.line.feedback_loss) {
                self.back
                    .push_back((self.now_us + self.line.delay_ms * 1_000, fci));
            }
        }
        while let Some((_, fci)) = self.back.pop_front_if(|(at_us, _)| *at_us <= self.now_us) {
            self.bandwidth
                .feedback(self.now(), &fci)
                .expect("it is well-formed");
        }
    }

    /// Least and most of the estimates of these seconds.
    pub(super) fn between(&self, from: f64, to: f64) -> (u64, u64) {
        let range = &self.estimates[(from * 10.0) as usize..(to * 10.0) as usize];
        let least = range.iter().copied().min().expect("not empty");
        let most = range.iter().copied().max().expect("not empty");
        (least, most)
    }

    /// Mean of the estimates of these seconds.
    pub(super) fn mean(&self, from: f64, to: f64) -> u64 {
        let range = &self.estimates[(from * 10.0) as usize..(to * 10.0) as usize];
        range.iter().sum::<u64>() / range.len() as u64
    }

    /// Bits per second of media that arrived in these seconds.
    pub(super) fn media(&self, from: f64, to: f64) -> u64 {
        let range = &self.arrived[(from * 10.0) as usize..(to * 10.0) as usize];
        range.iter().sum::<usize>() as u64 * 80 / range.len() as u64
    }

    /// Seconds from `from` on until the estimate is at least this, if ever.
    pub(super) fn reaches(&self, from: f64, least: u64) -> Option<f64> {
        let range = &self.estimates[(from * 10.0) as usize..];
        range
            .iter()
            .position(|estimate| *estimate >= least)
            .map(|at| at as f64 / 10.0)
    }
}

impl Viewer {
    fn received(&mut self, at_us: u64, number: u16) {
        let near = self.base.unwrap_or(u64::from(number) + 0x1_0000);
        let ahead = i64::from(number.wrapping_sub(near as u16) as i16);
        let whole = near.saturating_add_signed(ahead);
        self.base.get_or_insert(whole);
        self.arrived.push((whole, at_us));
    }

    fn feedback(&mut self) -> Option<Vec<u8>> {
        let base = self.base?;
        let last = self.arrived.iter().map(|(number, _)| *number).max()?;
        let earliest = self.arrived.iter().map(|(_, at_us)| *at_us).min()?;
        let mut arrivals = vec![None; (last + 1 - base) as usize];
        let reference = earliest / 64_000;
        for (number, at_us) in self.arrived.drain(..) {
            arrivals[(number - base) as usize] = Some(Duration::from_micros(at_us - reference * 64_000));
        }
        let mut packet = Vec::new();
        // The far clock started long ago, and is about to wrap.
        let wrapped = (reference + 0x00ff_ff00) as u32 & 0x00ff_ffff;
        write::transport_cc(&mut packet, 1, 2, base as u16, self.count, wrapped, &arrivals);
        self.base = Some(last + 1);
        self.count = self.count.wrapping_add(1);
        Some(packet.split_off(12))
    }
}
