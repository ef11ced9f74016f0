//! RTP packets: reading headers (RFC 3550 §5.1), header extensions (RFC 8285), and what payloads begin with.

mod bits;
pub(crate) mod descriptor;
pub(crate) mod extension;
pub(crate) mod height;
pub(crate) mod payload;
pub(crate) mod picture;
pub(crate) mod red;

/// Fixed part of the header.
pub(crate) const FIXED_LEN: usize = 12;

/// A header that was checked against the packet's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Padding follows the payload.
    pub(crate) padding: bool,
    /// Marker bit.
    pub(crate) marker: bool,
    /// Payload type.
    pub(crate) pt: u8,
    /// Sequence number.
    pub(crate) sequence: u16,
    /// Timestamp.
    pub(crate) timestamp: u32,
    /// Source.
    pub(crate) ssrc: u32,
    /// Profile and position of the extension's data, if there is one.
    pub(crate) extension: Option<(u16, usize)>,
    /// Bytes of the whole header.
    pub(crate) len: usize,
}

impl Header {
    /// Reads the header of a packet; `None` when it is not one.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        let fixed = packet.first_chunk::<FIXED_LEN>()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut len = FIXED_LEN + usize::from(fixed[0] & 0x0f) * 4;
        let mut extension = None;
        if fixed[0] & 0x10 != 0 {
            let head = packet.get(len..len + 4)?;
            let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
            extension = Some((u16::from_be_bytes([head[0], head[1]]), len + 4));
            len += 4 + words * 4;
        }
        if packet.len() < len {
            return None;
        }
        Some(Self {
            padding: fixed[0] & 0x20 != 0,
            marker: fixed[1] & 0x80 != 0,
            pt: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            extension,
            len,
        })
    }

    /// Where the payload ends in the (decrypted) packet; `None` when the padding is longer than the packet.
    pub(crate) fn payload_end(&self, packet: &[u8]) -> Option<usize> {
        if !self.padding {
            return Some(packet.len());
        }
        let padding = usize::from(*packet.last()?);
        let end = packet.len().checked_sub(padding)?;
        (padding > 0 && end >= self.len).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(first) = bytes.first_mut() {
                *first = *first & 0x3f | 0x80;
            }
            if let Some(header) = Header::read(&bytes) {
                prop_assert!(header.len <= bytes.len());
                if let Some(end) = header.payload_end(&bytes) {
                    let payload = &bytes[header.len..end];
                    for codec in [
                        protocol::media::Codec::H264,
                        protocol::media::Codec::Vp8,
                        protocol::media::Codec::Vp9,
                        protocol::media::Codec::Av1,
                        protocol::media::Codec::Opus,
                    ] {
                        payload::starts_keyframe(codec, payload);
                    }
                    red::primary(payload);
                }
                for _ in extension::elements(&bytes, &header) {}
            }
        }
    }

    #[test]
    fn reads_extension_and_padding() {
        let packet = [
            0xb0, 0xe0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 3, // fixed: padding, extension, marker, pt 96
            0xbe, 0xde, 0, 1, 0x10, 0x33, 0, 0, // one element, id 1
            1, 2, 3, 0, 2, // payload and two bytes of padding
        ];
        let header = Header::read(&packet).unwrap();
        assert_eq!((header.pt, header.marker, header.sequence), (96, true, 7));
        assert_eq!(header.payload_end(&packet), Some(23));
        let elements: Vec<_> = extension::elements(&packet, &header).collect();
        assert_eq!(elements, [(1, &[0x33][..])]);
    }
}
