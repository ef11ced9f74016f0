//! One classroom's seat: what befell it, over all connections it had.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::meter::Meter;
use super::receive::Meters;
use super::report::{Classroom, Counters, Stream};
use crate::teach::publish::Sent;

/// What a classroom got so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Packets, with those that were repaired.
    pub packets: u64,
    /// Packets that were repaired.
    pub repaired: u64,
    /// Packets that never came in time.
    pub lost: u64,
    /// Frames that could be shown.
    pub frames: u64,
    /// Bytes of payload of pictures.
    pub video_bytes: u64,
}

/// A seat; written by its classroom, read by who watches the run.
#[derive(Debug, Default)]
pub struct Seat {
    /// Not every packet is opened.
    sealed: bool,
    sent: Arc<Sent>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When it first asked, of each of its stays.
    asked: Vec<Instant>,
    /// It has come, and not asked yet.
    comes: bool,
    /// When signalling first welcomed it.
    welcomed: Option<Instant>,
    /// When it was first connected.
    connected: Option<Instant>,
    /// Of each connection it had.
    meters: Vec<Meters>,
    rejoins: u32,
    error: Option<String>,
}

impl Seat {
    /// One of a classroom that opens every packet, or does not.
    #[must_use]
    pub fn new(verify: bool) -> Self {
        Self {
            sealed: !verify,
            sent: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// Meters for a connection of it.
    #[must_use]
    pub fn meters(&self) -> Meters {
        if self.sealed {
            Meters::sealed()
        } else {
            Meters::default()
        }
    }

    /// Counts what it sends, over all connections.
    #[must_use]
    pub fn sent(&self) -> Arc<Sent> {
        Arc::clone(&self.sent)
    }

    /// A stay begins.
    pub fn comes(&self) {
        self.lock().comes = true;
    }

    /// The classroom asks to be let in.
    pub fn asks(&self, now: Instant) {
        let mut state = self.lock();
        if std::mem::take(&mut state.comes) || state.asked.is_empty() {
            state.asked.push(now);
        }
    }

    /// The stay is over: that pictures stand still from now is no freeze.
    pub fn leaves(&self, now: Instant) {
        for meters in &self.lock().meters {
            meters.lock().values_mut().for_each(|meter| meter.end(now));
        }
    }

    /// Signalling let it in.
    pub fn welcomed(&self, now: Instant) {
        self.lock().welcomed.get_or_insert(now);
    }

    /// A connection begins.
    pub fn begins(&self, meters: &Meters) {
        self.lock().meters.push(meters.clone());
    }

    /// Media is up.
    pub fn connected(&self, now: Instant) {
        let mut state = self.lock();
        state.connected.get_or_insert(now);
        state.error = None;
    }

    /// It has to join anew.
    pub fn rejoins(&self) {
        self.lock().rejoins += 1;
    }

    /// Something went wrong.
    pub fn fails(&self, error: String) {
        self.lock().error = Some(error);
    }

    /// What it got so far.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let state = self.lock();
        let mut sums = Sums::default();
        for meters in &state.meters {
            for meter in meters.lock().values() {
                let counts = &meter.counts;
                sums.packets += counts.packets + counts.repaired;
                sums.repaired += counts.repaired;
                sums.lost += counts.lost;
                if meter.is_video() {
                    sums.frames += counts.frames;
                    sums.video_bytes += counts.bytes;
                }
            }
        }
        sums
    }

    /// What there is to report at the end.
    #[must_use]
    pub fn report(&self, number: usize, now: Instant) -> Classroom {
        let state = self.lock();
        let since = |at: Option<Instant>| {
            let duration = at?.saturating_duration_since(*state.asked.first()?);
            Some(duration.as_secs_f64() * 1_000.0)
        };
        let mut classroom = Classroom {
            number,
            verified: !self.sealed,
            sent_packets: self.sent.packets.load(Ordering::Relaxed),
            welcomed_ms: since(state.welcomed),
            connected_ms: since(state.connected),
            rejoins: state.rejoins,
            error: state.error.clone(),
            ..Default::default()
        };
        let (mut first_packet, mut first_frame) = (None::<Instant>, None::<Instant>);
        let mut shows = Vec::new();
        // A picture that a lost connection left standing has frozen until the next connection brought one.
        let mut until = now;
        for meters in state.meters.iter().rev() {
            let mut shown = None;
            classroom.unopened += meters.count_unopened();
            for meter in meters.lock().values_mut() {
                meter.end(until);
                first_packet = earliest(first_packet, meter.first_packet);
                if meter.is_video() {
                    shown = earliest(shown, meter.first_frame);
                    shows.extend(meter.first_frame);
                }
                let stream = stream_of(meter);
                classroom.total.add(&stream.counters);
                classroom.streams.push(stream);
            }
            first_frame = earliest(first_frame, shown);
            until = shown.unwrap_or(until);
        }
        for asked in state.asked.iter().skip(1) {
            let shown = shows.iter().filter(|at| *at > asked).min();
            let took = shown.map(|at| at.saturating_duration_since(*asked));
            classroom
                .returned_ms
                .push(took.map(|it| it.as_secs_f64() * 1_000.0));
        }
        classroom.first_packet_ms = since(first_packet);
        classroom.first_frame_ms = since(first_frame);
        classroom
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is written is whole after each line: who panicked with it has not broken it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

fn stream_of(meter: &Meter) -> Stream {
    let (counts, video) = (&meter.counts, meter.is_video());
    let only_video = |count: u64| if video { count } else { 0 };
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Stream {
        kind: if video { "video" } else { "audio" },
        counters: Counters {
            packets: counts.packets,
            bytes: counts.bytes,
            lost: counts.lost,
            repaired: counts.repaired,
            duplicates: counts.duplicates,
            frames: only_video(counts.frames),
            broken_frames: only_video(counts.broken_frames),
            due_frames: counts.due_frames,
            freezes: meter.freezes.count,
            frozen_ms: ms(meter.freezes.frozen),
            longest_freeze_ms: ms(meter.freezes.longest),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attend::meter::Arrival;

    /// Keyframes of one packet, 40 ms apart, from one time to another.
    fn pictures(meters: &Meters, from: Instant, count: u16) -> Instant {
        let mut meters = meters.lock();
        let meter = meters.entry(1).or_insert_with(|| Meter::new(true));
        let step = Duration::from_millis(40);
        for sequence in 0..count {
            let arrival = Arrival {
                sequence,
                timestamp: u32::from(sequence) * 3_600,
                marker: true,
                key: true,
                bytes: 1_000,
                repair: false,
            };
            meter.arrive(from + step * u32::from(sequence), arrival);
        }
        from + step * u32::from(count - 1)
    }

    #[test]
    fn a_lost_connection_freezes_the_picture_until_the_next_brings_one() {
        let (seat, start) = (Seat::default(), Instant::now());
        let (first, second) = (Meters::default(), Meters::default());
        seat.asks(start);
        seat.begins(&first);
        let stands = pictures(&first, start + Duration::from_secs(1), 50);
        seat.rejoins();
        seat.begins(&second);
        let goes_on = stands + Duration::from_secs(3);
        let end = pictures(&second, goes_on, 100);
        let report = seat.report(7, end);
        assert_eq!((report.number, report.rejoins), (7, 1));
        assert_eq!(report.first_frame_ms, Some(1_000.0));
        assert_eq!((report.total.freezes, report.total.frozen_ms), (1, 3_000));
        assert_eq!(report.total.frames, 150);
    }

    #[test]
    fn an_error_is_forgotten_when_media_is_up() {
        let seat = Seat::default();
        seat.fails("not yet".to_owned());
        assert_eq!(seat.report(1, Instant::now()).error.as_deref(), Some("not yet"));
        seat.connected(Instant::now());
        assert_eq!(seat.report(1, Instant::now()).error, None);
    }
}
