//! A packet as its viewer gets it, before it is sealed.

use super::rewrite::Place;
use super::{Chosen, Outgoing};
use crate::packet::Packet;
use crate::rtp::extension::{self, Carried, Own};
use crate::rtp::red;

/// The fields of a header that are not the same in all packets of a stream.
pub(super) struct Head {
    pub(super) padding: bool,
    pub(super) marker: bool,
    pub(super) pt: u8,
    pub(super) index: u64,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    pub(super) with_mid: bool,
    /// Transport-wide number.
    pub(super) number: Option<u16>,
}

impl Head {
    /// Appends the header of a packet, whose frame numbers are shifted, or of one of our own; returns its length.
    ///
    /// Inlined, and written in words: fields that go through memory in bytes are waited for where they are read together.
    #[inline(always)]
    pub(super) fn write(&self, out: &mut Vec<u8>, stream: &Outgoing, of: Option<(&Packet, u16)>) -> usize {
        let start = out.len();
        let first = 0x8000 | u64::from(self.padding) << 13 | u64::from(self.marker) << 7 | u64::from(self.pt);
        let numbers = (self.index & 0xffff) << 32 | u64::from(self.timestamp);
        out.extend_from_slice(&(first << 48 | numbers).to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        let own = Own {
            mid: self.with_mid.then_some(stream.mid.as_str()),
            transport_cc: self.number,
            descriptor: of.and_then(|(packet, frames)| Some((packet.descriptor()?, frames))),
        };
        let carried = of.map_or_else(Carried::default, |(packet, _)| packet.carried);
        if extension::write(out, &stream.extensions, &carried, own) {
            out[start] |= 0x10;
        }
        out.len() - start
    }
}

/// Appends the payload with the viewer's picture numbers.
#[inline]
pub(super) fn append(out: &mut Vec<u8>, packet: &Packet, payload: &[u8], place: Place) {
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(picture) = &packet.picture {
        picture.write(place.shift, &mut out[start..]);
    }
}

/// RED goes to viewers who agreed on it and whose line is wide enough; the others get its primary block.
#[inline]
pub(super) fn payload_for<'a>(chosen: &Chosen, packet: &'a Packet, once: bool) -> Option<(u8, &'a [u8])> {
    let payload = packet.payload();
    if !packet.red {
        return Some((chosen.pt, payload));
    }
    let (named, primary) = red::primary(payload)?;
    match chosen.red_pt {
        // The blocks name the publisher's payload type: only where both sides use the same is it passed on.
        Some(red_pt) if !once && named == chosen.pt => Some((red_pt, payload)),
        _ => Some((chosen.pt, primary)),
    }
}
