//! Says in each packet what it is: its number in the whole transport, and of a picture that is sent in layers the section and the
//! layer, of what is sent again too (RFC 8852). Without that nobody could tell layers apart: an offer of several has no SSRCs.

use std::collections::HashMap;

use bytes::Bytes;
use rtc::interceptor::{Packet, Registry, Slot, StreamInfo};
use rtc::rtp::Header;

use crate::peer::codecs::{MID, REPAIRED_RID, RID, TRANSPORT_CC};
use crate::peer::inspect::{Inspect, Inspector};

/// Behind all that make packets, retransmissions too, on the way to the wire.
const SLOT: usize = 3_500;

/// A layer of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its stream.
    pub ssrc: u32,
    /// What is sent again of it.
    pub ssrc_rtx: u32,
    /// Its section.
    pub mid: String,
    /// Its name.
    pub rid: &'static str,
}

/// Ids of the header extensions of a stream that were agreed on.
#[derive(Clone, Copy, Debug, Default)]
struct Ids {
    mid: Option<u8>,
    rid: Option<u8>,
    repaired_rid: Option<u8>,
    number: Option<u8>,
}

impl Ids {
    fn of(info: &StreamInfo) -> Self {
        let id = |uri: &str| {
            let mut known = info.rtp_header_extensions.iter();
            known
                .find(|extension| extension.uri == uri)
                .and_then(|it| u8::try_from(it.id).ok())
        };
        Self {
            mid: id(MID),
            rid: id(RID),
            repaired_rid: id(REPAIRED_RID),
            number: id(TRANSPORT_CC),
        }
    }
}

/// Puts names into the packets of these layers, and numbers into all.
#[must_use]
pub fn chain(others: Registry, layers: Vec<Layer>) -> Registry {
    let names = Names {
        layers,
        streams: HashMap::new(),
        number: 0,
    };
    others.with(Slot::from(SLOT), Inspector::new(names))
}

struct Names {
    layers: Vec<Layer>,
    /// By SSRC, that of what is sent again too.
    streams: HashMap<u32, Ids>,
    /// Of the next packet.
    number: u16,
}

impl Names {
    fn name(&mut self, header: &mut Header) {
        let Some(ids) = self.streams.get(&header.ssrc) else {
            return;
        };
        let layer = |one: &&Layer| one.ssrc == header.ssrc || one.ssrc_rtx == header.ssrc;
        let mut extensions = Vec::new();
        if let Some(layer) = self.layers.iter().find(layer) {
            let again = layer.ssrc_rtx == header.ssrc;
            let word = |text: &str| Bytes::copy_from_slice(text.as_bytes());
            extensions.push((ids.mid, word(&layer.mid)));
            let rid = if again { ids.repaired_rid } else { ids.rid };
            extensions.push((rid, word(layer.rid)));
        }
        if ids.number.is_some() {
            let number = Bytes::copy_from_slice(&self.number.to_be_bytes());
            self.number = self.number.wrapping_add(1);
            extensions.push((ids.number, number));
        }
        for (id, value) in extensions {
            // Values of a few bytes under ids that were agreed on always fit.
            let _ = id.map(|id| header.set_extension(id, value));
        }
    }
}

impl Inspect for Names {
    fn leaves(&mut self, packet: &mut Packet) {
        if let Packet::Rtp(packet) = packet {
            self.name(&mut packet.header);
        }
    }

    fn sends(&mut self, info: &StreamInfo) {
        let ids = Ids::of(info);
        self.streams.insert(info.ssrc, ids);
        if let Some(again) = info.ssrc_rtx {
            self.streams.insert(again, ids);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::interceptor::RTPHeaderExtension;

    fn names() -> Names {
        let layer = Layer {
            ssrc: 10,
            ssrc_rtx: 11,
            mid: "1".to_owned(),
            rid: "h",
        };
        let mut names = Names {
            layers: vec![layer],
            streams: HashMap::new(),
            number: 65_535,
        };
        let extension = |(uri, id): (&str, u16)| RTPHeaderExtension {
            uri: uri.to_owned(),
            id,
        };
        let all = [(MID, 1), (TRANSPORT_CC, 2), (RID, 3), (REPAIRED_RID, 4)];
        for (ssrc, ssrc_rtx) in [(10, Some(11)), (20, None)] {
            names.sends(&StreamInfo {
                ssrc,
                ssrc_rtx,
                rtp_header_extensions: all.map(extension).to_vec(),
                ..StreamInfo::default()
            });
        }
        names
    }

    #[test]
    fn layers_are_named_and_all_packets_numbered() {
        let mut names = names();
        let mut named = |ssrc| {
            let mut header = Header {
                version: 2,
                ssrc,
                ..Header::default()
            };
            names.name(&mut header);
            [1, 2, 3, 4].map(|id| header.get_extension(id).map(|value| value.to_vec()))
        };
        let word = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(named(10), [word("1"), Some(vec![0xff, 0xff]), word("h"), None]);
        assert_eq!(named(11), [word("1"), Some(vec![0, 0]), None, word("h")]);
        assert_eq!(named(20), [None, Some(vec![0, 1]), None, None]);
        assert_eq!(named(99), [None, None, None, None]);
    }
}
