//! What one viewer's line carries: the send-side estimate that picks its layers.
//!
//! Google's congestion control (draft-ietf-rmcat-gcc-02) made for a sender that is no tap to be turned: the engine sends one layer or
//! the next, so most of the time it sends less than the line carries, and only probes tell how much more would pass.

mod control;
mod delay;
mod feedback;
mod heard;
mod loss;
mod probe;
mod sent;
#[cfg(test)]
mod tests;
mod throughput;

use std::hint::black_box;
use std::time::{Duration, Instant};

pub(crate) use self::probe::{Probe, ProbeId};

use self::control::{Control, FLOOR};
use self::delay::{Delay, Usage};
use self::feedback::{FarClock, Feedback, Status};
use self::loss::Loss;
use self::probe::{Conditions, Prober};
use self::sent::History;
use self::throughput::Throughput;
use crate::rtcp::read::Malformed;

/// What a line is assumed to carry before anything is known, in bits per second.
pub(crate) const INITIAL: u64 = 600_000;

/// Without feedback for this long (and a round trip) the line is taken for cut; the estimate halves each time it passes.
const SILENCE_US: u64 = 500_000;

/// Fewer packets than this without feedback are no sign of a cut: one lost feedback may be all.
const LEAST_UNANSWERED: u32 = 8;

/// A round trip longer than this does not make us wait longer.
const MOST_ROUND_TRIP_US: u64 = 500_000;

/// After a decrease no probe for so long.
const CALM_US: u64 = 1_000_000;

/// A queue this long in ms, beside noise, is more than a frame makes.
const QUEUE_MS: f64 = 40.0;

/// REMB counts for this long.
const REMB_AGE: Duration = Duration::from_secs(4);

/// A round trip that nobody told.
const ASSUMED_ROUND_TRIP_S: f64 = 0.2;

/// What an old client's reports say of loss: more than the one lowers, less than the other raises.
const HIGH_LOSS: f64 = 0.1;
const LOW_LOSS: f64 = 0.02;

/// What one viewer's line carries, learned from its transport-wide feedback
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
///
/// What each packet needs comes first.
#[repr(C)]
pub(crate) struct Bandwidth {
    epoch: Instant,
    /// Feedback came at least once.
    answered: bool,
    history: History,
    silence: Silence,
    control: Control,
    prober: Prober,
    want: f64,
    /// The most the estimate was since the search for more began.
    top: f64,
    far: FarClock,
    arriving: Throughput,
    delay: Delay,
    loss: Loss,
    /// The first packet that feedback has not told of.
    told: Option<u64>,
    /// The packet before was a probe's.
    after_probe: bool,
    /// The estimate before it was lowered for loss that may yet turn out to be none of ours.
    before_loss: Option<f64>,
    remb: Option<(u64, Instant)>,
    reported: Reported,
}

/// How long nothing was heard while sending.
#[derive(Default)]
struct Silence {
    last_sent_us: u64,
    /// Packets since feedback came.
    packets: u32,
    /// When it has been too long.
    due_us: Option<u64>,
    /// The estimate before it was halved.
    before: Option<f64>,
}

/// What receiver reports and feedback tell of loss and time.
#[derive(Default)]
struct Reported {
    loss: Option<f64>,
    at_us: u64,
    round_trip: Option<Duration>,
    /// Shortest time from sending to feedback lately.
    answer_us: Option<u64>,
}

impl Bandwidth {
    /// Nothing is known yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            want: 0.0,
            top: 0.0,
            history: History::default(),
            far: FarClock::default(),
            arriving: Throughput::default(),
            delay: Delay::default(),
            loss: Loss::default(),
            control: Control::new(),
            prober: Prober::default(),
            answered: false,
            told: None,
            after_probe: false,
            before_loss: None,
            silence: Silence::default(),
            remb: None,
            reported: Reported::default(),
        }
    }

    /// Has the memory fetched that [`Self::sent`] will need.
    pub(crate) fn warm(&self) {
        black_box((
            self.epoch,
            self.answered,
            self.silence.last_sent_us,
            self.silence.due_us,
            self.prober.running(),
        ));
        self.history.warm();
    }

    fn at_us(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_micros() as u64
    }

    /// A packet of `bytes` (UDP payload) leaves; gives the transport-wide number to write into it. `probe` is set for padding
    /// sent for a probe.
    pub(crate) fn sent(&mut self, now: Instant, bytes: usize, probe: Option<ProbeId>) -> u16 {
        let now_us = self.at_us(now);
        let counts = self.prober.counts(now_us, probe);
        let number = self.history.push(now_us, bytes, counts.map_or(0, ProbeId::mark));
        if let Some(id) = counts {
            self.prober.sent(now_us, id, number, bytes);
        }
        self.silence.last_sent_us = now_us;
        self.silence.packets = self.silence.packets.saturating_add(1);
        if self.answered && self.silence.due_us.is_none() && self.control.estimate() > FLOOR {
            let round_trip = (self.round_trip_s() * 1e6) as u64;
            self.silence.due_us = Some(now_us + SILENCE_US + round_trip.min(MOST_ROUND_TRIP_US));
        }
        number as u16
    }

    /// Feedback came: what follows the two SSRCs of the RTCP packet (base sequence on). Malformed input changes nothing.
    pub(crate) fn feedback(&mut self, now: Instant, fci: &[u8]) -> Result<(), Malformed> {
        let now_us = self.at_us(now);
        let feedback = Feedback::parse(fci)?;
        let (reference_us, other_clock) = self.far.reference_us(now_us, feedback.reference);
        if other_clock {
            self.arriving = Throughput::default();
            self.delay = Delay::default();
        }
        self.untold(feedback.base, reference_us);
        let mut newest = None;
        feedback.each(|number, status| match status {
            Status::Missing(run) => self.missing(now_us, number, run),
            Status::Arrived { after_us } => {
                newest = newest.max(self.arrived(now_us, number, reference_us + after_us));
            }
        });
        if let Some(newest) = newest {
            self.told = self.told.max(Some(newest + 1));
            self.heard(now_us, newest);
        }
        Ok(())
    }

    /// REMB of an old client (bits/s), which bounds the estimate for a few seconds, or is the estimate when no transport feedback
    /// ever came.
    pub(crate) fn remb(&mut self, now: Instant, bits_per_second: u64) {
        self.remb = Some((bits_per_second, now + REMB_AGE));
    }

    /// A receiver report's loss (0..=255 of 256) and round trip.
    pub(crate) fn report(&mut self, now: Instant, fraction_lost: u8, round_trip: Option<Duration>) {
        let now_us = self.at_us(now);
        self.reported.round_trip = round_trip.or(self.reported.round_trip);
        let loss = f64::from(fraction_lost) / 256.0;
        let known = self.reported.loss.replace(loss).is_some();
        let passed_us = now_us.saturating_sub(self.reported.at_us);
        self.reported.at_us = now_us;
        if self.answered || self.remb.is_some() {
            return;
        }
        // Nothing better is known (draft-ietf-rmcat-gcc-02 §6).
        let estimate = self.control.estimate();
        if loss > HIGH_LOSS && self.control.calm_us(now_us) > CALM_US {
            self.control.lower(now_us, estimate * (1.0 - 0.5 * loss));
        } else if loss < LOW_LOSS && known {
            let growth = 1.08f64.powf((passed_us as f64 / 1e6).min(5.0));
            self.control.proven(now_us, (estimate * growth).min(self.want));
        }
    }

    /// What the caller would use if the line allowed it (bits/s); above it no probing is done.
    pub(crate) fn want(&mut self, bits_per_second: u64) {
        self.want = bits_per_second as f64;
    }

    /// Bits/s the line carries; `None` before anything is known, when [`INITIAL`] is to be assumed.
    pub(crate) fn estimate(&self) -> Option<u64> {
        let remb = self.remb.map(|(rate, _)| rate);
        if self.answered || self.reported.loss.is_some() && remb.is_none() {
            let own = self.control.estimate() as u64;
            return Some(remb.map_or(own, |remb| remb.min(own)));
        }
        remb
    }

    /// A probe to send now, if one is due: the rate to reach and bytes in all (real media sent in that time counts towards it).
    pub(crate) fn probe(&mut self, now: Instant) -> Option<Probe> {
        let now_us = self.at_us(now);
        let conditions = Conditions {
            estimate: self.control.estimate(),
            want: self.want,
            noise_ms: self.delay.noise_ms(),
            calm: self.delay.usage() != Usage::Over
                && !self.delay.queued()
                && self.control.calm_us(now_us) >= CALM_US,
        };
        self.prober.due(now_us, conditions)
    }

    /// When [`Self::probe`] and [`Self::handle_timeout`] want to be called next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let prober = self.prober.deadline_us(self.control.estimate(), self.want);
        let own = [prober, self.silence.due_us].into_iter().flatten().min();
        let own = own.map(|at_us| self.epoch + Duration::from_micros(at_us));
        // Where it is all that is known, it stays.
        let remb = self.remb.filter(|_| self.answered).map(|(_, until)| until);
        [own, remb].into_iter().flatten().min()
    }

    /// When what was sent has to be answered.
    pub(crate) fn answer_due(&self) -> Option<Instant> {
        let due_us = self.silence.due_us?;
        Some(self.epoch + Duration::from_micros(due_us))
    }

    /// Something is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let now_us = self.at_us(now);
        if self.answered && self.remb.is_some_and(|(_, until)| until <= now) {
            self.remb = None;
        }
        if let Some(found) = self.prober.expired(now_us, self.loss.inherent()) {
            self.found(now_us, found);
        }
        while let Some(due_us) = self.silence.due_us.filter(|due| *due <= now_us) {
            if self.silence.last_sent_us + SILENCE_US < due_us {
                // Nobody spoke, so nobody answered.
                self.silence.due_us = None;
                return;
            }
            if self.silence.packets < LEAST_UNANSWERED {
                self.silence.due_us = Some(due_us + SILENCE_US);
                continue;
            }
            let estimate = self.control.estimate();
            self.silence.before.get_or_insert(estimate);
            self.control.lower(now_us, estimate / 2.0);
            self.prober.stop();
            self.silence.due_us = (self.control.estimate() > FLOOR).then_some(due_us + SILENCE_US);
        }
    }

    /// Share of packets lost lately, 0 to 1.
    pub(crate) fn loss(&self) -> f32 {
        if self.answered {
            return self.loss.recent() as f32;
        }
        self.reported.loss.unwrap_or(0.0) as f32
    }

    /// Share of packets the line loses however little is sent, 0 to 1; where no feedback tells, all it loses.
    pub(crate) fn inherent_loss(&self) -> f64 {
        if self.answered {
            return self.loss.inherent();
        }
        self.reported.loss.unwrap_or(0.0)
    }

    /// Packets wait on the way, longer than behind a frame.
    pub(crate) fn queued(&self) -> bool {
        self.delay.queue_ms() > QUEUE_MS + 2.0 * self.delay.noise_ms()
    }

    /// How much the delay differs from burst to burst, in ms.
    pub(crate) fn jitter_ms(&self) -> f64 {
        self.delay.noise_ms()
    }

    /// Time to the viewer and back; that of feedback, a little long, where no report tells it.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        let answer = self.reported.answer_us.map(Duration::from_micros);
        self.reported.round_trip.or(answer)
    }

    fn round_trip_s(&self) -> f64 {
        self.round_trip()
            .map_or(ASSUMED_ROUND_TRIP_S, |round_trip| round_trip.as_secs_f64())
    }

    /// Bytes it takes, on the heap too.
    #[cfg(test)]
    fn memory(&self) -> usize {
        size_of::<Self>() + self.history.heap_bytes()
    }
}
