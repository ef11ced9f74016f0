//! Whether lost packets are our doing.
//!
//! A line that loses one packet in ten whatever we send is no slower for it; a line whose short queue overflows loses what is too
//! much, and sometimes no delay tells of it. So loss beyond what is known to be inherent raises a suspicion, and the next probe
//! settles it: when more gets through by sending more, the loss is the line's nature.

use super::sent::Sent;

/// A window of loss closes after this many packets and this long, or …
const PACKETS: u32 = 40;
const WINDOW_US: u64 = 300_000;

/// … so much longer with at least so few.
const FEW: u32 = 15;
const LONG_US: u64 = 1_000_000;

/// Loss beyond the inherent that is none of chance: least share, and standard deviations.
const EXCESS: f64 = 0.05;
const DEVIATIONS: f64 = 3.0;

/// Loss beyond the inherent that supports another suspicion.
const NOTABLE: f64 = 0.02;

/// More loss than this is never taken for nature.
const MOST_INHERENT: f64 = 0.25;

/// Share of a window in what is taken for inherent.
const LEARN: f64 = 0.1;

/// A line that overflowed gets this share of what passed, to let its queue drain and to see whether that helps.
const MARGIN: f64 = 0.92;

/// With less loss than this share of what it was, a decrease has helped.
const HELPED: f64 = 0.75;

/// So much more getting through in a probe refutes that the line is full.
const SCALES: f64 = 1.2;

/// Without a probe's answer in this time the loss is taken for ours.
const SUSPICION_US: u64 = 2_000_000;

/// The fate of some packets.
#[derive(Default)]
struct Window {
    packets: u32,
    lost: u32,
    bytes: u64,
    first_us: u64,
    last_us: u64,
}

/// A window with more loss than chance explains.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspicion {
    share: f64,
    /// What would be sent without the excess, in bits per second.
    pub(super) passes: f64,
    since_us: u64,
}

/// Loss of one line.
#[derive(Default)]
pub(super) struct Loss {
    window: Window,
    /// What was sent in the window before, in bits per second.
    rate: f64,
    inherent: f64,
    recent: f64,
    suspicion: Option<Suspicion>,
    /// What the last decrease left, and the share lost before it.
    tested: Option<(f64, f64)>,
    /// Packets sent before this tell nothing.
    from_us: u64,
}

/// What a closed window says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing new.
    Fine,
    /// Ask by a probe above this rate.
    Ask(f64),
    /// The line carries no more than this.
    Full(f64),
    /// The last decrease changed nothing.
    Innocent,
}

impl Loss {
    /// Feedback told of a packet for the first time.
    pub(super) fn told(&mut self, packet: Sent, sent_us: u64, lost: bool) {
        if packet.probe != 0 || sent_us < self.from_us {
            return;
        }
        let window = &mut self.window;
        if window.packets == 0 {
            window.first_us = sent_us;
            window.last_us = sent_us;
        }
        window.packets += 1;
        window.lost += u32::from(lost);
        window.bytes += u64::from(packet.bytes);
        window.first_us = window.first_us.min(sent_us);
        window.last_us = window.last_us.max(sent_us);
    }

    /// A packet that was told lost came after all.
    pub(super) fn found(&mut self) {
        self.window.lost = self.window.lost.saturating_sub(1);
    }

    /// What was sent until now tells nothing: it left under other conditions.
    pub(super) fn forget(&mut self, now_us: u64) {
        self.window = Window::default();
        self.suspicion = None;
        self.from_us = now_us;
    }

    /// Share of packets the line loses by nature.
    pub(super) fn inherent(&self) -> f64 {
        self.inherent
    }

    /// More is lost lately than the line loses by nature.
    pub(super) fn exceeds(&self) -> bool {
        self.recent > self.inherent + NOTABLE
    }

    /// Share of packets lost lately.
    pub(super) fn recent(&self) -> f64 {
        self.recent
    }

    /// Closes the window when it is long enough. `queued` tells that packets are late too.
    pub(super) fn close(&mut self, now_us: u64, queued: bool) -> Verdict {
        let span_us = self.window.last_us - self.window.first_us;
        let enough = self.window.packets >= PACKETS && span_us >= WINDOW_US
            || self.window.packets >= FEW && span_us >= LONG_US;
        if !enough {
            return Verdict::Fine;
        }
        let window = std::mem::take(&mut self.window);
        let packets = f64::from(window.packets);
        let rate = window.bytes as f64 * 8e6 / span_us as f64;
        let share = f64::from(window.lost) / packets;
        self.recent += 0.5 * (share - self.recent);
        let excess = share - self.inherent;
        let likely = self.inherent.max(0.01);
        let chance = DEVIATIONS * (likely * (1.0 - likely) / packets).sqrt();
        if excess < chance.max(EXCESS) {
            // Loss that rises while more and more is sent is not the line's nature.
            if excess < 0.0 || rate <= self.rate {
                self.inherent += LEARN * excess;
            }
            self.rate = rate;
            self.suspicion = None;
            self.tested = None;
            return Verdict::Fine;
        }
        self.rate = rate;
        let passes = rate * (1.0 - excess);
        if let Some((left, before)) = self.tested
            && rate < 1.05 * left
            && share > HELPED * before
            && share < MOST_INHERENT
            && !queued
        {
            self.accept(share);
            return Verdict::Innocent;
        }
        let suspicion = self.suspicion.get_or_insert(Suspicion {
            share,
            passes,
            since_us: now_us,
        });
        let unanswered = now_us.saturating_sub(suspicion.since_us) > SUSPICION_US;
        if unanswered || share > MOST_INHERENT {
            return self.guilty(now_us, share, passes);
        }
        Verdict::Ask(rate)
    }

    /// The probe that was asked for got `arrived` through, in bits per second without counting what the line loses by nature.
    pub(super) fn probed(&mut self, now_us: u64, arrived: f64) -> Verdict {
        let Some(suspicion) = self.suspicion else {
            return Verdict::Fine;
        };
        if arrived > SCALES * suspicion.passes && suspicion.share < MOST_INHERENT {
            self.accept(suspicion.share);
            return Verdict::Fine;
        }
        let passes = suspicion.passes.max(arrived);
        self.guilty(now_us, suspicion.share, passes)
    }

    fn accept(&mut self, share: f64) {
        self.inherent = share.min(MOST_INHERENT);
        self.suspicion = None;
        self.tested = None;
    }

    fn guilty(&mut self, now_us: u64, share: f64, passes: f64) -> Verdict {
        let left = MARGIN * passes;
        self.forget(now_us);
        self.tested = Some((left, share));
        Verdict::Full(left)
    }
}
