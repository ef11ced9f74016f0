//! What a recorder must know of Opus packets (RFC 6716 §3.1): how long they are, and how to write silence.

/// Samples per second of Opus' clock.
pub(crate) const RATE: u32 = 48_000;

/// 20 ms of stereo silence.
pub(crate) const SILENCE: [u8; 3] = [0xfc, 0xff, 0xfe];
/// Length of [`SILENCE`] in microseconds.
pub(crate) const SILENCE_US: u64 = 20_000;

/// Silences of 20, 10, 5 and 2.5 ms: the same frame with another configuration in its first byte.
const SILENCES: [(u64, [u8; 3]); 4] = [
    (SILENCE_US, SILENCE),
    (10_000, [0xf4, 0xff, 0xfe]),
    (5_000, [0xec, 0xff, 0xfe]),
    (2_500, [0xe4, 0xff, 0xfe]),
];

/// The longest silence of at most `us`: its length in microseconds and its packet. `None` below 2.5 ms.
pub(crate) fn silence(us: u64) -> Option<(u64, [u8; 3])> {
    SILENCES.into_iter().find(|(length, _)| *length <= us)
}

/// How long a packet is in microseconds; `None` when it is not Opus.
pub(crate) fn duration_us(packet: &[u8]) -> Option<u64> {
    let (&toc, rest) = packet.split_first()?;
    let frame_us = match toc >> 3 {
        config @ 0..=11 => [10_000, 20_000, 40_000, 60_000][usize::from(config & 3)],
        config @ 12..=15 => [10_000, 20_000][usize::from(config & 1)],
        config => [2_500, 5_000, 10_000, 20_000][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(rest.first()? & 0x3f),
    };
    let total = frames * frame_us;
    (1..=120_000).contains(&total).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_follow_the_table_of_the_rfc() {
        assert_eq!(duration_us(&SILENCE), Some(20_000));
        assert_eq!(duration_us(&[0b0000_1000, 1]), Some(20_000));
        assert_eq!(duration_us(&[0b0001_1001, 1, 2]), Some(120_000));
        assert_eq!(duration_us(&[0xff, 6]), Some(120_000));
        assert_eq!(duration_us(&[0xff, 7]), None);
        assert_eq!(duration_us(&[0xff]), None);
        assert_eq!(duration_us(&[]), None);
    }

    #[test]
    fn silences_say_their_own_length() {
        for us in [2_500, 5_000, 10_000, 20_000] {
            let (length, packet) = silence(us).expect("a silence");
            assert_eq!((length, duration_us(&packet)), (us, Some(us)));
        }
        assert_eq!(silence(2_499), None);
    }
}
