//! RED (RFC 2198): sound that says again what was said before.

use bytes::Bytes;

/// Blocks of a packet at most; more is not read.
const BLOCKS_MAX: usize = 8;

/// A block of an earlier packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Earlier {
    /// How much earlier, in RTP time.
    pub(super) offset: u32,
    /// Its length.
    pub(super) bytes: usize,
}

/// The earlier blocks of a payload, oldest first, and the one it is about; `None` when it is malformed.
pub(super) fn read(payload: &Bytes) -> Option<(Vec<Earlier>, Bytes)> {
    let (mut earlier, mut at) = (Vec::new(), 0);
    while let head = *payload.get(at)?
        && head & 0x80 != 0
    {
        let fields = payload.get(at + 1..at + 4)?;
        let bits = u32::from_be_bytes([0, fields[0], fields[1], fields[2]]);
        earlier.push(Earlier {
            offset: bits >> 10,
            bytes: usize::try_from(bits & 0x3ff).ok()?,
        });
        if earlier.len() > BLOCKS_MAX {
            return None;
        }
        at += 4;
    }
    let skip: usize = earlier.iter().map(|block| block.bytes).sum();
    let begin = at + 1 + skip;
    (begin <= payload.len()).then(|| (earlier, payload.slice(begin..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_from_the_oldest_on() {
        let payload = [
            0x80 | 111,
            0x1e,
            0x00,
            0x02,
            0x80 | 111,
            0x0f,
            0x00,
            0x01,
            111,
            1,
            1,
            2,
            3,
            3,
            3,
        ];
        let (earlier, primary) = read(&Bytes::copy_from_slice(&payload)).expect("well-formed");
        let block = |offset, bytes| Earlier { offset, bytes };
        assert_eq!(earlier, [block(1_920, 2), block(960, 1)]);
        assert_eq!(primary, Bytes::from_static(&[3, 3, 3]));
        for length in 0..12 {
            assert_eq!(
                read(&Bytes::copy_from_slice(&payload[..length])),
                None,
                "{length}"
            );
        }
    }
}
