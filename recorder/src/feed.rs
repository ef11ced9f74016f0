//! One stream of packets of the tap (a [`protocol::tap::Control::TrackUp`]) on its way to a recorded track: in order, in
//! class time, as frames.

use std::collections::VecDeque;

use gstreamer as gst;
use protocol::media::{Codec, MediaKind};

use crate::clock::{Publishers, StreamClock, When};
use crate::depay::{Depay, Frame};
use crate::error::Error;
use crate::reorder::{Ordered, Reorder};
use crate::rtp;

/// A keyframe that does not come is asked for again after so long.
const ASK_AGAIN_US: u64 = 1_000_000;
/// Packets that wait for the first sender report; beyond, the oldest are dropped.
const MAX_HELD: usize = 8_192;

/// See the module.
pub(crate) struct Feed {
    /// Index of the recorded track.
    pub(crate) lane: usize,
    codec: Codec,
    reorder: Reorder,
    clock: StreamClock,
    held: VecDeque<Ordered>,
    last_ticks: Option<i64>,
    depay: Option<Depay>,
    caps: gst::Caps,
    frames: VecDeque<Frame>,
    wants_keyframe: bool,
    /// Class time of the last time a keyframe was asked for.
    asked_us: u64,
    /// Packets that are not RTP or waited too long.
    pub(crate) dropped: u64,
}

impl Feed {
    /// For packets of `codec` by `publisher`, from whom a keyframe is asked for at `now_us`.
    ///
    /// # Errors
    ///
    /// When the codec cannot be recorded.
    pub(crate) fn new(lane: usize, codec: Codec, publisher: u32, now_us: u64) -> Result<Self, Error> {
        let video = codec.kind() == MediaKind::Video;
        Ok(Self {
            lane,
            codec,
            reorder: Reorder::default(),
            clock: StreamClock::new(publisher, codec.clock_rate()),
            held: VecDeque::new(),
            last_ticks: None,
            depay: video.then(|| Depay::new(codec)).transpose()?,
            caps: gst::Caps::new_empty_simple("audio/x-opus"),
            frames: VecDeque::new(),
            wants_keyframe: false,
            asked_us: now_us,
            dropped: 0,
        })
    }

    /// Takes a packet that arrived at class time `arrival_us`.
    pub(crate) fn packet(&mut self, packet: &[u8], arrival_us: u64) {
        match rtp::parse(packet) {
            Some(packet) => self.reorder.push(&packet, arrival_us),
            None => self.dropped += 1,
        }
    }

    /// Takes a sender report at class time `now_us`.
    pub(crate) fn report(&mut self, publishers: &mut Publishers, ntp: u64, rtp: u32, now_us: u64) {
        let last_ticks = self.held.back().map(|packet| packet.ticks).or(self.last_ticks);
        self.clock
            .report(publishers, ntp, rtp, last_ticks, now_us.cast_signed());
    }

    /// Brings on what can go on at class time `now_us`.
    pub(crate) fn advance(&mut self, publishers: &mut Publishers, now_us: u64) -> Result<(), Error> {
        while let Some(packet) = self.reorder.pop(now_us) {
            if self.held.len() >= MAX_HELD {
                self.held.pop_front();
                self.dropped += 1;
            }
            self.held.push_back(packet);
        }
        while let Some(mut packet) = self.held.pop_front() {
            if std::mem::take(&mut packet.restart) {
                self.clock.restart();
            }
            let arrival_us = packet.arrival_us.cast_signed();
            match self
                .clock
                .when(publishers, packet.ticks, arrival_us, now_us.cast_signed())
            {
                When::Hold => {
                    self.held.push_front(packet);
                    break;
                }
                When::At(at_us) => self.deliver(&packet, at_us)?,
            }
        }
        Ok(())
    }

    /// No more packets come: what waits goes on at once.
    pub(crate) fn end(&mut self, publishers: &mut Publishers, now_us: u64) -> Result<(), Error> {
        self.reorder.flush();
        self.advance(publishers, now_us)?;
        self.advance(publishers, now_us + crate::clock::HOLD_US)
    }

    /// The next frame. With one that needs no other nobody waits for a keyframe any more.
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.wants_keyframe &= !frame.independent;
        Some(frame)
    }

    /// The recorded track needs a picture that needs no other: an encoder of ours makes one, else the publisher has to.
    pub(crate) fn want_keyframe(&mut self) {
        if let Some(depay) = &self.depay {
            depay.request_keyframe();
        }
    }

    /// Whether to ask the publisher for a keyframe at `now_us`; not again before it had time to come.
    pub(crate) fn asks_keyframe(&mut self, now_us: u64) -> bool {
        self.wants_keyframe |= self.depay.as_ref().is_some_and(Depay::wants_keyframe);
        let asks = self.wants_keyframe && now_us >= self.asked_us + ASK_AGAIN_US;
        if asks {
            self.wants_keyframe = false;
            self.asked_us = now_us;
        }
        asks
    }

    /// Packets that never came, and packets that came too late.
    pub(crate) fn losses(&self) -> (u64, u64) {
        (self.reorder.missing, self.reorder.late)
    }

    fn deliver(&mut self, packet: &Ordered, at_us: i64) -> Result<(), Error> {
        self.last_ticks = Some(packet.ticks);
        let Some(depay) = self.depay.as_mut() else {
            if !packet.payload.is_empty() {
                self.frames.push_back(Frame {
                    at_us,
                    caps: self.caps.clone(),
                    data: gst::Buffer::from_slice(packet.payload.clone()),
                    independent: true,
                });
            }
            return Ok(());
        };
        // A probe has no payload: its number counts, but a depayloader has no use for it.
        if packet.payload.is_empty() && !packet.gap {
            return Ok(());
        }
        if let Err(error) = depay.push(packet, at_us) {
            tracing::warn!(%error, "a depayloader failed and is made anew");
            *depay = Depay::new(self.codec)?;
            self.wants_keyframe = true;
        }
        while let Some(frame) = depay.pop() {
            self.frames.push_back(frame);
        }
        Ok(())
    }
}
