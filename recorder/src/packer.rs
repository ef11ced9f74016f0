//! Packs a track's samples into parts and segments, epoch by epoch. It holds the newest sample back until the next one or
//! the end says how long it is: every sample has a duration, also the last.

use gstreamer as gst;

use crate::error::Error;
use crate::mux::{Mux, Sample, Split};
use crate::writer::{PartPlan, Writer};

/// Length of a segment that is aimed at, in microseconds.
pub(crate) const SEGMENT_US: u64 = 2_000_000;
/// A picture that needs no other begins a segment when the one before is at least so long.
const SEGMENT_MIN_US: u64 = 1_500_000;
/// Longest part, where samples are short enough: 200 ms and a little, since timestamps are not even.
const PART_US: u64 = 205_000;
/// Length of a sample that was the last when nothing says better.
const LAST_US: u64 = 33_333;

/// What a track is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Segments begin where a picture allows.
    Video,
    /// Segments begin anywhere.
    Audio,
}

#[derive(Debug)]
struct Held {
    caps: gst::Caps,
    sample: Sample,
    filled: bool,
}

#[derive(Debug)]
struct Open {
    segment_at_us: u64,
    plan: PartPlan,
}

/// See the module.
pub(crate) struct Packer {
    track: u32,
    kind: Kind,
    writer: Writer,
    epoch: Option<(gst::Caps, Mux)>,
    open: Option<Open>,
    held: Option<Held>,
    /// Samples of the open part that the muxer has not got yet.
    pending: Vec<Sample>,
    /// Samples the muxer got since the last split.
    given: usize,
    end_us: u64,
}

/// The muxer writes a part when it has got so many samples of the next one. It gets those at once and the rest of a part
/// together: each time it wakes costs more than the muxing.
const GIVEN_AT_ONCE: usize = 2;

/// Whether samples of both caps can go into one epoch.
fn same_epoch(a: &gst::Caps, b: &gst::Caps) -> bool {
    let (Some(a), Some(b)) = (a.structure(0), b.structure(0)) else {
        return false;
    };
    let bytes = |s: &gst::StructureRef| {
        let data = s.get::<gst::Buffer>("codec_data").ok()?;
        let map = data.map_readable().ok()?;
        Some(map.to_vec())
    };
    let number = |s: &gst::StructureRef, field| s.get::<i32>(field).ok();
    a.name() == b.name()
        && ["width", "height", "channels"]
            .into_iter()
            .all(|field| number(a, field) == number(b, field))
        && bytes(a) == bytes(b)
}

impl Packer {
    /// For a track whose media ends at `end_us` (0 when it is new).
    pub(crate) fn new(track: u32, kind: Kind, writer: Writer, end_us: u64) -> Self {
        Self {
            track,
            kind,
            writer,
            epoch: None,
            open: None,
            held: None,
            pending: Vec::new(),
            given: 0,
            end_us,
        }
    }

    /// Class time of the sample that is held back; `None` when none is.
    pub(crate) fn held_at_us(&self) -> Option<u64> {
        self.held.as_ref().map(|held| held.sample.at_us)
    }

    /// Whether the sample that is held back is filling.
    pub(crate) fn held_filled(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.filled)
    }

    /// Class time where the track ends, without the sample that is held back.
    pub(crate) fn end_us(&self) -> u64 {
        self.end_us
    }

    /// Class time of the beginning of the segment that is open.
    pub(crate) fn segment_at_us(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.segment_at_us)
    }

    /// Takes a sample that begins at `at_us`, which is behind that of the sample before.
    ///
    /// # Errors
    ///
    /// When the muxer failed or the writer is gone.
    pub(crate) fn push(
        &mut self,
        caps: &gst::Caps,
        at_us: u64,
        data: gst::Buffer,
        independent: bool,
        filled: bool,
    ) -> Result<(), Error> {
        self.release(at_us)?;
        self.held = Some(Held {
            caps: caps.clone(),
            sample: Sample {
                at_us,
                duration_us: 0,
                data,
                independent,
            },
            filled,
        });
        Ok(())
    }

    /// Ends what is open at `end_us`, and the epoch; all of it has gone to the writer when this returns.
    ///
    /// # Errors
    ///
    /// When the muxer failed or the writer is gone.
    pub(crate) fn finish(&mut self, end_us: u64) -> Result<(), Error> {
        let end_us = match self.held_at_us() {
            Some(at_us) if end_us <= at_us => at_us + LAST_US,
            _ => end_us,
        };
        self.release(end_us)?;
        self.end_epoch()
    }

    /// Forgets what is open and goes on at `end_us`.
    pub(crate) fn reset(&mut self, end_us: u64) {
        self.held = None;
        self.open = None;
        self.epoch = None;
        self.pending.clear();
        self.given = 0;
        self.end_us = end_us;
    }

    fn release(&mut self, next_us: u64) -> Result<(), Error> {
        let Some(mut held) = self.held.take() else {
            return Ok(());
        };
        held.sample.duration_us = next_us.saturating_sub(held.sample.at_us);
        self.emit(held)
    }

    fn emit(&mut self, held: Held) -> Result<(), Error> {
        let Held { caps, sample, filled } = held;
        if self
            .epoch
            .as_ref()
            .is_none_or(|(current, _)| !same_epoch(current, &caps))
        {
            if !sample.independent {
                return Ok(());
            }
            self.end_epoch()?;
            let timescale = match self.kind {
                Kind::Video => 90_000,
                Kind::Audio => crate::opus::RATE,
            };
            self.epoch = Some((
                caps.clone(),
                Mux::new(self.track, &caps, timescale, &self.writer)?,
            ));
        }
        if let Some(split) = self.split(&sample, filled) {
            self.end_part(split, &sample, filled)?;
        }
        let open = self.open.get_or_insert_with(|| Open {
            segment_at_us: sample.at_us,
            plan: PartPlan::new(&sample, true, filled),
        });
        open.plan.samples += 1;
        open.plan.duration_us = sample.at_us + sample.duration_us - open.plan.at_us;
        self.end_us = sample.at_us + sample.duration_us;
        self.pending.push(sample);
        if self.given < GIVEN_AT_ONCE {
            self.give()
        } else {
            Ok(())
        }
    }

    /// The muxer gets what it has not got yet.
    fn give(&mut self) -> Result<(), Error> {
        self.given += self.pending.len();
        match &self.epoch {
            Some((_, mux)) => self.pending.drain(..).try_for_each(|sample| mux.push(sample)),
            None => Ok(()),
        }
    }

    fn end_part(&mut self, split: Split, next: &Sample, filled: bool) -> Result<(), Error> {
        self.give()?;
        self.given = 0;
        let (Some((_, mux)), Some(open)) = (&self.epoch, self.open.as_mut()) else {
            return Ok(());
        };
        open.plan.last = split == Split::Segment;
        mux.split(split, open.plan);
        match split {
            Split::Part => open.plan = PartPlan::new(next, false, filled),
            Split::Segment => self.open = None,
        }
        Ok(())
    }

    /// What has to come before `sample`.
    fn split(&self, sample: &Sample, filled: bool) -> Option<Split> {
        let open = self.open.as_ref()?;
        let end_us = sample.at_us + sample.duration_us;
        let turned = open.plan.filled != filled;
        let segment = match self.kind {
            Kind::Video => {
                let age_us = sample.at_us - open.segment_at_us;
                sample.independent && (age_us >= SEGMENT_MIN_US || turned)
            }
            Kind::Audio => end_us - open.segment_at_us > SEGMENT_US + sample.duration_us / 2,
        };
        let longest_us = if filled { SEGMENT_US } else { PART_US };
        if segment {
            Some(Split::Segment)
        } else if turned || end_us - open.plan.at_us > longest_us {
            Some(Split::Part)
        } else {
            None
        }
    }

    fn end_epoch(&mut self) -> Result<(), Error> {
        self.give()?;
        self.given = 0;
        let plan = self.open.take().map(|mut open| {
            open.plan.last = true;
            open.plan
        });
        match self.epoch.take() {
            Some((_, mux)) => mux.end(plan),
            None => Ok(()),
        }
    }
}
