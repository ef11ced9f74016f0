//! RTP time and sender reports of one published stream.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds from 1900 (NTP) to 1970 (Unix).
const NTP_OF_UNIX_EPOCH: u64 = 2_208_988_800;

/// Maps the time of a publication to RTP time. All streams of a publisher share the start, so their sender reports agree
/// to the tick and a receiver plays them in step.
#[derive(Clone, Copy, Debug)]
pub struct RtpClock {
    /// Hz.
    rate: u32,
    /// RTP time at the start of the publication.
    offset: u32,
}

impl RtpClock {
    /// A clock of `rate` Hz that shows `offset` at the start of the publication.
    #[must_use]
    pub fn new(rate: u32, offset: u32) -> Self {
        Self { rate, offset }
    }

    /// RTP time of a moment after the start; it wraps (RFC 3550 §5.1).
    #[must_use]
    pub fn at(&self, since_start: Duration) -> u32 {
        let ticks = since_start.as_nanos() * u128::from(self.rate) / 1_000_000_000;
        #[expect(clippy::cast_possible_truncation, reason = "RTP time is taken modulo 2^32")]
        let ticks = ticks as u32;
        self.offset.wrapping_add(ticks)
    }
}

/// NTP time in 32.32 fixed point (RFC 3550 §4); 0 before 1970.
#[must_use]
pub fn ntp(wall: SystemTime) -> u64 {
    let Ok(since) = wall.duration_since(UNIX_EPOCH) else {
        return 0;
    };
    let seconds = since.as_secs() + NTP_OF_UNIX_EPOCH;
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtp_time_wraps_and_does_not_drift() {
        let clock = RtpClock::new(90_000, u32::MAX - 89_999);
        assert_eq!(clock.at(Duration::from_secs(1)), 0);
        let day = Duration::from_secs(86_400);
        assert_eq!(
            clock.at(day + Duration::from_secs(1)).wrapping_sub(clock.at(day)),
            90_000
        );
    }

    #[test]
    fn ntp_counts_from_1900() {
        assert_eq!(ntp(UNIX_EPOCH), NTP_OF_UNIX_EPOCH << 32);
        assert_eq!(
            ntp(UNIX_EPOCH + Duration::from_millis(500)) & 0xffff_ffff,
            1 << 31
        );
    }
}
