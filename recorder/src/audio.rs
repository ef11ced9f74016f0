//! A recorded audio track: Opus packets in, samples without a hole out. Where nothing comes there is silence.

use gstreamer as gst;

use crate::depay::Frame;
use crate::error::Error;
use crate::lane::{FILL_AFTER_DOWN_US, FILL_AFTER_US, Lane, MAX_FILL_US};
use crate::opus;
use crate::packer::Packer;

/// A packet may begin so much before the end of the one before it; beyond, it is dropped.
const OVERLAP_US: u64 = 10_000;
/// A gap longer than this is filling, a shorter one belongs to the sound (a pause of the sender's, a lost packet).
const PAUSE_US: u64 = 1_000_000;
/// Filling goes on in steps of at least so much.
const STEP_US: u64 = 200_000;

/// See the module.
pub(crate) struct AudioLane {
    packer: Packer,
    caps: gst::Caps,
    /// Where the last packet ends.
    next_us: u64,
    /// Packets that came after their time was filled.
    late: u64,
}

/// Caps of every Opus track: two channels, as RTP always says (RFC 7587 §7).
fn caps() -> gst::Caps {
    gst::Caps::builder("audio/x-opus")
        .field("rate", opus::RATE.cast_signed())
        .field("channels", 2)
        .field("channel-mapping-family", 0)
        .build()
}

impl AudioLane {
    /// A track whose media ends at `packer`'s end.
    pub(crate) fn new(packer: Packer) -> Self {
        Self {
            next_us: packer.end_us(),
            packer,
            caps: caps(),
            late: 0,
        }
    }

    /// Silence up to `to_us` or at most 2.5 ms before it.
    fn fill(&mut self, to_us: u64) -> Result<(), Error> {
        let gap_us = to_us.saturating_sub(self.next_us);
        if gap_us > MAX_FILL_US {
            tracing::warn!(gap_us, "a gap is too long to be filled");
            self.next_us = to_us;
            return Ok(());
        }
        let filled = gap_us > PAUSE_US;
        while let Some((length_us, packet)) = opus::silence(to_us.saturating_sub(self.next_us)) {
            let data = gst::Buffer::from_slice(packet);
            self.packer.push(&self.caps, self.next_us, data, true, filled)?;
            self.next_us += length_us;
        }
        Ok(())
    }
}

impl Lane for AudioLane {
    fn frame(&mut self, frame: Frame) -> Result<(), Error> {
        let Some(length_us) = frame
            .data
            .map_readable()
            .ok()
            .and_then(|bytes| opus::duration_us(&bytes))
        else {
            return Ok(());
        };
        let at_us = match u64::try_from(frame.at_us) {
            Ok(at_us) if at_us + OVERLAP_US >= self.next_us => at_us,
            _ => {
                self.late += 1;
                return Ok(());
            }
        };
        self.fill(at_us)?;
        let behind = self.packer.held_at_us().map_or(0, |held_us| held_us + 1);
        let at_us = at_us.max(behind);
        self.packer.push(&self.caps, at_us, frame.data, true, false)?;
        self.next_us = at_us + length_us;
        Ok(())
    }

    fn tick(&mut self, now_us: u64, flowing: bool) -> Result<(), Error> {
        let lag_us = if flowing {
            FILL_AFTER_US
        } else {
            FILL_AFTER_DOWN_US
        };
        let limit_us = now_us.saturating_sub(lag_us);
        if self.next_us > 0 && self.next_us + STEP_US <= limit_us {
            // Long enough to count as filling even in small steps.
            let packets = (limit_us - self.next_us) / opus::SILENCE_US;
            for _ in 0..packets.min(MAX_FILL_US / opus::SILENCE_US) {
                let data = gst::Buffer::from_slice(opus::SILENCE);
                self.packer.push(&self.caps, self.next_us, data, true, true)?;
                self.next_us += opus::SILENCE_US;
            }
        }
        Ok(())
    }

    fn begin(&mut self) {}

    fn finish(&mut self, end_us: u64) -> Result<(), Error> {
        self.fill(end_us)?;
        self.packer.finish(end_us.max(self.next_us))?;
        if self.late > 0 {
            tracing::info!(packets = self.late, "packets of sound came too late");
        }
        Ok(())
    }

    fn suspend(&mut self) -> Result<(), Error> {
        self.packer.finish(self.next_us)
    }

    fn reset(&mut self, end_us: u64) {
        self.packer.reset(end_us);
        self.next_us = end_us;
    }

    fn wants_keyframe(&mut self) -> bool {
        false
    }
}
