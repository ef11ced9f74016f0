//! Whether packets take longer and longer: a queue on the way grows.
//!
//! After draft-ietf-rmcat-gcc-02 §4, with two differences. A burst is judged by its packet that travelled the shortest time, not by
//! its last: frames leave us in one burst, and how long a large frame takes to pass says nothing of a queue that was there before it.
//! And growth alone is not overuse: the delay must also stand out of its noise above the shortest time of the last seconds.

/// Packets sent within this are one burst.
const BURST_US: u64 = 5_000;

/// Bursts the trend is taken over.
const SAMPLES: usize = 20;

/// Least number of them.
const LEAST: usize = 8;

/// Share of the newest burst in the smoothed delay.
const SMOOTHING: f64 = 0.2;

/// Share of the newest step in the noise.
const NOISE_SMOOTHING: f64 = 0.05;

/// What the slope is multiplied by before it is compared: bursts (at most [`FULL_GAIN`]) times this.
const GAIN: f64 = 4.0;
const FULL_GAIN: u32 = 60;

/// Threshold of the scaled slope in ms: at the start, its bounds, and how fast it follows up and down, per ms.
const THRESHOLD: f64 = 12.5;
const THRESHOLD_BOUNDS: (f64, f64) = (6.0, 600.0);
const FOLLOW_UP: f64 = 0.0087;
const FOLLOW_DOWN: f64 = 0.039;

/// A slope this far above the threshold is not noise that it should follow.
const FAR_OFF: f64 = 15.0;

/// Delay above the shortest that is no queue worth the name, in ms, beside its noise.
const NO_QUEUE_MS: f64 = 12.0;

/// A queue this long, beside noise, has to drain; it is looked at this often, and has to have shrunk to this share.
const STANDING_MS: f64 = 70.0;
const LOOK_US: u64 = 500_000;
const SHRUNK: f64 = 0.8;

/// A queue that stood for so many looks is not ours: the way is longer than it was, or others fill it.
const MOST_LOOKS: u32 = 5;

/// A delay above that at the beginning of overuse, in ms: less is one frame larger than another.
const GROWN_MS: f64 = 8.0;
/// With so much more the next burst is not waited for.
const MUCH_MS: f64 = 40.0;

/// The shortest time is taken over one to two of these.
const SHORTEST_US: u64 = 10_000_000;

/// What the delay says of the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Usage {
    #[default]
    Normal,
    /// A queue grows.
    Over,
    /// A queue drains.
    Under,
}

struct Burst {
    first_us: u64,
    /// Of its packet that travelled the shortest time: the time by two clocks, and its arrival.
    travel_us: i64,
    arrival_us: i64,
}

/// Travel times of one line.
#[derive(Default)]
pub(super) struct Delay {
    burst: Option<Burst>,
    /// Travel time that delays are told from, so that numbers stay small.
    origin_us: i64,
    /// Shortest delay of this period and the one before, and the period's start.
    shortest_ms: (f64, f64),
    period_us: u64,
    raw_ms: f64,
    smooth_ms: f64,
    noise_ms: f64,
    /// Arrival and smoothed delay of the last bursts, in ms, as a ring.
    samples: [(f64, f64); SAMPLES],
    taken: usize,
    bursts: u32,
    threshold: f64,
    /// The delay when the slope went over the threshold, and for how many bursts it has been.
    over: Option<(f64, u32)>,
    last_arrival_ms: f64,
    usage: Usage,
    standing: Option<Standing>,
}

/// A long queue, as it was when it was looked at last.
struct Standing {
    at_us: u64,
    queue_ms: f64,
    looks: u32,
}

impl Delay {
    /// A packet's times. Those of one feedback come in the order they were sent in.
    pub(super) fn arrived(&mut self, sent_us: u64, arrival_us: i64) {
        let travel_us = arrival_us - sent_us as i64;
        if let Some(burst) = &mut self.burst {
            if sent_us < burst.first_us {
                // Out of order: its burst has been judged.
                return;
            }
            if sent_us - burst.first_us <= BURST_US {
                if travel_us < burst.travel_us {
                    burst.travel_us = travel_us;
                    burst.arrival_us = arrival_us;
                }
                return;
            }
        }
        let next = Burst {
            first_us: sent_us,
            travel_us,
            arrival_us,
        };
        if let Some(burst) = self.burst.replace(next) {
            self.judge(&burst);
        }
    }

    /// What comes next travels behind something that was sent on purpose: the trend begins anew.
    pub(super) fn interrupted(&mut self) {
        self.taken = 0;
        self.over = None;
        self.usage = Usage::Normal;
        self.burst = None;
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Delay above the shortest of the last seconds.
    pub(super) fn queue_ms(&self) -> f64 {
        self.smooth_ms - self.shortest_ms.0.min(self.shortest_ms.1)
    }

    /// The same of the last burst, as it was.
    pub(super) fn late_ms(&self) -> f64 {
        self.raw_ms - self.shortest_ms.0.min(self.shortest_ms.1)
    }

    /// How much the delay differs from burst to burst.
    pub(super) fn noise_ms(&self) -> f64 {
        self.noise_ms
    }

    /// A queue stands on the way.
    pub(super) fn queued(&self) -> bool {
        self.queue_ms() > NO_QUEUE_MS + 2.0 * self.noise_ms
    }

    /// Whether a long queue stands: it does not grow any more, because it is full or we send just what passes, nor does it drain.
    /// To be asked at each feedback; tells it once for each look.
    pub(super) fn stands(&mut self, now_us: u64) -> bool {
        let queue_ms = self.queue_ms();
        if queue_ms < STANDING_MS + self.noise_ms {
            self.standing = None;
            return false;
        }
        let last = self.standing.get_or_insert(Standing {
            at_us: now_us,
            queue_ms,
            looks: 0,
        });
        if now_us - last.at_us < LOOK_US {
            return false;
        }
        let stands = queue_ms > SHRUNK * last.queue_ms;
        last.looks = if stands { last.looks + 1 } else { 0 };
        (last.at_us, last.queue_ms) = (now_us, queue_ms);
        if last.looks > MOST_LOOKS {
            self.shortest_ms = (self.smooth_ms, self.smooth_ms);
            self.standing = None;
        }
        stands
    }

    fn judge(&mut self, burst: &Burst) {
        if self.bursts == 0 {
            self.origin_us = burst.travel_us;
            self.shortest_ms = (0.0, 0.0);
            self.period_us = burst.first_us;
            self.threshold = THRESHOLD;
        }
        self.bursts = self.bursts.saturating_add(1);
        let raw = (burst.travel_us - self.origin_us) as f64 / 1e3;
        let arrival = burst.arrival_us as f64 / 1e3;
        if burst.first_us - self.period_us > SHORTEST_US {
            self.period_us = burst.first_us;
            self.shortest_ms = (raw, self.shortest_ms.0);
        }
        self.shortest_ms.0 = self.shortest_ms.0.min(raw);
        let step = (raw - self.raw_ms).abs();
        self.raw_ms = raw;
        if self.taken == 0 {
            self.smooth_ms = raw;
        } else {
            self.smooth_ms += SMOOTHING * (raw - self.smooth_ms);
            self.noise_ms += NOISE_SMOOTHING * (step - self.noise_ms);
        }
        self.samples[self.taken % SAMPLES] = (arrival, self.smooth_ms);
        self.taken += 1;
        let passed = (arrival - self.last_arrival_ms).clamp(0.0, 100.0);
        self.last_arrival_ms = arrival;
        if self.taken >= LEAST {
            let scaled = self.slope() * f64::from(self.bursts.min(FULL_GAIN)) * GAIN;
            self.detect(scaled);
            self.adapt(scaled, passed);
        }
    }

    /// Slope of the delay over time, by least squares.
    fn slope(&self) -> f64 {
        let samples = &self.samples[..self.taken.min(SAMPLES)];
        let count = samples.len() as f64;
        let (x, y) = samples.iter().fold((0.0, 0.0), |(x, y), sample| {
            (x + sample.0 / count, y + sample.1 / count)
        });
        let (over, under) = samples.iter().fold((0.0, 0.0), |(over, under), sample| {
            let off = sample.0 - x;
            (over + off * (sample.1 - y), under + off * off)
        });
        if under > 0.0 { over / under } else { 0.0 }
    }

    fn detect(&mut self, scaled: f64) {
        if scaled < -self.threshold {
            self.usage = Usage::Under;
            self.over = None;
        } else if scaled > self.threshold && self.queued() {
            let (begin_ms, bursts) = self.over.unwrap_or((self.raw_ms, 0));
            self.over = Some((begin_ms, bursts + 1));
            // A queue that one large frame left behind shrinks at once though the smoothed delay still rises.
            let grown_ms = self.raw_ms - begin_ms;
            let growing = bursts >= 2 && grown_ms > GROWN_MS || bursts >= 1 && grown_ms > MUCH_MS;
            self.usage = if growing { Usage::Over } else { Usage::Normal };
        } else {
            self.usage = Usage::Normal;
            self.over = None;
        }
    }

    /// The threshold follows the slope, so that it is noise that sets it (draft-ietf-rmcat-gcc-02 §5.4).
    fn adapt(&mut self, scaled: f64, passed_ms: f64) {
        let size = scaled.abs();
        if size > self.threshold + FAR_OFF {
            return;
        }
        let follow = if size < self.threshold {
            FOLLOW_DOWN
        } else {
            FOLLOW_UP
        };
        let threshold = self.threshold + follow * (size - self.threshold) * passed_ms;
        self.threshold = threshold.clamp(THRESHOLD_BOUNDS.0, THRESHOLD_BOUNDS.1);
    }
}
