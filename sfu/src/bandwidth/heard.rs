//! What feedback tells, and what the estimate makes of it.

use super::control::LEAST_SHARE;
use super::delay::{Delay, Usage};
use super::loss::Verdict;
use super::probe::Found;
use super::sent::Fate;
use super::throughput::Throughput;
use super::{Bandwidth, CALM_US, INITIAL};

/// After a cut the estimate begins with this or half of what it was; with more of it after an interruption that halved it once.
const AFTER_CUT: f64 = 150_000.0;
const AFTER_CUT_SHARE: f64 = 0.5;
const AFTER_BLINK_SHARE: f64 = 0.85;

/// A decrease to less than this share is news: the search for more begins anew.
const COLLAPSE: f64 = 0.7;

/// A probe that finds so much more ends a search.
const FOUND: f64 = 1.2;

/// A queue that stands while so much of the estimate arrives is ours.
const OURS: f64 = 0.8;

impl Bandwidth {
    /// Feedback about the packets before `base` may have been lost: they are taken to have arrived as others do.
    pub(super) fn untold(&mut self, base: u16, arrival_us: i64) {
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

    pub(super) fn missing(&mut self, now_us: u64, first: u16, run: u16) {
        for packet in self.history.range(first, run) {
            if packet.fate == Fate::Unknown {
                packet.fate = Fate::Missing;
                self.loss.told(*packet, packet.at_us(now_us), true);
                self.prober.missing(packet.probe);
            }
        }
    }

    /// Gives the whole number of a packet that is told for the first time to have arrived.
    pub(super) fn arrived(&mut self, now_us: u64, number: u16, arrival_us: i64) -> Option<u64> {
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
        let blink = self.control.estimate() >= AFTER_CUT_SHARE * before;
        let share = if blink { AFTER_BLINK_SHARE } else { AFTER_CUT_SHARE };
        self.control
            .restart(now_us, AFTER_CUT.min(before).max(share * before));
        self.top = before;
        self.arriving = Throughput::default();
        self.delay = Delay::default();
        self.loss.forget(now_us);
        self.before_loss = None;
        self.prober.restart(now_us, now_us);
    }

    /// Feedback told of something new, up to packet `newest`.
    pub(super) fn heard(&mut self, now_us: u64, newest: u64) {
        self.silence.due_us = None;
        self.silence.packets = 0;
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
                // Later decreases are small, and a short look would find ever less beside others who are quick to fill the queue.
                let sudden = self.control.calm_us(now_us) > CALM_US;
                let behind = self.arriving.behind(self.delay.late_ms()).filter(|_| sudden);
                let before = match behind {
                    Some(carried) => self.control.narrowed(now_us, carried / passing),
                    None => self
                        .control
                        .overuse(now_us, arriving, self.delay.queue_ms(), round_trip),
                };
                self.lowered(now_us, before);
            }
            Usage::Normal if !self.delay.queued() => self.control.grow(now_us, arriving, round_trip),
            _ => self.control.grow(now_us, None, round_trip),
        }
        self.top = self.top.max(self.control.estimate());
    }

    pub(super) fn found(&mut self, now_us: u64, found: Found) {
        if found.rate > FOUND * self.control.estimate() {
            self.prober.found(now_us);
        }
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
        if self.control.estimate() < COLLAPSE * self.top.max(before) {
            self.top = self.control.estimate();
            self.prober.restart(now_us, now_us + CALM_US);
        } else {
            self.prober.soon(now_us + CALM_US);
        }
    }
}
