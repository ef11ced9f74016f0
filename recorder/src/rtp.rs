//! RTP packets (RFC 3550 §5.1) as far as a recorder needs them: read one, write one for a depayloader.

/// A packet that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) marker: bool,
    /// Without header, extensions and padding; empty for a probe.
    pub(crate) payload: &'a [u8],
}

const FIXED_HEADER: usize = 12;

/// Reads a packet; `None` when it is not RTP version 2 or ends too early.
pub(crate) fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let (header, rest) = bytes.split_first_chunk::<FIXED_HEADER>()?;
    if header[0] >> 6 != 2 {
        return None;
    }
    let mut rest = rest.get(usize::from(header[0] & 0x0f) * 4..)?;
    if header[0] & 0x10 != 0 {
        let (extension, behind) = rest.split_first_chunk::<4>()?;
        let words = u16::from_be_bytes([extension[2], extension[3]]);
        rest = behind.get(usize::from(words) * 4..)?;
    }
    if header[0] & 0x20 != 0 {
        let padding = usize::from(*rest.last()?);
        rest = rest.get(..rest.len().checked_sub(padding.max(1))?)?;
    }
    Some(Packet {
        sequence: u16::from_be_bytes([header[2], header[3]]),
        timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        marker: header[1] & 0x80 != 0,
        payload: rest,
    })
}

/// Writes a plain packet of payload type 96.
pub(crate) fn build(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FIXED_HEADER + payload.len());
    out.extend_from_slice(&[0x80, 96 | (u8::from(marker) << 7)]);
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&timestamp.to_be_bytes());
    out.extend_from_slice(&1_u32.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extensions_and_padding_are_left_out() {
        let mut bytes = build(7, 9, true, b"media");
        bytes[0] |= 0x30;
        bytes.splice(12..12, [0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        bytes.extend_from_slice(&[0, 0, 3]);
        let packet = parse(&bytes).expect("a packet");
        assert_eq!((packet.sequence, packet.timestamp, packet.marker), (7, 9, true));
        assert_eq!(packet.payload, b"media");
    }

    #[test]
    fn a_probe_has_no_payload() {
        let mut bytes = build(1, 1, false, &[0; 254]);
        bytes.push(255);
        bytes[0] |= 0x20;
        assert_eq!(parse(&bytes).expect("a packet").payload, b"");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_is_built_is_read(sequence: u16, timestamp: u32, marker: bool, payload: Vec<u8>) {
            let bytes = build(sequence, timestamp, marker, &payload);
            let packet = parse(&bytes).expect("a packet");
            prop_assert_eq!(
                (packet.sequence, packet.timestamp, packet.marker, packet.payload),
                (sequence, timestamp, marker, &payload[..])
            );
        }
    }
}
