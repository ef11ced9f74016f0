//! What the server streams to a recorder process, and what the recorder answers.
//!
//! Down (server to recorder, the recorder's standard input): frames of RFC 4571, a 16-bit big-endian length and that many
//! bytes, of which the first says what the rest is ([`Frame`]). Up (recorder to server, its standard output): one JSON
//! object a line ([`Status`]).

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::{LessonId, TrackId};
use crate::media::{Codec, MediaKind, Source};

const KIND_CONTROL: u8 = 0;
const KIND_RTP: u8 = 1;
const KIND_SENDER_REPORT: u8 = 2;

/// Longest body of a frame, which RFC 4571's 16-bit length allows.
pub const MAX_BODY: usize = u16::MAX as usize;

/// One frame of the stream to a recorder.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<B> {
    /// State of the lesson and its tracks.
    Control(Control),
    /// An RTP packet as the publisher sent it, decrypted, repaired by NACK and RTX where it could be.
    Rtp {
        /// [`Control::TrackUp::number`].
        track: u32,
        /// Arrival at the engine, microseconds of Unix time by the engine's steady clock.
        arrival_us: u64,
        /// The packet from its RTP header on.
        packet: B,
    },
    /// The publisher's sender report for a track (RFC 3550 §6.4.1).
    SenderReport {
        /// [`Control::TrackUp::number`].
        track: u32,
        /// Arrival at the engine, as in [`Frame::Rtp`].
        arrival_us: u64,
        /// NTP time of the report, 32.32 seconds since 1900.
        ntp: u64,
        /// RTP time of the report.
        rtp: u32,
    },
}

/// State of the lesson and its tracks, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Control {
    /// First frame of a stream.
    Begin {
        /// Which lesson.
        lesson: LessonId,
        /// Class time zero, if the recording is new: microseconds of Unix time.
        epoch_us: u64,
    },
    /// A track comes up, or comes back with another codec. Numbers are unique within a stream and never reused.
    TrackUp {
        /// Names the track in this stream.
        number: u32,
        /// The engine's id.
        track: TrackId,
        /// Names the recorded track over the whole lesson: the same key goes on in the same recorded track.
        key: TrackKey,
        /// Its codec.
        codec: Codec,
        /// The publisher: tracks of one publisher share a clock.
        publisher: u32,
    },
    /// No more packets of this number.
    TrackDown {
        /// Which.
        number: u32,
    },
    /// The lesson ended: close the recording whole, say [`Status::Finished`] and exit.
    Finish {},
}

/// Names a recorded track over the whole lesson.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrackKey {
    /// Stable and fit for a file name: `teacher`, or `classroom-` and the last 8 digits of its id (ids made together begin alike).
    pub who: String,
    /// What a person calls the publisher.
    pub name: String,
    /// What it is.
    pub source: Source,
}

impl TrackKey {
    /// Fit for a file name and an address, e.g. `teacher-camera`.
    #[must_use]
    pub fn slug(&self) -> String {
        format!("{}-{}", self.who, self.source.as_str())
    }

    /// Audio or video.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.source.kind()
    }
}

/// What a recorder says, one JSON object a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Status {
    /// The recorder reads its input.
    Ready {
        /// It goes on in a recording that was there.
        resumed: bool,
    },
    /// More is on disk; about once a second and at once after the first part.
    Progress {
        /// Bytes on disk.
        bytes: u64,
        /// Class time on disk in ms.
        duration_ms: u64,
        /// Free space of the disk in bytes.
        free_bytes: u64,
        /// State of the disk.
        disk: Disk,
    },
    /// The publisher should send a keyframe.
    KeyframeWanted {
        /// [`Control::TrackUp::number`].
        number: u32,
    },
    /// Something went wrong that did not stop the recording.
    Warning {
        /// In English, for the log.
        message: String,
    },
    /// The recording is closed whole.
    Finished {
        /// Class time of its end in ms.
        duration_ms: u64,
        /// Bytes on disk.
        bytes: u64,
    },
}

/// State of the recorder's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disk {
    /// Enough.
    Ok,
    /// Near the reserve.
    Low,
    /// Nothing is written any more.
    Full,
}

/// Why a frame could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The body is longer than a frame holds.
    #[error("frame body of {0} bytes is longer than {MAX_BODY}")]
    TooLong(usize),
    /// The body ends before its header does.
    #[error("frame body of {0} bytes is too short")]
    TooShort(usize),
    /// The first byte names no kind.
    #[error("unknown frame kind {0}")]
    UnknownKind(u8),
    /// The control message cannot be read.
    #[error("control frame: {0}")]
    Control(#[from] serde_json::Error),
}

impl<B: AsRef<[u8]>> Frame<B> {
    /// Appends the frame with its length to `out`.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLong`], and then `out` is as it was.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let start = out.len();
        out.extend_from_slice(&[0, 0]);
        match self {
            Self::Control(control) => {
                out.push(KIND_CONTROL);
                serde_json::to_writer(&mut *out, control)?;
            }
            Self::Rtp {
                track,
                arrival_us,
                packet,
            } => {
                out.push(KIND_RTP);
                out.extend_from_slice(&track.to_be_bytes());
                out.extend_from_slice(&arrival_us.to_be_bytes());
                out.extend_from_slice(packet.as_ref());
            }
            Self::SenderReport {
                track,
                arrival_us,
                ntp,
                rtp,
            } => {
                out.push(KIND_SENDER_REPORT);
                out.extend_from_slice(&track.to_be_bytes());
                out.extend_from_slice(&arrival_us.to_be_bytes());
                out.extend_from_slice(&ntp.to_be_bytes());
                out.extend_from_slice(&rtp.to_be_bytes());
            }
        }
        let body = out.len() - start - 2;
        let Ok(length) = u16::try_from(body) else {
            out.truncate(start);
            return Err(FrameError::TooLong(body));
        };
        out[start..start + 2].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

impl<'a> Frame<&'a [u8]> {
    /// Reads the body of a frame, without its length.
    ///
    /// # Errors
    ///
    /// When the body is not of any kind.
    pub fn decode(body: &'a [u8]) -> Result<Self, FrameError> {
        let short = || FrameError::TooShort(body.len());
        let (&kind, rest) = body.split_first().ok_or_else(short)?;
        if kind == KIND_CONTROL {
            return Ok(Self::Control(serde_json::from_slice(rest)?));
        }
        let (track, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (arrival, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let (track, arrival_us) = (u32::from_be_bytes(*track), u64::from_be_bytes(*arrival));
        match kind {
            KIND_RTP => Ok(Self::Rtp {
                track,
                arrival_us,
                packet: rest,
            }),
            KIND_SENDER_REPORT => {
                let (ntp, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
                let (rtp, _) = rest.split_first_chunk::<4>().ok_or_else(short)?;
                let (ntp, rtp) = (u64::from_be_bytes(*ntp), u32::from_be_bytes(*rtp));
                Ok(Self::SenderReport {
                    track,
                    arrival_us,
                    ntp,
                    rtp,
                })
            }
            other => Err(FrameError::UnknownKind(other)),
        }
    }
}

/// When a recording began, as a person reads it.
#[must_use]
pub fn epoch_of(epoch_us: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(epoch_us) * 1_000).ok()
}
