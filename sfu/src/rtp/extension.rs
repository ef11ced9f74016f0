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
pub(crate) fn write(out: &mut Vec<u8>, ids: &Extensions, carried: &Carried, own: Own<'_>) -> bool {
    let start = out.len();
    let agreed = ids.dependency_descriptor.is_some_and(|id| (1..=14).contains(&id));
    let descriptor = own.descriptor.filter(|_| agreed);
    let long = descriptor.is_some_and(|(bytes, _)| bytes.len() > 16);
    out.extend_from_slice(&if long { TWO_BYTE } else { ONE_BYTE }.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    let mut element = |id: Option<u8>, data: &[u8]| {
        let Some(id) = id.filter(|id| (1..=14).contains(id)) else {
            return;
        };
        match u8::try_from(data.len()) {
            Ok(len) if long => out.extend_from_slice(&[id, len]),
            Ok(len @ 1..=16) => out.push(id << 4 | (len - 1)),
            _ => return,
        }
        out.extend_from_slice(data);
    };
    if let Some(number) = own.transport_cc {
        element(ids.transport_cc, &number.to_be_bytes());
    }
    if let Some(mid) = own.mid {
        element(ids.mid, mid.as_bytes());
    }
    if let Some(level) = carried.audio_level {
        element(ids.audio_level, &[level]);
    }
    if let Some(orientation) = carried.video_orientation {
        element(ids.video_orientation, &[orientation]);
    }
    if let Some(delay) = carried.playout_delay {
        element(ids.playout_delay, &delay);
    }
    if let Some((bytes, shift)) = descriptor {
        element(ids.dependency_descriptor, bytes);
        let at = out.len() - bytes.len();
        shift_frame(&mut out[at..], shift);
    }
    let len = out.len() - start - 4;
    if len == 0 {
        out.truncate(start);
        return false;
    }
    let words = len.div_ceil(4);
    out.resize(start + 4 + words * 4, 0);
    // At most six elements of at most 257 bytes together with 5 of 18: 87 words.
    out[start + 3] = words as u8;
    true
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
