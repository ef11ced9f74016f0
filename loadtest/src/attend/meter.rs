//! Follows one RTP stream: what arrived, what was lost, what was repaired, and which frames could have been shown.

mod steps;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use self::steps::Steps;
use crate::attend::asks::Asks;
use crate::attend::stats::Freezes;

/// A packet that is missing for so long is given up, as a player's jitter buffer would.
const GIVE_UP_AFTER: Duration = Duration::from_millis(500);
/// Packets held while one is missing; past it the missing one is given up. (2 s of a 5 Mbit/s stream.)
const HELD_MAX: usize = 1_024;
/// A jump of the sequence number that is a new beginning rather than loss.
const JUMP: i64 = 3_000;
/// A keyframe is asked for at most so often.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// What the meter has to know of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Sequence number.
    pub sequence: u16,
    /// RTP time.
    pub timestamp: u32,
    /// Marker bit: the last packet of a frame.
    pub marker: bool,
    /// A decoder can begin with this packet's frame. It says nothing of sound.
    pub key: bool,
    /// Length of the payload in bytes; 0 is padding only.
    pub bytes: usize,
    /// It is a retransmission.
    pub repair: bool,
}

/// Counters of one stream.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Packets, without repairs and duplicates.
    pub packets: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Packets that never came, or came too late to be of use.
    pub lost: u64,
    /// Packets that were missing and came by retransmission in time.
    pub repaired: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Frames that were complete and could be decoded. For sound: packets.
    pub frames: u64,
    /// Frames that could not.
    pub broken_frames: u64,
    /// Frames that there were to show since the first, by the time between two of them. Only of pictures, once the observation ended.
    pub due_frames: u64,
}

/// Follows one stream.
#[derive(Clone, Debug)]
pub struct Meter {
    /// Sound needs no keyframe and has a frame per packet.
    video: bool,
    /// Keyframes are seen: the payloads are open.
    sees_keys: bool,
    /// Extended number of the packet that is awaited.
    next: Option<i64>,
    /// Packets beyond the awaited one, with the time they came.
    held: BTreeMap<i64, (Instant, Arrival)>,
    /// A packet of the frame in progress is missing.
    frame_broken: bool,
    /// The frame in progress begins with a keyframe.
    frame_key: bool,
    /// RTP time of the frame in progress.
    frame_time: Option<u32>,
    /// Decoding needs a keyframe.
    needs_key: bool,
    asked: Option<Instant>,
    asks: Asks,
    /// The time from frame to frame.
    steps: Steps,
    /// Counters.
    pub counts: Counts,
    /// Freezes of the picture.
    pub freezes: Freezes,
    /// When the first packet came.
    pub first_packet: Option<Instant>,
    /// When the first frame was complete.
    pub first_frame: Option<Instant>,
    ended: bool,
}

impl Meter {
    /// A stream of pictures, or of sound.
    #[must_use]
    pub fn new(video: bool) -> Self {
        Self {
            video,
            sees_keys: video,
            next: None,
            held: BTreeMap::new(),
            frame_broken: false,
            frame_key: false,
            frame_time: None,
            needs_key: video,
            asked: None,
            asks: Asks::default(),
            steps: Steps::default(),
            counts: Counts::default(),
            freezes: Freezes::default(),
            first_packet: None,
            first_frame: None,
            ended: false,
        }
    }

    /// A stream whose payloads are not opened. Which frame is a keyframe is not known then: every whole frame counts as one that
    /// can be shown, and no keyframe is asked for.
    #[must_use]
    pub fn sealed(video: bool) -> Self {
        Self {
            sees_keys: false,
            needs_key: false,
            ..Self::new(video)
        }
    }

    /// Whether this is a stream of pictures.
    #[must_use]
    pub fn is_video(&self) -> bool {
        self.video
    }

    /// A packet came.
    pub fn arrive(&mut self, now: Instant, arrival: Arrival) {
        if self.ended {
            return;
        }
        self.first_packet.get_or_insert(now);
        let number = self.extend(arrival.sequence);
        let next = *self.next.get_or_insert(number);
        if (number - next).abs() > JUMP {
            self.restart(number);
        }
        let next = self.next.unwrap_or(number);
        self.asks.came(number);
        if number < next || self.held.contains_key(&number) {
            self.counts.duplicates += 1;
            return;
        }
        if arrival.repair {
            self.counts.repaired += 1;
        } else {
            self.counts.packets += 1;
        }
        self.counts.bytes += u64::try_from(arrival.bytes).unwrap_or(0);
        if number == next {
            self.consume(now, arrival);
        } else {
            self.held.insert(number, (now, arrival));
        }
        self.advance(now);
    }

    /// A packet of sound came that says this one again (RFC 2198): if it is missing still, it has come by that.
    pub fn said_again(&mut self, now: Instant, arrival: Arrival) {
        let number = self.extend(arrival.sequence);
        let missing = self.next.is_some_and(|next| number >= next) && !self.held.contains_key(&number);
        if missing && arrival.bytes > 0 {
            self.arrive(
                now,
                Arrival {
                    repair: true,
                    ..arrival
                },
            );
        }
    }

    /// Sequence numbers of packets to ask for again now. Sound is not repaired: it would come too late.
    pub fn missing(&mut self, now: Instant) -> Vec<u16> {
        match self.next {
            Some(next) if self.video => self.asks.due(now, next),
            _ => Vec::new(),
        }
    }

    /// Whether the sender should be asked for a keyframe now; saying yes counts as having asked.
    pub fn wants_key(&mut self, now: Instant) -> bool {
        let waits = self.video && self.needs_key && self.first_packet.is_some();
        let due = self
            .asked
            .is_none_or(|asked| now.saturating_duration_since(asked) >= ASK_EVERY);
        if waits && due {
            // The sender sends one by itself to who joins: the first question waits its turn.
            let first = self.asked.replace(now).is_none();
            return !first;
        }
        false
    }

    /// Time passed: gives up what is missing for too long.
    pub fn advance(&mut self, now: Instant) {
        while let Some((&number, &(came, _))) = self.held.first_key_value() {
            let next = self.next.unwrap_or(number);
            let too_long = now.saturating_duration_since(came) >= GIVE_UP_AFTER;
            if number > next {
                if !too_long && self.held.len() <= HELD_MAX {
                    return;
                }
                self.counts.lost += number.abs_diff(next);
                self.frame_broken = true;
                self.needs_key |= self.sees_keys;
                self.next = Some(number);
            }
            if let Some((_, (came, arrival))) = self.held.pop_first() {
                // Shown when the gap closed, not when the packet came.
                self.consume(now.max(came), arrival);
            }
        }
    }

    /// The observation ends. What was observed stays as it was then.
    pub fn end(&mut self, now: Instant) {
        if !self.ended {
            self.ended = true;
            self.advance(now + GIVE_UP_AFTER);
            self.freezes.end(now);
            if let Some(first) = self.first_frame.filter(|_| self.video) {
                self.counts.due_frames = self.steps.within(now.saturating_duration_since(first)) + 1;
            }
        }
    }

    /// Whether the observation has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    fn extend(&self, sequence: u16) -> i64 {
        let Some(next) = self.next else {
            return i64::from(sequence);
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "sequence numbers are taken modulo 2^16"
        )]
        let expected = next as u16;
        next + i64::from(sequence.wrapping_sub(expected).cast_signed())
    }

    fn restart(&mut self, number: i64) {
        self.held.clear();
        self.asks.clear();
        self.next = Some(number);
        self.frame_broken = true;
        self.needs_key |= self.sees_keys;
    }

    fn consume(&mut self, now: Instant, arrival: Arrival) {
        self.next = self.next.map(|next| next + 1);
        if arrival.bytes == 0 {
            return;
        }
        if !self.video {
            self.show(now);
            return;
        }
        if self.frame_time != Some(arrival.timestamp) {
            if self.frame_time.is_some() {
                // The frame before ended without a marker: its end is lost.
                self.counts.broken_frames += 1;
            }
            // A loss just before a frame's first packet has cost the frame before, or this one's beginning: only a
            // keyframe, whose first packet is known by its look, is surely whole.
            let begins = !self.frame_broken || arrival.key;
            self.steps.frame(arrival.timestamp);
            self.frame_time = Some(arrival.timestamp);
            self.frame_key = arrival.key;
            self.frame_broken = !begins;
        }
        if arrival.marker {
            let whole = !self.frame_broken && (self.frame_key || !self.needs_key);
            if whole {
                self.needs_key = false;
                self.show(now);
            } else {
                self.counts.broken_frames += 1;
            }
            self.frame_time = None;
            self.frame_broken = false;
        }
    }

    fn show(&mut self, now: Instant) {
        self.counts.frames += 1;
        self.first_frame.get_or_insert(now);
        if self.video {
            self.freezes.frame(now);
        }
    }
}

#[cfg(test)]
mod tests;
