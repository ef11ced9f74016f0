//! Datagrams in a stream of bytes, each behind its length in two bytes (RFC 4571 §2; RFC 6544 §3).

/// Bytes of a length.
pub(crate) const PREFIX: usize = 2;
/// Longest datagram taken: what WebRTC sends fits in 1,500 bytes.
pub(crate) const LONGEST: usize = 2_048;

/// A length that no datagram of ours has: what comes is no WebRTC, or the stream is out of step for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a datagram of {0} bytes")]
pub(crate) struct BadLength(pub(crate) usize);

/// Length of the datagram at the beginning of `bytes`, which lies behind [`PREFIX`]; `None` when it is not there whole. A bad
/// length is seen before its datagram came.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<usize>, BadLength> {
    let Some((prefix, behind)) = bytes.split_first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes(*prefix));
    if length == 0 || length > LONGEST {
        return Err(BadLength(length));
    }
    Ok((length <= behind.len()).then_some(length))
}

/// Writes a datagram behind its length. Returns whether it was one that has a length.
pub(crate) fn append(out: &mut Vec<u8>, datagram: &[u8]) -> bool {
    match u16::try_from(datagram.len()) {
        Ok(length) if length > 0 => {
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(datagram);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All datagrams of a stream that comes in such pieces.
    fn read(stream: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, BadLength> {
        let (mut kept, mut datagrams) = (Vec::new(), Vec::new());
        for bytes in stream.chunks(piece) {
            kept.extend_from_slice(bytes);
            let mut at = 0;
            while let Some(length) = first(&kept[at..])? {
                at += PREFIX;
                datagrams.push(kept[at..at + length].to_vec());
                at += length;
            }
            kept.drain(..at);
            assert!(kept.len() < PREFIX + LONGEST, "what is kept is bounded");
        }
        Ok(datagrams)
    }

    proptest! {
        #[test]
        fn datagrams_come_out_as_they_went_in(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..1_400), 0..20),
            piece in 1_usize..3_000,
        ) {
            let mut stream = Vec::new();
            for datagram in &datagrams {
                prop_assert!(append(&mut stream, datagram));
            }
            prop_assert_eq!(read(&stream, piece).expect("lengths as they should be"), datagrams);
        }
    }

    #[test]
    fn a_bad_length_is_seen_at_once() {
        assert_eq!(first(&[]), Ok(None));
        assert_eq!(first(&[0]), Ok(None));
        assert_eq!(first(&[0, 0]), Err(BadLength(0)));
        assert_eq!(first(&[8, 0]), Ok(None));
        assert_eq!(first(&[8, 1]), Err(BadLength(2_049)));
        // Those who take the port for that of a web server.
        assert_eq!(first(b"GET / HTTP/1.1"), Err(BadLength(0x4745)));
        assert_eq!(first(&[0x16, 3, 1]), Err(BadLength(0x1603)));
        assert!(!append(&mut Vec::new(), &[]));
        assert!(!append(&mut Vec::new(), &[0; 65_536]));
    }
}
