//! Reads an MP4 file into what a publisher sends: H264 access units and Opus packets, each with its time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use re_mp4::{Mp4, StsdBoxContent, Track};

/// Why a file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The file cannot be read from disk.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not MP4, or is damaged.
    #[error("{path} is not a readable MP4 file: {reason}")]
    Mp4 {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file has no track that can be sent as it is.
    #[error("{path} cannot be sent: {reason} (`tongke-loadtest footage` makes files that can)")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// What one file holds.
#[derive(Clone, Debug, Default)]
pub struct Clip {
    /// The first H264 track.
    pub video: Option<Video>,
    /// The same pictures again, smaller and smaller: the other layers of a camera that is sent in several.
    pub smaller: Vec<Video>,
    /// The first Opus track.
    pub audio: Option<Audio>,
}

/// An H264 track.
#[derive(Clone, Debug)]
pub struct Video {
    /// In order of sending, which is order of showing: there are no B frames. The first is a keyframe.
    pub frames: Vec<Frame>,
    /// `profile-level-id` of RFC 6184 §8.1.
    pub profile_level_id: [u8; 3],
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// From the start of the clip to the end of the last frame.
    pub end: Duration,
}

/// An H264 access unit.
#[derive(Clone, Debug)]
pub struct Frame {
    /// From the start of the clip.
    pub at: Duration,
    /// It is an IDR picture.
    pub key: bool,
    /// NAL units without start codes; SPS and PPS come first in a keyframe.
    pub nals: Vec<Bytes>,
}

/// An Opus track.
#[derive(Clone, Debug)]
pub struct Audio {
    /// In order.
    pub packets: Vec<AudioPacket>,
    /// From the start of the clip to the end of the last packet.
    pub end: Duration,
}

/// An Opus packet.
#[derive(Clone, Debug)]
pub struct AudioPacket {
    /// From the start of the clip.
    pub at: Duration,
    /// The packet.
    pub data: Bytes,
}

impl Clip {
    /// Reads a file whole. Other tracks than the first H264 and the first Opus one are left out.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is not MP4, or has neither an H264 nor an Opus track.
    pub fn read(path: &Path) -> Result<Self, ClipError> {
        let data = std::fs::read(path).map_err(|error| ClipError::Io {
            path: path.to_owned(),
            error,
        })?;
        let unusable = |reason| ClipError::Unusable {
            path: path.to_owned(),
            reason,
        };
        let mp4 = Mp4::read_bytes(&data).map_err(|error| ClipError::Mp4 {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let data = Bytes::from(data);
        let mut clip = Self::default();
        for track in mp4.tracks().values() {
            match &track.trak(&mp4).mdia.minf.stbl.stsd.contents {
                StsdBoxContent::Avc1(_) if clip.video.is_none() => {
                    clip.video = Some(video(&mp4, track, &data).map_err(unusable)?);
                }
                StsdBoxContent::Unknown(four_cc) if four_cc.value == *b"Opus" && clip.audio.is_none() => {
                    clip.audio = Some(audio(&mp4, track, &data).map_err(unusable)?);
                }
                _ => {}
            }
        }
        if clip.video.is_none() && clip.audio.is_none() {
            return Err(unusable("it has neither an H264 nor an Opus track"));
        }
        Ok(clip)
    }

    /// The clip with the pictures of these files, largest first, as its smaller layers.
    ///
    /// # Errors
    ///
    /// When one cannot be read, or has not the same pictures and keyframes.
    pub fn with_smaller(mut self, files: &[PathBuf]) -> Result<Self, ClipError> {
        let Some(largest) = &self.video else {
            return Ok(self);
        };
        for path in files {
            let smaller = Self::read(path)?.video;
            let same = |smaller: &Video| {
                let keys = |video: &Video| video.frames.iter().map(|frame| frame.key).collect::<Vec<bool>>();
                keys(smaller) == keys(largest)
            };
            let Some(mut smaller) = smaller.filter(same) else {
                return Err(ClipError::Unusable {
                    path: path.clone(),
                    reason: "its pictures are not those of the file it is a smaller layer of",
                });
            };
            for (frame, large) in smaller.frames.iter_mut().zip(&largest.frames) {
                frame.at = large.at;
            }
            self.smaller.push(smaller);
        }
        Ok(self)
    }

    /// Bits per second of its largest pictures; 0 without any.
    #[must_use]
    pub fn bits_per_second(&self) -> u64 {
        let Some(video) = &self.video else { return 0 };
        let nals = video.frames.iter().flat_map(|frame| &frame.nals);
        let bits = nals.map(|nal| nal.len() as u128 * 8).sum::<u128>();
        u64::try_from(bits * 1_000 / video.end.as_millis().max(1)).unwrap_or(u64::MAX)
    }

    /// Length of the clip.
    #[must_use]
    pub fn end(&self) -> Duration {
        let video = self.video.as_ref().map_or(Duration::ZERO, |video| video.end);
        let audio = self.audio.as_ref().map_or(Duration::ZERO, |audio| audio.end);
        video.max(audio)
    }
}

/// Time units the edit list takes off the start: what an encoder's priming is (for Opus, its pre-skip).
fn edit_start(mp4: &Mp4, track: &Track) -> i64 {
    track
        .trak(mp4)
        .edts
        .as_ref()
        .and_then(|edts| edts.elst.as_ref())
        // An empty edit has a media time of −1, in 64 or in 32 bits.
        .and_then(|elst| {
            let media = |time: u64| time != u64::MAX && time != u64::from(u32::MAX);
            elst.entries.iter().find(|entry| media(entry.media_time))
        })
        .and_then(|entry| i64::try_from(entry.media_time).ok())
        .unwrap_or(0)
}

fn scaled(units: i64, timescale: u64) -> Duration {
    let units = u128::try_from(units.max(0)).unwrap_or(0);
    let nanos = units * 1_000_000_000 / u128::from(timescale.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn bytes_of(data: &Bytes, range: std::ops::Range<usize>) -> Result<Bytes, &'static str> {
    if range.start > range.end || range.end > data.len() {
        return Err("a sample lies outside the file");
    }
    Ok(data.slice(range))
}

fn video(mp4: &Mp4, track: &Track, data: &Bytes) -> Result<Video, &'static str> {
    let StsdBoxContent::Avc1(avc1) = &track.trak(mp4).mdia.minf.stbl.stsd.contents else {
        return Err("its video track is not H264");
    };
    let config = &avc1.avcc;
    let length_size = usize::from(config.length_size_minus_one & 3) + 1;
    let parameters: Vec<Bytes> = config
        .sequence_parameter_sets
        .iter()
        .chain(&config.picture_parameter_sets)
        .map(|nal| Bytes::copy_from_slice(&nal.bytes))
        .collect();
    let mut frames = Vec::with_capacity(track.samples.len());
    let mut end = Duration::ZERO;
    let first = track.samples.first().map_or(0, |sample| sample.decode_timestamp);
    for sample in &track.samples {
        if sample.composition_timestamp != sample.decode_timestamp - first {
            return Err("its video has B frames, which browsers do not play from a live source");
        }
        let mut nals = split(&bytes_of(data, sample.byte_range())?, length_size)?;
        nals.retain(|nal| !matches!(nal_type(nal), 6 | 7 | 8 | 9 | 12));
        let key = nals.iter().any(|nal| nal_type(nal) == 5);
        if key {
            nals.splice(0..0, parameters.iter().cloned());
        }
        if nals.is_empty() || (frames.is_empty() && !key) {
            continue;
        }
        let at = scaled(sample.composition_timestamp, sample.timescale);
        end = at + scaled(i64::try_from(sample.duration).unwrap_or(0), sample.timescale);
        frames.push(Frame { at, key, nals });
    }
    if frames.is_empty() {
        return Err("its video has no keyframe");
    }
    Ok(Video {
        frames,
        profile_level_id: [
            config.avc_profile_indication,
            config.profile_compatibility,
            config.avc_level_indication,
        ],
        width: track.width,
        height: track.height,
        end,
    })
}

fn audio(mp4: &Mp4, track: &Track, data: &Bytes) -> Result<Audio, &'static str> {
    let start = edit_start(mp4, track);
    let mut packets = Vec::with_capacity(track.samples.len());
    let mut end = Duration::ZERO;
    for sample in &track.samples {
        // What lies before the edit is priming that a player throws away. A publisher that runs on has no use for it.
        let at = sample.composition_timestamp - start;
        if at < 0 {
            continue;
        }
        let at = scaled(at, sample.timescale);
        end = at + scaled(i64::try_from(sample.duration).unwrap_or(0), sample.timescale);
        packets.push(AudioPacket {
            at,
            data: bytes_of(data, sample.byte_range())?,
        });
    }
    Ok(Audio { packets, end })
}

/// NAL unit type of RFC 6184 §1.3; 0 for an empty unit.
fn nal_type(nal: &Bytes) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

fn split(sample: &Bytes, length_size: usize) -> Result<Vec<Bytes>, &'static str> {
    let mut nals = Vec::new();
    let mut offset = 0;
    while offset + length_size <= sample.len() {
        let length = sample[offset..offset + length_size]
            .iter()
            .fold(0_usize, |length, &byte| length << 8 | usize::from(byte));
        offset += length_size;
        if length > sample.len() - offset {
            return Err("an H264 sample is damaged");
        }
        if length > 0 {
            nals.push(sample.slice(offset..offset + length));
        }
        offset += length;
    }
    Ok(nals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_length_prefixed_units() {
        let sample = Bytes::from_static(&[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x41]);
        let nals = split(&sample, 4).expect("well-formed");
        assert_eq!(
            nals,
            [Bytes::from_static(&[0x65, 1]), Bytes::from_static(&[0x41])]
        );
    }

    #[test]
    fn refuses_a_unit_longer_than_its_sample() {
        assert!(split(&Bytes::from_static(&[0, 0, 0, 9, 0x65]), 4).is_err());
    }

    #[test]
    fn scales_media_time_without_drift() {
        assert_eq!(scaled(90_000 * 3_600, 90_000), Duration::from_secs(3_600));
        assert_eq!(scaled(-5, 90_000), Duration::ZERO);
    }
}
