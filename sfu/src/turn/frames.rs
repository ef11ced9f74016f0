//! Messages in a stream of bytes: STUN by its own length, ChannelData padded to four bytes (RFC 8656 §12.5).

/// Longest message taken: a datagram of WebRTC in an indication.
pub const LONGEST: usize = 2_048;
/// Bytes before the attributes of a STUN message.
pub(super) const STUN_HEADER: usize = 20;
/// Bytes before the data of a channel.
pub(super) const CHANNEL_HEADER: usize = 4;

/// What came is no TURN, or the stream is out of step for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no message of TURN")]
pub struct Malformed;

/// A message at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// STUN of so many bytes.
    Stun(usize),
    /// Data of a channel: its number, so many bytes behind the header.
    Channel { number: u16, length: usize },
}

impl Frame {
    /// Bytes it takes of the stream.
    pub(super) fn taken(self) -> usize {
        match self {
            Self::Stun(length) => length,
            Self::Channel { length, .. } => CHANNEL_HEADER + length.next_multiple_of(4),
        }
    }
}

/// The message at the beginning; `None` when it is not there whole. What cannot be one is seen before it came.
pub(super) fn first(bytes: &[u8]) -> Result<Option<Frame>, Malformed> {
    let Some(([a, b, c, d], _)) = bytes.split_first_chunk::<4>() else {
        return match bytes.first() {
            Some(0x80..) => Err(Malformed),
            _ => Ok(None),
        };
    };
    let (kind, length) = (
        u16::from_be_bytes([*a, *b]),
        usize::from(u16::from_be_bytes([*c, *d])),
    );
    let frame = match kind {
        0..0x4000 if length.is_multiple_of(4) => Frame::Stun(STUN_HEADER + length),
        0x4000..0x8000 if length > 0 => Frame::Channel { number: kind, length },
        _ => return Err(Malformed),
    };
    if frame.taken() > LONGEST {
        return Err(Malformed);
    }
    Ok((frame.taken() <= bytes.len()).then_some(frame))
}

/// Writes data of a channel.
pub(super) fn channel(out: &mut Vec<u8>, number: u16, data: &[u8]) {
    let Ok(length) = u16::try_from(data.len()) else {
        return;
    };
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(data);
    out.resize(out.len() + data.len().next_multiple_of(4) - data.len(), 0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_are_told_apart_and_measured() {
        let cases: [(&[u8], _); 9] = [
            (&[], Ok(None)),
            (&[0, 1, 0], Ok(None)),
            (&[0, 1, 0, 0], Ok(None)),
            // STUN is padded; so long is no message of ours; this is TLS, this is HTTP.
            (&[0, 1, 0, 3], Err(Malformed)),
            (&[0, 1, 8, 0], Err(Malformed)),
            (&[0x80], Err(Malformed)),
            (b"GET ", Err(Malformed)),
            (&[0x40, 0, 0, 1, 7, 0, 0], Ok(None)),
            (
                &[0x40, 0, 0, 1, 7, 0, 0, 0],
                Ok(Some(Frame::Channel {
                    number: 0x4000,
                    length: 1,
                })),
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(first(bytes), expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn data_of_a_channel_is_read_as_it_was_written(data in proptest::collection::vec(any::<u8>(), 1..1_500)) {
            let mut out = Vec::new();
            channel(&mut out, 0x4001, &data);
            let frame = first(&out).expect("a message").expect("whole");
            prop_assert_eq!(frame, Frame::Channel { number: 0x4001, length: data.len() });
            prop_assert_eq!(frame.taken(), out.len());
            prop_assert_eq!(&out[CHANNEL_HEADER..CHANNEL_HEADER + data.len()], data.as_slice());
        }
    }
}
