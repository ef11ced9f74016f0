//! The lines of a journal.

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::VERSION;
use crate::id::LessonId;
use crate::tap::TrackKey;

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Entry {
    /// The first line.
    Begin {
        /// [`VERSION`].
        version: u32,
        /// Whose recording it is.
        lesson: LessonId,
        /// Class time zero in microseconds of Unix time.
        epoch_us: u64,
    },
    /// A track begins.
    Track {
        /// Its number in this journal, from 0.
        track: u32,
        /// What it is.
        key: TrackKey,
    },
    /// An init segment was written. The parts that follow need it: a new epoch of the track.
    Init(Init),
    /// A part was written.
    Part(Part),
    /// Of a track's media file only so many bytes are there (after a power cut): parts behind them are void.
    Truncate {
        /// Which track.
        track: u32,
        /// Bytes that are there.
        length: u64,
    },
    /// Nothing was recorded for a while; the tracks are filled in.
    Interrupted(Interruption),
    /// The recording was closed whole. Parts after it open it again.
    Close {
        /// Class time of its end.
        duration_us: u64,
    },
}

/// An init segment (`ftyp`, `moov`) in a track's media file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Init {
    /// Which track.
    pub track: u32,
    /// Where it is in the media file, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// By RFC 6381, e.g. `avc1.42e01f`.
    pub codecs: String,
    /// In pixels; 0 for audio.
    pub width: u32,
    /// In pixels; 0 for audio.
    pub height: u32,
}

/// A part (`moof`, `mdat`) in a track's media file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which track.
    pub track: u32,
    /// Where it is in the media file, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// Class time of its first sample.
    pub at_us: u64,
    /// The next part follows so much later.
    pub duration_us: u64,
    /// Frames or audio packets in it.
    pub samples: u32,
    /// It is the first of a segment.
    #[serde(default, skip_serializing_if = "is_false")]
    pub first: bool,
    /// It is the last of a segment.
    #[serde(default, skip_serializing_if = "is_false")]
    pub last: bool,
    /// It starts with a frame that needs no other.
    #[serde(default, skip_serializing_if = "is_false")]
    pub independent: bool,
    /// It is filling: a still picture or silence, because nothing came.
    #[serde(default, skip_serializing_if = "is_false")]
    pub filled: bool,
}

impl Part {
    /// Class time where it ends.
    #[must_use]
    pub fn end_us(&self) -> u64 {
        self.at_us + self.duration_us
    }
}

/// A stretch in which nothing was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// Class time of the last that was recorded.
    pub from_us: u64,
    /// Class time when it went on.
    pub to_us: u64,
    /// Why.
    pub cause: Cause,
}

/// Why a recording was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The recorder was gone and started again.
    Restart,
    /// The disk was full.
    DiskFull,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if wants a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl Entry {
    /// Appends the entry as a line to `out`.
    ///
    /// # Panics
    ///
    /// Never: an entry is plain data that JSON can hold.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self).expect("an entry is plain data that JSON can hold");
        out.push(b'\n');
    }
}
