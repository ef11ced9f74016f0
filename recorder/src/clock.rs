//! Class time of media: RTP timestamp to the publisher's NTP time by sender report, and from there to class time by one
//! offset per publisher, so that the tracks of a publisher stay in step whatever their way through the network was.

use std::collections::HashMap;

/// So long the first report of a stream is waited for, in microseconds of arrival time.
pub(crate) const HOLD_US: u64 = 2_000_000;
/// Farther from its arrival than this, media gets a new anchor.
const REANCHOR_US: i64 = 5_000_000;
/// A report off by more than this is noise of the sender's and only moves the clock by a fraction of it...
const TRUSTED_US: i64 = 5_000;
/// ...unless it is off so far that it must be meant.
const MEANT_US: i64 = 100_000;
const FRACTION: i64 = 8;

/// Offsets of the publishers: NTP time minus class time, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Publishers {
    offsets: HashMap<u32, i64>,
}

/// The clock of one stream of packets.
#[derive(Debug)]
pub(crate) struct StreamClock {
    publisher: u32,
    rate: i64,
    state: State,
    /// A report that came before the first packet: NTP time in microseconds and RTP time.
    early: Option<(i64, u32)>,
}

/// A point that belongs to two times; one tick of the RTP clock leads to the next.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    ticks: i64,
    us: i64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// No report yet. Media waits until then (class time of arrival).
    Waiting { since_us: Option<i64> },
    /// By report: ticks to NTP time.
    Reported(Anchor),
    /// No report came: ticks to class time of arrival.
    ByArrival(Anchor),
}

/// What the clock says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Its class time in microseconds.
    At(i64),
    /// Ask again when there is a report or [`HOLD_US`] have passed.
    Hold,
}

/// NTP time (32.32 seconds) in microseconds.
pub(crate) fn ntp_us(ntp: u64) -> i64 {
    let us = (u128::from(ntp) * 1_000_000) >> 32;
    i64::try_from(us).expect("2^32 seconds in microseconds fit in 63 bits")
}

impl StreamClock {
    pub(crate) fn new(publisher: u32, rate: u32) -> Self {
        Self {
            publisher,
            rate: i64::from(rate),
            state: State::Waiting { since_us: None },
            early: None,
        }
    }

    fn span_us(&self, ticks: i64) -> i64 {
        ticks * 1_000_000 / self.rate
    }

    fn at(&self, anchor: Anchor, ticks: i64) -> i64 {
        anchor.us + self.span_us(ticks - anchor.ticks)
    }

    /// Takes a sender report. `last_ticks` is the timestamp of the last packet, `class_us` class time now.
    pub(crate) fn report(
        &mut self,
        publishers: &mut Publishers,
        ntp: u64,
        rtp: u32,
        last_ticks: Option<i64>,
        class_us: i64,
    ) {
        let ntp = ntp_us(ntp);
        let Some(last_ticks) = last_ticks else {
            self.early = Some((ntp, rtp));
            return;
        };
        self.early = Some((ntp, rtp));
        let anchor = Anchor {
            ticks: crate::reorder::extend_ticks(last_ticks, rtp),
            us: ntp,
        };
        match self.state {
            State::Waiting { .. } => {}
            State::Reported(old) => {
                let off = ntp - self.at(old, anchor.ticks);
                if off.abs() >= MEANT_US && self.leads_away(publishers, old, anchor, last_ticks, class_us) {
                    return;
                }
                let trusted = off.abs() <= TRUSTED_US || off.abs() >= MEANT_US;
                let us = if trusted { ntp } else { ntp - off + off / FRACTION };
                self.state = State::Reported(Anchor { us, ..anchor });
            }
            State::ByArrival(old) => {
                let class = self.at(old, anchor.ticks);
                if (class - class_us).abs() <= REANCHOR_US {
                    publishers.offsets.entry(self.publisher).or_insert(ntp - class);
                    self.state = State::Reported(anchor);
                }
            }
        }
    }

    /// Whether a report moves the stream away from when it arrives. GStreamer's webrtcbin says reports that run at twice the
    /// speed of its media as long as its latency is not set; what was said before fits better then.
    fn leads_away(
        &self,
        publishers: &Publishers,
        old: Anchor,
        new: Anchor,
        last_ticks: i64,
        class_us: i64,
    ) -> bool {
        let Some(offset) = publishers.offsets.get(&self.publisher) else {
            return false;
        };
        let from_arrival = |anchor| (self.at(anchor, last_ticks) - offset - class_us).abs();
        from_arrival(new) > from_arrival(old)
    }

    /// The stream restarted with another base of its timestamps.
    pub(crate) fn restart(&mut self) {
        self.state = State::Waiting { since_us: None };
    }

    /// Class time of a packet. `arrival_us` is the class time of its arrival, `now_us` class time now.
    pub(crate) fn when(
        &mut self,
        publishers: &mut Publishers,
        ticks: i64,
        arrival_us: i64,
        now_us: i64,
    ) -> When {
        if let State::Waiting { since_us } = self.state {
            self.state = self.settle(publishers, ticks, arrival_us, now_us, since_us);
        }
        let class = match self.state {
            State::Waiting { .. } => return When::Hold,
            State::ByArrival(anchor) => self.at(anchor, ticks),
            State::Reported(anchor) => {
                let ntp = self.at(anchor, ticks);
                ntp - publishers
                    .offsets
                    .get(&self.publisher)
                    .copied()
                    .unwrap_or(ntp - arrival_us)
            }
        };
        if (class - arrival_us).abs() <= REANCHOR_US {
            return When::At(class);
        }
        self.reanchor(publishers, ticks, arrival_us);
        When::At(arrival_us)
    }

    fn settle(
        &self,
        publishers: &mut Publishers,
        ticks: i64,
        arrival_us: i64,
        now_us: i64,
        since_us: Option<i64>,
    ) -> State {
        if let Some((ntp, rtp)) = self.early {
            let anchor = Anchor {
                ticks: crate::reorder::extend_ticks(ticks, rtp),
                us: ntp,
            };
            let at = self.at(anchor, ticks);
            let offset = publishers.offsets.get(&self.publisher).copied();
            // A report of the stream before a restart maps to a time far away: it says nothing.
            let stale = match offset {
                Some(offset) => (at - offset - arrival_us).abs() > REANCHOR_US,
                None => self.span_us(ticks - anchor.ticks).abs() > 60 * REANCHOR_US,
            };
            if !stale {
                publishers
                    .offsets
                    .entry(self.publisher)
                    .or_insert(at - arrival_us);
                return State::Reported(anchor);
            }
        }
        let since_us = since_us.unwrap_or(now_us);
        if now_us - since_us < HOLD_US.cast_signed() {
            return State::Waiting {
                since_us: Some(since_us),
            };
        }
        State::ByArrival(Anchor {
            ticks,
            us: arrival_us,
        })
    }

    fn reanchor(&mut self, publishers: &mut Publishers, ticks: i64, arrival_us: i64) {
        match self.state {
            State::Reported(anchor) => {
                let offset = self.at(anchor, ticks) - arrival_us;
                publishers.offsets.insert(self.publisher, offset);
            }
            _ => {
                self.state = State::ByArrival(Anchor {
                    ticks,
                    us: arrival_us,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ntp(us: i64) -> u64 {
        let us = u128::try_from(us).expect("positive");
        u64::try_from((us << 32).div_ceil(1_000_000)).expect("fits")
    }

    const NTP: i64 = 3_900_000_000_000_000;

    #[test]
    fn tracks_of_a_publisher_share_its_clock() {
        let mut publishers = Publishers::default();
        let mut video = StreamClock::new(1, 90_000);
        let mut audio = StreamClock::new(1, 48_000);
        assert_eq!(video.when(&mut publishers, 900_000, 0, 0), When::Hold);
        video.report(&mut publishers, ntp(NTP), 900_000, Some(900_000), 100_000);
        assert_eq!(video.when(&mut publishers, 900_000, 0, 100_000), When::At(0));
        // The same moment of capture, 400 ms less on the way.
        audio.report(
            &mut publishers,
            ntp(NTP + 1_000_000),
            48_000,
            Some(48_000),
            100_000,
        );
        assert_eq!(
            audio.when(&mut publishers, 48_000, 600_000, 600_000),
            When::At(1_000_000)
        );
    }

    #[test]
    fn without_a_report_arrival_decides_and_a_late_report_does_not_jump() {
        let mut publishers = Publishers::default();
        let mut clock = StreamClock::new(1, 90_000);
        assert_eq!(clock.when(&mut publishers, 0, 50_000, 50_000), When::Hold);
        assert_eq!(clock.when(&mut publishers, 0, 50_000, 2_049_999), When::Hold);
        assert_eq!(
            clock.when(&mut publishers, 0, 50_000, 2_050_000),
            When::At(50_000)
        );
        clock.report(&mut publishers, ntp(NTP), 180_000, Some(180_000), 2_060_000);
        assert_eq!(
            clock.when(&mut publishers, 270_000, 3_055_000, 3_055_000),
            When::At(3_050_000)
        );
    }

    #[test]
    fn a_restart_waits_for_the_report_of_its_own_base() {
        let mut publishers = Publishers::default();
        let mut clock = StreamClock::new(1, 90_000);
        clock.report(&mut publishers, ntp(NTP), 90_000, None, 0);
        assert_eq!(clock.when(&mut publishers, 90_000, 0, 0), When::At(0));
        clock.restart();
        let base = 2_000_000_000;
        assert_eq!(
            clock.when(&mut publishers, base, 1_000_000, 1_000_000),
            When::Hold
        );
        clock.report(
            &mut publishers,
            ntp(NTP + 1_100_000),
            2_000_009_000,
            Some(base),
            1_100_000,
        );
        assert_eq!(
            clock.when(&mut publishers, base, 1_000_000, 1_100_000),
            When::At(1_000_000)
        );
    }

    #[test]
    fn far_from_arrival_gets_a_new_anchor() {
        let mut publishers = Publishers::default();
        let mut clock = StreamClock::new(1, 90_000);
        clock.report(&mut publishers, ntp(NTP), 0, None, 0);
        assert_eq!(clock.when(&mut publishers, 0, 0, 0), When::At(0));
        let minute = 90_000 * 60;
        assert_eq!(
            clock.when(&mut publishers, minute, 1_000_000, 1_000_000),
            When::At(1_000_000)
        );
        assert_eq!(
            clock.when(&mut publishers, minute + 9_000, 1_100_000, 1_100_000),
            When::At(1_100_000)
        );
    }

    #[test]
    fn a_noisy_report_moves_the_clock_little() {
        let mut publishers = Publishers::default();
        let mut clock = StreamClock::new(1, 90_000);
        clock.report(&mut publishers, ntp(NTP), 0, None, 0);
        assert_eq!(clock.when(&mut publishers, 0, 0, 0), When::At(0));
        clock.report(
            &mut publishers,
            ntp(NTP + 1_032_000),
            90_000,
            Some(90_000),
            1_000_000,
        );
        assert_eq!(
            clock.when(&mut publishers, 90_000, 1_000_000, 1_000_000),
            When::At(1_004_000)
        );
    }

    #[test]
    fn reports_at_twice_the_speed_of_the_media_are_left_aside() {
        let mut publishers = Publishers::default();
        let mut clock = StreamClock::new(1, 48_000);
        clock.report(&mut publishers, ntp(NTP), 0, Some(0), 0);
        assert_eq!(clock.when(&mut publishers, 0, 0, 0), When::At(0));
        for second in 1..10_i64 {
            let ticks = second * 48_000;
            let said = u32::try_from(2 * ticks).expect("small");
            let now = second * 1_000_000;
            clock.report(&mut publishers, ntp(NTP + now), said, Some(ticks), now);
            assert_eq!(clock.when(&mut publishers, ticks, now, now), When::At(now));
        }
    }
}
