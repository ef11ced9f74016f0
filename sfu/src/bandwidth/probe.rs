//! Probes: for a moment more is sent than the estimate allows, to see whether it gets through.

use std::time::Duration;

/// Names a probe: its packets are marked with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProbeId(u32);

impl ProbeId {
    /// What its packets are marked with in the history; never 0.
    pub(super) fn mark(self) -> u8 {
        (self.0 % 255) as u8 + 1
    }
}

/// What to send now, beside or in place of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// To be given to [`super::Bandwidth::sent`] with its padding.
    pub(crate) id: ProbeId,
    /// Bits per second to reach, media included.
    pub(crate) rate: u64,
    /// Bytes to send in all, media included.
    pub(crate) bytes: usize,
    /// How long that takes.
    pub(crate) duration: Duration,
}

/// How long a probe takes; longer where arrivals are noisy.
const DURATION_US: f64 = 60_000.0;
const MOST_DURATION_US: f64 = 250_000.0;

/// Least bytes of a probe, which make enough packets to measure.
const LEAST_BYTES: f64 = 5_000.0;

/// A probe reaches for this much more.
const FACTOR: f64 = 2.0;

/// A probe that was asked for reaches for this much more than was asked.
const ASKED_FACTOR: f64 = 1.5;

/// No probe for headroom reaches above this share of what is wanted.
const ABOVE_WANT: f64 = 1.15;

/// Share of what was wanted that is as good as all of it.
pub(super) const SATISFIED: f64 = 0.98;

/// After a vain probe the next comes when this share of the time without a success has passed again, within bounds.
const PATIENCE: f64 = 0.25;
const INTERVAL_US: (u64, u64) = (2_000_000, 10_000_000);

/// Asked again so soon when the line is not calm.
const AGAIN_US: u64 = 200_000;

/// A probe of which too little is told, as where feedback is lost, comes again at once, so often.
const MOST_REPEATS: u8 = 2;

/// How long after its last packet feedback may take.
const ANSWER_US: u64 = 1_000_000;

/// Least packets and share of bytes that make a measurement.
const LEAST_PACKETS: u32 = 4;
const LEAST_SHARE: f64 = 0.5;

/// Sent within this is one burst.
const BURST_US: u64 = 1_500;

/// Share of the sending rate that still counts as all; below it the line was full.
const ALL: f64 = 0.9;

/// A probe that is longer by this many times the noise when it arrives met a queue.
const STRETCH: f64 = 2.0;

/// A full line is used to this share.
const UTILISATION: f64 = 0.95;

/// The packets of a running probe.
struct Cluster {
    id: ProbeId,
    rate: f64,
    bytes: f64,
    asked: bool,
    /// How much arrivals differed when it began.
    noise_us: f64,
    /// Until when media counts.
    until_us: u64,
    sent: Sending,
    arrived: Arriving,
}

#[derive(Default)]
struct Sending {
    /// First and last packet.
    times_us: Option<(u64, u64)>,
    bytes: u64,
    packets: u32,
    /// Those of the last burst: they took no time yet.
    burst: u64,
    burst_us: u64,
    /// Number of the last packet.
    last: u64,
}

#[derive(Default)]
struct Arriving {
    times_us: Option<(i64, i64)>,
    packets: u32,
    /// Of those feedback told that they did not come.
    missing: u32,
    bytes: u64,
    /// Bytes of the first packet: it took no time.
    first: u64,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    /// Bits per second to use.
    pub(super) rate: f64,
    /// Bits per second that arrived.
    pub(super) arrived: f64,
    /// The line was full.
    pub(super) full: bool,
    /// It was asked for.
    pub(super) asked: bool,
}

/// What decides whether to probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    pub(super) estimate: f64,
    pub(super) want: f64,
    pub(super) noise_ms: f64,
    /// Nothing grows, and the last decrease is a while ago.
    pub(super) calm: bool,
}

/// Decides when to probe, and measures.
#[derive(Default)]
pub(super) struct Prober {
    ids: u32,
    next_us: Option<u64>,
    /// A probe above this rate is asked for at once.
    asked: Option<f64>,
    /// Probes one after another of which too little was told.
    untold: u8,
    /// Since when no probe found more.
    searching_us: u64,
    cluster: Option<Box<Cluster>>,
}

impl Prober {
    /// The search begins anew, at `at_us`.
    pub(super) fn restart(&mut self, now_us: u64, at_us: u64) {
        self.searching_us = now_us;
        self.next_us = Some(at_us);
        self.cluster = None;
        self.asked = None;
    }

    /// The line is cut: nothing is asked until [`Self::restart`].
    pub(super) fn stop(&mut self) {
        self.next_us = None;
        self.cluster = None;
        self.asked = None;
    }

    /// A probe found more: vain ones may be tried often again.
    pub(super) fn found(&mut self, now_us: u64) {
        self.searching_us = now_us;
    }

    /// The next is due then.
    pub(super) fn soon(&mut self, at_us: u64) {
        self.next_us = self.next_us.map(|_| at_us);
    }

    /// Asks for a probe above this rate, now.
    pub(super) fn ask(&mut self, rate: f64) {
        let asked = self.cluster.as_ref().is_some_and(|cluster| cluster.asked);
        if self.next_us.is_some() && !asked {
            self.asked = Some(rate);
        }
    }

    /// When [`Self::due`] or [`Self::expired`] wants to be called.
    pub(super) fn deadline_us(&self, estimate: f64, want: f64) -> Option<u64> {
        match &self.cluster {
            Some(cluster) => Some(cluster.until_us + ANSWER_US),
            None if self.asked.is_some() => Some(0),
            None => self.next_us.filter(|_| estimate < SATISFIED * want),
        }
    }

    /// The probe to send now.
    pub(super) fn due(&mut self, now_us: u64, conditions: Conditions) -> Option<Probe> {
        if self.cluster.is_some() {
            return None;
        }
        let asked = self.asked.take();
        let rate = if let Some(asked) = asked {
            ASKED_FACTOR * asked
        } else {
            let due = self.next_us.is_some_and(|next| next <= now_us);
            if !due || conditions.estimate >= SATISFIED * conditions.want {
                return None;
            }
            if !conditions.calm {
                self.next_us = Some(now_us + AGAIN_US);
                return None;
            }
            (FACTOR * conditions.estimate).min(ABOVE_WANT * conditions.want)
        };
        let least_us = (LEAST_BYTES * 8e6 / rate).max(DURATION_US);
        let duration_us = (4_000.0 * conditions.noise_ms).clamp(least_us, MOST_DURATION_US.max(least_us));
        let bytes = rate * duration_us / 8e6;
        self.ids = self.ids.wrapping_add(1);
        let id = ProbeId(self.ids);
        // A failed probe is not repeated before its time, an unanswered one neither.
        self.next_us = Some(now_us + self.interval_us(now_us));
        self.cluster = Some(Box::new(Cluster {
            id,
            rate,
            bytes,
            asked: asked.is_some(),
            noise_us: 1_000.0 * conditions.noise_ms,
            until_us: now_us + (1.5 * duration_us) as u64,
            sent: Sending::default(),
            arrived: Arriving::default(),
        }));
        Some(Probe {
            id,
            rate: rate as u64,
            bytes: bytes.ceil() as usize,
            duration: Duration::from_micros(duration_us as u64),
        })
    }

    fn interval_us(&self, now_us: u64) -> u64 {
        let waited = (PATIENCE * now_us.saturating_sub(self.searching_us) as f64) as u64;
        waited.clamp(INTERVAL_US.0, INTERVAL_US.1)
    }

    /// Whether one is being sent or waited for.
    pub(super) fn running(&self) -> bool {
        self.cluster.is_some()
    }

    /// Which probe a packet that leaves now counts for: media does while one runs.
    pub(super) fn counts(&self, now_us: u64, padding: Option<ProbeId>) -> Option<ProbeId> {
        padding.or_else(|| {
            let cluster = self.cluster.as_ref()?;
            let running = now_us <= cluster.until_us && (cluster.sent.bytes as f64) < cluster.bytes;
            running.then_some(cluster.id)
        })
    }

    /// A packet of this probe leaves.
    pub(super) fn sent(&mut self, now_us: u64, id: ProbeId, number: u64, bytes: usize) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.id == id) else {
            return;
        };
        let sent = &mut cluster.sent;
        let first = sent.times_us.map_or(now_us, |(first, _)| first);
        if sent.times_us.is_none() || now_us - sent.burst_us > BURST_US {
            sent.burst = 0;
            sent.burst_us = now_us;
        }
        sent.times_us = Some((first, now_us));
        sent.bytes += bytes as u64;
        sent.packets += 1;
        sent.burst += bytes as u64;
        sent.last = number;
    }

    /// A packet with this mark arrived.
    pub(super) fn arrived(&mut self, mark: u8, arrival_us: i64, bytes: u16) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.id.mark() == mark) else {
            return;
        };
        let arrived = &mut cluster.arrived;
        let (first, last) = arrived.times_us.unwrap_or((arrival_us, arrival_us));
        if arrived.packets == 0 {
            arrived.first = u64::from(bytes);
        }
        arrived.times_us = Some((first.min(arrival_us), last.max(arrival_us)));
        arrived.packets += 1;
        arrived.bytes += u64::from(bytes);
    }

    /// A packet with this mark did not arrive.
    pub(super) fn missing(&mut self, mark: u8) {
        if let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.id.mark() == mark) {
            cluster.arrived.missing += 1;
        }
    }

    /// Feedback reached `number`. Gives what the probe found if that was all of it; `inherent` is the share lost by nature.
    pub(super) fn told(&mut self, now_us: u64, number: u64, inherent: f64) -> Option<Found> {
        let cluster = self.cluster.as_ref()?;
        let sent = cluster.sent.bytes as f64 >= cluster.bytes || now_us > cluster.until_us;
        if !sent || number < cluster.sent.last {
            return None;
        }
        self.measure(now_us, inherent)
    }

    /// Gives what a probe found whose last packets were never told of.
    pub(super) fn expired(&mut self, now_us: u64, inherent: f64) -> Option<Found> {
        let cluster = self.cluster.as_ref()?;
        if now_us < cluster.until_us + ANSWER_US {
            return None;
        }
        self.measure(now_us, inherent)
    }

    fn measure(&mut self, now_us: u64, inherent: f64) -> Option<Found> {
        let found = self.cluster.take()?.measure(inherent);
        let Some(found) = found else {
            if self.untold < MOST_REPEATS {
                self.untold += 1;
                self.next_us = Some(now_us + AGAIN_US);
            }
            return None;
        };
        self.untold = 0;
        if !found.full && !found.asked {
            self.searching_us = now_us;
            self.next_us = Some(now_us);
        }
        Some(found)
    }
}

impl Cluster {
    /// What it found; `None` when too little of it is told.
    fn measure(&self, inherent: f64) -> Option<Found> {
        let (sent, arrived) = (&self.sent, &self.arrived);
        let (first, last) = arrived.times_us?;
        let all = sent.bytes as f64;
        if arrived.packets < LEAST_PACKETS || all < LEAST_SHARE * self.bytes {
            return None;
        }
        let sending_us = sent.times_us.map_or(0, |(first, last)| last - first);
        let sending = if sending_us > 0 {
            ((sent.bytes - sent.burst) as f64 * 8e6 / sending_us as f64).min(1.1 * self.rate)
        } else {
            self.rate
        };
        let arriving_us = (last - first).max(1) as f64;
        let arriving = (arrived.bytes - arrived.first) as f64 * 8e6 / arriving_us / (1.0 - inherent);
        // Where feedback was lost, more arrived than is known.
        let told = f64::from(arrived.packets + arrived.missing) > ALL * f64::from(sent.packets);
        let less = arriving < ALL * sending;
        if less && !told {
            return None;
        }
        // Noise stretches a probe as well as a queue does.
        let full = less && arriving_us - sending_us as f64 > STRETCH * self.noise_us;
        Some(Found {
            rate: if full {
                UTILISATION * arriving
            } else {
                sending.min(arriving)
            },
            arrived: arriving.min(sending),
            full,
            asked: self.asked,
        })
    }
}
