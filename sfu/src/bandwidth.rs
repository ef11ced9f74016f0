//! What one viewer's line carries: the send-side estimate that picks its layers.
//!
//! Google's congestion control (draft-ietf-rmcat-gcc-02) made for a sender that is no tap to be turned: the engine sends one layer or
//! the next, so most of the time it sends less than the line carries, and only probes tell how much more would pass.

mod control;
mod delay;
mod feedback;
mod loss;
mod probe;
mod sent;
#[cfg(test)]
mod tests;
mod throughput;

use std::time::{Duration, Instant};

pub(crate) use self::probe::{Probe, ProbeId};

use self::control::{Control, FLOOR, LEAST_SHARE};
use self::delay::{Delay, Usage};
use self::feedback::{FarClock, Feedback, Status};
use self::loss::{Loss, Verdict};
use self::probe::{Conditions, Found, Prober};
use self::sent::{Fate, History};
use self::throughput::Throughput;
use crate::rtcp::read::Malformed;

/// What a line is assumed to carry before anything is known, in bits per second.
pub(crate) const INITIAL: u64 = 600_000;

/// Without feedback for this long (and a round trip) the line is taken for cut; the estimate halves each time it passes.
const SILENCE_US: u64 = 500_000;

/// A round trip longer than this does not make us wait longer.
const MOST_ROUND_TRIP_US: u64 = 500_000;

/// After a cut the estimate begins with this or half of what it was.
const AFTER_CUT: f64 = 150_000.0;

/// After a decrease no probe for so long.
const CALM_US: u64 = 1_000_000;

/// A queue that stands while so much of the estimate arrives is ours.
const OURS: f64 = 0.8;

/// A decrease to less than this share is news: the search for more begins anew.
const COLLAPSE: f64 = 0.7;

/// REMB counts for this long.
const REMB_AGE: Duration = Duration::from_secs(4);

/// A round trip that nobody told.
const ASSUMED_ROUND_TRIP_S: f64 = 0.2;

/// What an old client's reports say of loss: more than the one lowers, less than the other raises.
const HIGH_LOSS: f64 = 0.1;
const LOW_LOSS: f64 = 0.02;

/// What one viewer's line carries, learned from its transport-wide feedback
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
pub(crate) struct Bandwidth {
    epoch: Instant,
    want: f64,
    history: History,
    far: FarClock,
    arriving: Throughput,
    delay: Delay,
    loss: Loss,
    control: Control,
    prober: Prober,
    /// Feedback came at least once.
    answered: bool,
    /// The first packet that feedback has not told of.
    told: Option<u64>,
    /// The packet before was a probe's.
    after_probe: bool,
    /// The estimate before it was lowered for loss that may yet turn out to be none of ours.
    before_loss: Option<f64>,
    silence: Silence,
    remb: Option<(u64, Instant)>,
    reported: Reported,
}

/// How long nothing was heard while sending.
#[derive(Default)]
struct Silence {
    last_sent_us: u64,
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

    /// Feedback about the packets before `base` may have been lost: they are taken to have arrived as others do.
    fn untold(&mut self, base: u16, arrival_us: i64) {
        let Some((base, _)) = self.history.get(base) else {
            return;
        };
        let told = self.told.unwrap_or(base);
        self.told = Some(told.max(base));
        let run = base.saturating_sub(told);
        if run > 0 && run < u64::from(u16::MAX) {
            let packets = self.history.range((base - run) as u16, run as u16);
            let unknown = packets.filter(|packet| packet.fate == Fate::Unknown);
            let bytes: u32 = unknown.map(|packet| u32::from(packet.bytes)).sum();
            let bytes = f64::from(bytes) * (1.0 - self.loss.recent());
            self.arriving.arrived(arrival_us, bytes as u32);
        }
    }

    fn missing(&mut self, now_us: u64, first: u16, run: u16) {
        for packet in self.history.range(first, run) {
            if packet.fate == Fate::Unknown {
                packet.fate = Fate::Missing;
                self.loss.told(*packet, packet.at_us(now_us), true);
                self.prober.missing(packet.probe);
            }
        }
    }

    /// Gives the whole number of a packet that is told for the first time to have arrived.
    fn arrived(&mut self, now_us: u64, number: u16, arrival_us: i64) -> Option<u64> {
        let (whole, packet) = self.history.get(number)?;
        let known = std::mem::replace(&mut packet.fate, Fate::Arrived);
        let packet = *packet;
        let sent_us = packet.at_us(now_us);
        match known {
            Fate::Arrived => return None,
            Fate::Missing => self.loss.found(),
            Fate::Unknown => self.loss.told(packet, sent_us, false),
        }
        if let Some(before) = self.silence.before.take() {
            self.back(now_us, before);
        }
        self.arriving.arrived(arrival_us, u32::from(packet.bytes));
        if packet.probe != 0 {
            self.after_probe = true;
            self.prober.arrived(packet.probe, arrival_us, packet.bytes);
        } else {
            if std::mem::take(&mut self.after_probe) {
                self.delay.interrupted();
            }
            self.delay.arrived(sent_us, arrival_us);
        }
        let answer_us = now_us - sent_us;
        let shortest = self.reported.answer_us.get_or_insert(answer_us);
        // It forgets slowly that it was shorter.
        *shortest = answer_us.min(*shortest + *shortest / 1024 + 1);
        Some(whole)
    }

    /// The line is back after a cut.
    fn back(&mut self, now_us: u64, before: f64) {
        self.control
            .restart(now_us, AFTER_CUT.min(before).max(before / 2.0));
        self.arriving = Throughput::default();
        self.delay = Delay::default();
        self.loss.forget(now_us);
        self.before_loss = None;
        self.prober.restart(now_us, now_us);
    }

    /// Feedback told of something new, up to packet `newest`.
    fn heard(&mut self, now_us: u64, newest: u64) {
        self.silence.due_us = None;
        if !self.answered {
            self.answered = true;
            self.control.restart(now_us, INITIAL as f64);
            self.prober.restart(now_us, now_us);
        }
        if let Some(found) = self.prober.told(now_us, newest, self.loss.inherent()) {
            self.found(now_us, found);
        }
        let verdict = self.loss.close(now_us, self.delay.queued());
        self.judge(now_us, verdict);
        // What the line loses by nature takes room in it too.
        let passing = 1.0 - self.loss.inherent();
        let arriving = self.arriving.rate().map(|rate| rate / passing);
        let round_trip = self.round_trip_s();
        // Loss there may be anyway; but it is what a full queue does, and where we use all we may, the queue is ours.
        let ours = self.loss.exceeds() || arriving.is_some_and(|rate| rate > OURS * self.control.estimate());
        let stands = self.delay.stands(now_us) && ours;
        match self.delay.usage() {
            usage if usage == Usage::Over || stands => {
                let before = self
                    .control
                    .overuse(now_us, arriving, self.delay.queue_ms(), round_trip);
                self.lowered(now_us, before);
            }
            Usage::Normal if !self.delay.queued() => self.control.grow(now_us, arriving, round_trip),
            _ => self.control.grow(now_us, None, round_trip),
        }
    }

    fn found(&mut self, now_us: u64, found: Found) {
        self.control.proven(now_us, found.rate);
        if found.asked {
            let verdict = self.loss.probed(now_us, found.arrived);
            self.judge(now_us, verdict);
        } else if found.full {
            self.control.full(now_us, found.arrived);
            let least = LEAST_SHARE * self.control.estimate();
            let before = self.control.lower(now_us, found.rate.max(least));
            self.lowered(now_us, before);
        }
    }

    fn judge(&mut self, now_us: u64, verdict: Verdict) {
        match verdict {
            Verdict::Fine => {}
            Verdict::Ask(rate) => self.prober.ask(rate),
            Verdict::Full(rate) => {
                let before = self.control.lower(now_us, rate);
                self.before_loss = before;
                self.lowered(now_us, before);
            }
            Verdict::Innocent => {
                if let Some(before) = self.before_loss.take() {
                    self.control.proven(now_us, before);
                }
            }
        }
    }

    fn lowered(&mut self, now_us: u64, before: Option<f64>) {
        let Some(before) = before else {
            return;
        };
        if self.control.estimate() < COLLAPSE * before {
            self.prober.restart(now_us, now_us + CALM_US);
        } else {
            self.prober.soon(now_us + CALM_US);
        }
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
