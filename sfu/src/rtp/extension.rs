//! RTP header extensions (RFC 8285), read in both forms, written in the one-byte form.

use super::Header;
use crate::negotiated::Extensions;

const ONE_BYTE: u16 = 0xbede;
const TWO_BYTE: u16 = 0x1000;

/// Elements of a packet's extension: id and data. Ends at the first that does not fit.
pub(crate) fn elements<'a>(packet: &'a [u8], header: &Header) -> Elements<'a> {
    match header.extension {
        Some((profile, start)) => Elements {
            rest: packet.get(start..header.len).unwrap_or(&[]),
            two_byte: profile != ONE_BYTE,
            known: profile == ONE_BYTE || profile & 0xfff0 == 0x1000,
        },
        None => Elements {
            rest: &[],
            two_byte: false,
            known: true,
        },
    }
}

/// Iterates over [`elements`].
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
    two_byte: bool,
    known: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.known {
            return None;
        }
        loop {
            let (&first, rest) = self.rest.split_first()?;
            if first == 0 {
                self.rest = rest;
                continue;
            }
            let (id, len, rest) = if self.two_byte {
                let (&len, rest) = rest.split_first()?;
                (first, usize::from(len), rest)
            } else if first >> 4 == 15 {
                return None;
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, rest)
            };
            let data = rest.get(..len)?;
            self.rest = rest.get(len..)?;
            return Some((id, data));
        }
    }
}

/// What the engine takes from a packet's extension, free of the ids it came with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Level and voice flag of audio.
    pub(crate) audio_level: Option<u8>,
    /// Rotation of video.
    pub(crate) video_orientation: Option<u8>,
    /// Wished playout delay.
    pub(crate) playout_delay: Option<[u8; 3]>,
}

/// What names a packet's stream and its place on the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Routing<'a> {
    /// `mid` of its section.
    pub(crate) mid: Option<&'a [u8]>,
    /// Its layer.
    pub(crate) rid: Option<&'a [u8]>,
    /// The layer it is a retransmission of.
    pub(crate) repaired_rid: Option<&'a [u8]>,
    /// Transport-wide sequence number.
    pub(crate) transport_cc: Option<u16>,
}

/// Reads what names the stream, with the ids of any section of the peer.
pub(crate) fn routing<'a>(packet: &'a [u8], header: &Header, ids: &Extensions) -> Routing<'a> {
    let mut found = Routing::default();
    for (id, data) in elements(packet, header) {
        if ids.mid == Some(id) {
            found.mid = Some(data);
        } else if ids.rid == Some(id) {
            found.rid = Some(data);
        } else if ids.repaired_rid == Some(id) {
            found.repaired_rid = Some(data);
        } else if ids.transport_cc == Some(id) {
            found.transport_cc = data.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
        }
    }
    found
}

/// Reads what goes on to the viewers.
pub(crate) fn carried(packet: &[u8], header: &Header, ids: &Extensions) -> Carried {
    let mut found = Carried::default();
    for (id, data) in elements(packet, header) {
        let id = Some(id);
        if id == ids.audio_level {
            found.audio_level = data.first().copied();
        } else if id == ids.video_orientation {
            found.video_orientation = data.first().copied();
        } else if id == ids.playout_delay {
            found.playout_delay = data.first_chunk().copied();
        }
    }
    found
}

/// What a packet to a viewer says of its place there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own<'a> {
    /// `mid` of its section.
    pub(crate) mid: Option<&'a str>,
    /// Transport-wide sequence number.
    pub(crate) transport_cc: Option<u16>,
    /// A dependency descriptor, and what is added to its frame number.
    pub(crate) descriptor: Option<(&'a [u8], u16)>,
}

/// Appends an extension block with what the viewer agreed on: in the one-byte form, unless a descriptor is too long for it. Returns
/// whether anything was written.
#[inline]
pub(crate) fn write(out: &mut Vec<u8>, ids: &Extensions, carried: &Carried, own: Own<'_>) -> bool {
    let descriptor = own
        .descriptor
        .and_then(|(bytes, shift)| Some((agreed(ids.dependency_descriptor)?, bytes, shift)));
    let long = descriptor.is_some_and(|(_, bytes, _)| bytes.len() > 16);
    let (profile, head) = if long { (TWO_BYTE, 2) } else { (ONE_BYTE, 1) };
    let mut small = Small::default();
    let delay = |[a, b, c]: [u8; 3]| u32::from_be_bytes([0, a, b, c]);
    for (id, value, len) in [
        (ids.transport_cc, own.transport_cc.map(u32::from), 2),
        (ids.audio_level, carried.audio_level.map(u32::from), 1),
        (ids.video_orientation, carried.video_orientation.map(u32::from), 1),
        (ids.playout_delay, carried.playout_delay.map(delay), 3),
    ] {
        if let (Some(id), Some(value)) = (agreed(id), value) {
            small.add(id, value, len, long);
        }
    }
    let mid = own
        .mid
        .and_then(|mid| Some((agreed(ids.mid)?, mid.as_bytes())))
        .filter(|(_, mid)| (1..=16).contains(&mid.len()));
    let descriptor = descriptor.filter(|(_, bytes, _)| (1..=255).contains(&bytes.len()));
    let large =
        mid.map_or(0, |(_, mid)| head + mid.len()) + descriptor.map_or(0, |(_, bytes, _)| head + bytes.len());
    let words = (small.len + large).div_ceil(4);
    if words == 0 {
        return false;
    }
    out.extend_from_slice(&(u32::from(profile) << 16 | words as u32).to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&small.bytes());
    if large > 0 {
        out.truncate(start + small.len);
        for (id, data) in mid
            .into_iter()
            .chain(descriptor.map(|(id, bytes, _)| (id, bytes)))
        {
            if long {
                out.extend_from_slice(&[id, data.len() as u8]);
            } else {
                out.push(id << 4 | (data.len() - 1) as u8);
            }
            out.extend_from_slice(data);
        }
        if let Some((_, bytes, shift)) = descriptor {
            let at = out.len() - bytes.len();
            shift_frame(&mut out[at..], shift);
        }
        out.extend_from_slice(&[0; 3]);
    }
    out.truncate(start + words * 4);
    true
}

/// An id that both forms can carry (RFC 8285 §4.2: 15 is no id of the one-byte form).
fn agreed(id: Option<u8>) -> Option<u8> {
    id.filter(|id| (1..=14).contains(id))
}

/// Elements of a few bytes, put together in one word: through memory, byte for byte, they would be waited for by who reads them whole.
#[derive(Clone, Copy, Default)]
struct Small {
    bits: u128,
    /// Bytes of it; the four there are take 15 at most.
    len: usize,
}

impl Small {
    /// Appends an element of the lowest `len` bytes of `value`.
    #[inline]
    fn add(&mut self, id: u8, value: u32, len: u8, long: bool) {
        let (head, bits) = if long {
            (u32::from(id) << 8 | u32::from(len), 16)
        } else {
            (u32::from(id) << 4 | u32::from(len - 1), 8)
        };
        let data = u32::from(len) * 8;
        self.bits = self.bits << (bits + data) | u128::from(head) << data | u128::from(value);
        self.len += (bits + data) as usize / 8;
    }

    /// Its bytes, and zeros behind them.
    #[inline]
    fn bytes(self) -> [u8; 16] {
        (self.bits << (8 * (16 - self.len)).min(127)).to_be_bytes()
    }
}

/// A descriptor has the number of its frame in its second and third byte.
fn shift_frame(descriptor: &mut [u8], shift: u16) {
    if let Some([_, high, low]) = descriptor.first_chunk_mut::<3>() {
        [*high, *low] = u16::from_be_bytes([*high, *low])
            .wrapping_add(shift)
            .to_be_bytes();
    }
}

/// Where the data of an extension lies in a packet.
pub(crate) fn find(packet: &[u8], header: &Header, wanted: u8) -> Option<std::ops::Range<usize>> {
    let mut elements = elements(packet, header);
    while let Some((id, data)) = elements.next() {
        if id == wanted {
            let end = header.len - elements.rest.len();
            return Some(end - data.len()..end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_written_in_either_form_is_read(
            transport_cc in proptest::option::of(proptest::num::u16::ANY),
            audio_level in proptest::option::of(proptest::num::u8::ANY),
            video_orientation in proptest::option::of(proptest::num::u8::ANY),
            playout_delay in proptest::option::of(proptest::array::uniform3(proptest::num::u8::ANY)),
            mid in proptest::option::of("[0-9a-z]{1,16}"),
            descriptor in proptest::option::of(proptest::collection::vec(proptest::num::u8::ANY, 3..60)),
        ) {
            let ids = Extensions {
                mid: Some(14),
                audio_level: Some(1),
                transport_cc: Some(3),
                video_orientation: Some(2),
                playout_delay: Some(13),
                dependency_descriptor: Some(9),
                ..Extensions::default()
            };
            let carried_in = Carried { audio_level, video_orientation, playout_delay };
            let own = Own {
                mid: mid.as_deref(),
                transport_cc,
                descriptor: descriptor.as_deref().map(|bytes| (bytes, 0)),
            };
            let mut packet = vec![0x90, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
            let anything = carried_in != Carried::default() || own != Own::default();
            assert_eq!(write(&mut packet, &ids, &carried_in, own), anything);
            if !anything {
                packet[0] = 0x80;
            }
            let header = Header::read(&packet).expect("a header");
            assert_eq!(header.len, packet.len());
            assert_eq!(carried(&packet, &header, &ids), carried_in);
            let found = routing(&packet, &header, &ids);
            assert_eq!((found.mid, found.transport_cc), (mid.as_ref().map(String::as_bytes), transport_cc));
            assert_eq!(find(&packet, &header, 9).map(|range| &packet[range]), descriptor.as_deref());
        }
    }

    #[test]
    fn writes_what_it_reads() {
        let ids = Extensions {
            mid: Some(4),
            audio_level: Some(1),
            transport_cc: Some(3),
            ..Extensions::default()
        };
        let carried_in = Carried {
            audio_level: Some(0x85),
            ..Carried::default()
        };
        let mut packet = vec![0x90, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        let own = Own {
            mid: Some("0"),
            transport_cc: Some(7),
            descriptor: None,
        };
        assert!(write(&mut packet, &ids, &carried_in, own));
        let header = Header::read(&packet).unwrap();
        assert_eq!(header.len, packet.len());
        assert_eq!(carried(&packet, &header, &ids), carried_in);
        let found = routing(&packet, &header, &ids);
        assert_eq!((found.mid, found.transport_cc), (Some(&b"0"[..]), Some(7)));
        assert!(!write(&mut packet, &Extensions::default(), &carried_in, own));
    }
}
