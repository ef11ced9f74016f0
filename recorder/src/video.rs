//! A recorded video track: pictures in, samples without a hole out. Where nothing comes, the last picture that needs no
//! other is repeated, before the first one a slate.

use std::sync::OnceLock;

use gstreamer as gst;

use crate::avc::with_parameter_sets;
use crate::depay::{Depay, Frame, encoder};
use crate::error::Error;
use crate::lane::{FILL_AFTER_DOWN_US, FILL_AFTER_US, Lane, MAX_FILL_US, START_SLACK_US};
use crate::packer::{Packer, SEGMENT_US};

/// Pictures may lie so much before the last one and are put right behind it; beyond, they are dropped.
const BACKWARDS_US: u64 = 200_000;
/// How far a picture is put behind the last one then.
const STEP_US: u64 = 1_000;
/// Age of a segment from which a keyframe is asked for: one that comes by itself once a segment may be so late.
const ASK_US: u64 = SEGMENT_US + LATE_US;
const LATE_US: u64 = 100_000;

type Picture = (gst::Caps, gst::Buffer);

/// When keyframes come by themselves. One that is asked for costs the publisher's line many frames.
#[derive(Debug, Default)]
struct Rhythm {
    last_us: Option<u64>,
    interval_us: u64,
}

impl Rhythm {
    fn keyframe(&mut self, at_us: u64) {
        let before_us = self.last_us.replace(at_us).unwrap_or(at_us);
        self.interval_us = at_us.saturating_sub(before_us);
    }

    /// Whether another is due soon, if they go on as they came.
    fn expects(&self, now_us: u64) -> bool {
        self.last_us
            .is_some_and(|last_us| now_us < last_us + self.interval_us.min(SEGMENT_US) + LATE_US)
    }
}

/// See the module.
pub(crate) struct VideoLane {
    packer: Packer,
    still: Option<Picture>,
    needs_independent: bool,
    rhythm: Rhythm,
    wants_keyframe: bool,
}

impl VideoLane {
    /// A track whose media ends at `packer`'s end with `still` as its last whole picture.
    pub(crate) fn new(packer: Packer, still: Option<Picture>) -> Self {
        Self {
            packer,
            still,
            needs_independent: true,
            rhythm: Rhythm::default(),
            wants_keyframe: false,
        }
    }

    /// Repeats the still (or the slate) from `from_us` so that the track reaches `to_us`; the last one is held back.
    fn fill(&mut self, from_us: u64, to_us: u64) -> Result<(), Error> {
        let (caps, data) = match &self.still {
            Some(still) => still.clone(),
            None => slate()?,
        };
        let mut at_us = from_us;
        if to_us.saturating_sub(from_us) > MAX_FILL_US {
            tracing::warn!(gap_us = to_us - from_us, "a gap is too long to be filled");
            at_us = to_us - SEGMENT_US;
        }
        while at_us < to_us {
            self.packer.push(&caps, at_us, data.clone(), true, true)?;
            at_us += SEGMENT_US;
        }
        self.needs_independent = true;
        Ok(())
    }

    /// Where the frame goes, after what has to be filled before it; `None` when it is dropped.
    fn place(&mut self, frame: &Frame) -> Result<Option<u64>, Error> {
        let at_us = u64::try_from(frame.at_us).unwrap_or(0);
        if let Some(held_us) = self.packer.held_at_us() {
            if at_us > held_us {
                return Ok(Some(at_us));
            }
            let near = held_us - at_us <= BACKWARDS_US && !self.packer.held_filled();
            self.needs_independent |= !near;
            return Ok(near.then_some(held_us + STEP_US));
        }
        let end_us = self.packer.end_us();
        if end_us == 0 && at_us <= START_SLACK_US {
            return Ok(Some(0));
        }
        if at_us < end_us {
            return Ok(None);
        }
        self.fill(end_us, at_us)?;
        let held_us = self.packer.held_at_us().unwrap_or(0);
        Ok(Some(at_us.max(held_us + STEP_US)))
    }
}

impl Lane for VideoLane {
    fn frame(&mut self, mut frame: Frame) -> Result<(), Error> {
        if self.needs_independent && !frame.independent {
            self.wants_keyframe = true;
            return Ok(());
        }
        let Some(at_us) = self.place(&frame)? else {
            self.wants_keyframe = true;
            return Ok(());
        };
        if self.needs_independent && !frame.independent {
            return Ok(());
        }
        self.needs_independent = false;
        if frame.independent {
            frame.data = with_parameter_sets(&frame.caps, frame.data);
            self.still = Some((frame.caps.clone(), frame.data.clone()));
            self.rhythm.keyframe(at_us);
        }
        self.packer
            .push(&frame.caps, at_us, frame.data, frame.independent, false)?;
        let age_us = self
            .packer
            .segment_at_us()
            .map_or(0, |segment_us| at_us - segment_us);
        self.wants_keyframe |= age_us >= ASK_US && !self.rhythm.expects(at_us);
        Ok(())
    }

    fn tick(&mut self, now_us: u64, flowing: bool) -> Result<(), Error> {
        let lag_us = if flowing {
            FILL_AFTER_US
        } else {
            FILL_AFTER_DOWN_US
        };
        let limit_us = now_us.saturating_sub(lag_us);
        let from_us = match self.packer.held_at_us() {
            Some(held_us) => held_us + SEGMENT_US,
            None => self.packer.end_us(),
        };
        let begun = self.packer.held_at_us().is_some() || self.packer.end_us() > 0;
        if begun && from_us + SEGMENT_US <= limit_us {
            let segments = (limit_us - from_us) / SEGMENT_US;
            self.fill(from_us, from_us + segments * SEGMENT_US)?;
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.needs_independent = true;
        self.wants_keyframe = true;
    }

    fn finish(&mut self, end_us: u64) -> Result<(), Error> {
        let from_us = match self.packer.held_at_us() {
            Some(held_us) => held_us + SEGMENT_US,
            None => self.packer.end_us(),
        };
        if from_us < end_us {
            self.fill(from_us, end_us)?;
        }
        self.packer.finish(end_us)
    }

    fn suspend(&mut self) -> Result<(), Error> {
        self.packer.finish(0)
    }

    fn reset(&mut self, end_us: u64) {
        self.packer.reset(end_us);
        self.begin();
    }

    fn wants_keyframe(&mut self) -> bool {
        std::mem::take(&mut self.wants_keyframe)
    }
}

const SLATE_WIDTH: i32 = 640;
const SLATE_HEIGHT: i32 = 360;

/// A black picture.
fn slate() -> Result<Picture, Error> {
    static SLATE: OnceLock<Picture> = OnceLock::new();
    if let Some(slate) = SLATE.get() {
        return Ok(slate.clone());
    }
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", SLATE_WIDTH)
        .field("height", SLATE_HEIGHT)
        .field("framerate", gst::Fraction::new(30, 1))
        .build();
    let mut depay = Depay::over(encoder()?, &caps)?;
    let luma = usize::try_from(SLATE_WIDTH * SLATE_HEIGHT).expect("a positive constant");
    let mut pixels = vec![16; luma];
    pixels.resize(luma * 3 / 2, 128);
    depay.push_buffer(gst::Buffer::from_mut_slice(pixels), 0)?;
    let frame = depay
        .pop()
        .ok_or_else(|| Error::Pipeline("no slate was made".to_owned()))?;
    let data = with_parameter_sets(&frame.caps, frame.data);
    Ok(SLATE.get_or_init(|| (frame.caps, data)).clone())
}
