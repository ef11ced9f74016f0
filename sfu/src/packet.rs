//! A publisher's packet, shared by everything that handles it: viewers, history, recorder, other threads.

use std::ops::Range;
use std::time::Instant;

use protocol::media::Codec;

use crate::divided::Part;
use crate::rtp::extension::Carried;
use crate::rtp::picture::Picture;

/// Layers of a track; what a publisher sends beyond is dropped and counted.
pub(crate) const MAX_LAYERS: usize = 3;

/// One incarnation of a track's stream: changes with the publisher's SSRC, so that sequence numbers and timestamps of
/// different incarnations are never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generation(pub(crate) u64);

/// A decrypted packet of a publisher, RTX unwrapped. It is never changed.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Of which layer, below [`MAX_LAYERS`].
    pub(crate) layer: u8,
    /// Of which incarnation; each layer has its own.
    pub(crate) generation: Generation,
    /// Extended sequence number.
    pub(crate) index: u64,
    /// RTP timestamp.
    pub(crate) timestamp: u32,
    /// Marker bit: the last packet of a frame, or the first after silence.
    pub(crate) marker: bool,
    /// Its codec.
    pub(crate) codec: Codec,
    /// H264's profile-level-id, 0 for others.
    pub(crate) profile_level_id: u32,
    /// The payload is RED around the codec.
    pub(crate) red: bool,
    /// It begins a keyframe.
    pub(crate) keyframe: bool,
    /// Lines of the pictures from here on, where it tells.
    pub(crate) height: Option<u16>,
    /// When it was captured by the publisher's clock, microseconds, once a sender report told it. The layers of a track share the clock.
    pub(crate) captured: Option<u64>,
    /// Where its payload names its picture, for codecs that do.
    pub(crate) picture: Option<Picture>,
    /// What it is in a stream that is divided into layers.
    pub(crate) part: Option<Part>,
    /// Header extensions to hand on.
    pub(crate) carried: Carried,
    /// When it came.
    pub(crate) arrival: Instant,
    /// The whole packet from its header on, without tag and padding.
    pub(crate) data: Vec<u8>,
    /// Where its payload lies in `data`.
    pub(crate) payload: Range<usize>,
}

impl Packet {
    /// What the codec's depacketiser gets (or RED around it).
    pub(crate) fn payload(&self) -> &[u8] {
        self.data.get(self.payload.clone()).unwrap_or(&[])
    }

    /// Its dependency descriptor, where its stream is divided.
    pub(crate) fn descriptor(&self) -> Option<&[u8]> {
        let part = self.part.as_ref()?;
        let at = usize::from(part.at);
        self.data.get(at..at + usize::from(part.len))
    }
}

impl Packet {
    /// As [`Self::of`], now; a test says what is different about its own.
    #[cfg(test)]
    pub(crate) fn test(data: Vec<u8>) -> Self {
        Self::of(data, Instant::now())
    }

    /// The first packet of an H264 stream, all of it payload, which came at that time; for the fuzzer, too.
    pub(crate) fn of(data: Vec<u8>, arrival: Instant) -> Self {
        Self {
            layer: 0,
            generation: Generation(1),
            index: 1,
            timestamp: 0,
            marker: false,
            codec: Codec::H264,
            profile_level_id: 0,
            red: false,
            keyframe: false,
            height: None,
            captured: None,
            picture: None,
            part: None,
            carried: Carried::default(),
            arrival,
            payload: 0..data.len(),
            data,
        }
    }
}

/// A sender report of a publisher with the time it came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SenderClock {
    /// Of which layer.
    pub(crate) layer: u8,
    /// Of which incarnation.
    pub(crate) generation: Generation,
    /// NTP 32.32.
    pub(crate) ntp: u64,
    /// RTP time.
    pub(crate) rtp: u32,
    /// When it came.
    pub(crate) arrival: Instant,
}

impl SenderClock {
    /// A timestamp of the stream in microseconds of the publisher's clock.
    pub(crate) fn captured(&self, timestamp: u32, clock_rate: u32) -> u64 {
        let reported = (self.ntp >> 32) * 1_000_000 + (((self.ntp & 0xffff_ffff) * 1_000_000) >> 32);
        let since = i64::from(timestamp.wrapping_sub(self.rtp) as i32) * 1_000_000 / i64::from(clock_rate);
        reported.saturating_add_signed(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_a_moment_of_the_publishers_clock() {
        let clock = SenderClock {
            layer: 0,
            generation: Generation(1),
            ntp: 10 << 32 | 0x8000_0000,
            rtp: 100,
            arrival: Instant::now(),
        };
        assert_eq!(clock.captured(100 + 45_000, 90_000), 11_000_000);
        assert_eq!(clock.captured(100u32.wrapping_sub(9_000), 90_000), 10_400_000);
    }
}
