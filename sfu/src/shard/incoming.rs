//! A section a peer sends: its layers, and which packet belongs to which.

use std::time::{Duration, Instant};

use protocol::id::TrackId;
use protocol::media::Codec;

use super::connection::Connection;
use super::earlier;
use crate::divided::Reader;
use crate::negotiated::{Extensions, Payload, Section};
use crate::packet::{Generation, MAX_LAYERS, SenderClock};
use crate::receive::missing::Missing;
use crate::receive::statistics::Statistics;
use crate::rtp::Header;
use crate::rtp::extension::Routing;

/// A stall is said after so long.
const STALL: Duration = Duration::from_secs(2);

/// What an SSRC is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Which of the connection's sections.
    pub(super) section: usize,
    /// Which layer of it.
    pub(super) layer: u8,
    /// Retransmissions of it.
    pub(super) rtx: bool,
}

/// What a payload type says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The codec's payload.
    Media,
    /// RED around it.
    Red,
    /// A retransmission.
    Rtx,
}

/// A section the peer sends.
pub(super) struct Incoming {
    pub(super) mid: String,
    pub(super) track: TrackId,
    pub(super) payloads: Vec<Payload>,
    pub(super) extensions: Extensions,
    /// Names of its layers in the order of the offer; empty without simulcast.
    pub(super) rids: Vec<String>,
    /// What comes of each layer.
    pub(super) streams: [Option<Stream>; MAX_LAYERS],
    /// The peer said its SSRCs, so that one it did not say is not this section's.
    pub(super) announced: bool,
    flowing: bool,
    last_packet: Instant,
}

impl Incoming {
    pub(super) fn new(now: Instant, section: &Section, track: TrackId) -> Self {
        Self {
            mid: section.mid.clone(),
            track,
            payloads: section.payloads.clone(),
            extensions: section.extensions,
            rids: section.rids.clone(),
            streams: Default::default(),
            announced: !section.ssrcs.is_empty(),
            flowing: false,
            last_packet: now,
        }
    }

    /// Any of its payload types agreed on this.
    pub(super) fn any(&self, agreed: impl Fn(&Payload) -> bool) -> bool {
        self.payloads.iter().any(agreed)
    }

    /// What comes of a layer.
    pub(super) fn stream(&mut self, layer: u8) -> Option<&mut Stream> {
        self.streams.get_mut(usize::from(layer))?.as_mut()
    }

    /// All that comes.
    pub(super) fn streams(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.streams.iter_mut().flatten()
    }

    /// A packet came. Returns whether the track begins to flow by it.
    pub(super) fn flows(&mut self, now: Instant) -> bool {
        self.last_packet = now;
        !std::mem::replace(&mut self.flowing, true)
    }

    /// Whether the track stalls now; says so once.
    pub(super) fn stalls(&mut self, now: Instant) -> bool {
        let stalled = self.flowing && now.saturating_duration_since(self.last_packet) >= STALL;
        self.flowing &= !stalled;
        stalled
    }

    /// Its peer is gone. Returns whether it flowed until now.
    pub(super) fn ends(&mut self) -> bool {
        std::mem::take(&mut self.flowing)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let missing = self.streams.iter().flatten();
        let missing = missing.filter_map(|stream| stream.missing.deadline()).min();
        earlier(missing, self.flowing.then(|| self.last_packet + STALL))
    }

    fn form(&self, pt: u8) -> Option<(Form, &Payload)> {
        self.payloads.iter().find_map(|payload| {
            let form = if payload.pt == pt {
                Form::Media
            } else if payload.red_pt == Some(pt) {
                Form::Red
            } else if payload.rtx_pt == Some(pt) {
                Form::Rtx
            } else {
                return None;
            };
            Some((form, payload))
        })
    }

    /// The layer of a packet: the one it names, else the one its SSRC is known for.
    fn layer(&self, routing: &Routing<'_>, known: Option<Source>) -> Option<u8> {
        let named = routing.rid.or(routing.repaired_rid);
        let at = match (named, known) {
            _ if self.rids.is_empty() => return Some(known.map_or(0, |known| known.layer)),
            (Some(name), _) => self.rids.iter().position(|rid| rid.as_bytes() == name)?,
            (None, Some(known)) => usize::from(known.layer),
            (None, None) => return None,
        };
        u8::try_from(at)
            .ok()
            .filter(|layer| usize::from(*layer) < MAX_LAYERS)
    }
}

/// A stream that comes in: one layer of a section.
pub(super) struct Stream {
    pub(super) ssrc: u32,
    pub(super) generation: Generation,
    pub(super) codec: Codec,
    pub(super) statistics: Statistics,
    pub(super) missing: Missing,
    pub(super) nack: bool,
    /// The last sender report.
    pub(super) clock: Option<SenderClock>,
    /// Reads how it is divided into layers.
    pub(super) reader: Option<Box<Reader>>,
}

/// Which section and layer a packet belongs to: by its mid, by its SSRC, or, where no SSRCs were said, by a payload type only one
/// such section has (RFC 9143 §9.2).
pub(super) fn classify(
    connection: &Connection,
    header: &Header,
    routing: &Routing<'_>,
) -> Option<(Source, Form, Payload)> {
    let known = connection.sources.get(&header.ssrc).copied();
    let of = |section: usize| -> Option<(Source, Form, Payload)> {
        let incoming = connection.incoming.get(section)?;
        let (form, payload) = incoming.form(header.pt)?;
        let layer = incoming.layer(routing, known.filter(|known| known.section == section))?;
        let rtx = form == Form::Rtx;
        let source = Source { section, layer, rtx };
        Some((source, form, payload.clone()))
    };
    if let Some(mid) = routing.mid {
        let section = connection
            .incoming
            .iter()
            .position(|incoming| incoming.mid.as_bytes() == mid)?;
        return of(section);
    }
    if let Some(known) = known {
        return of(known.section);
    }
    // What comes before the answer that tells of its section, or after the section ended, is not taken for another's.
    let mut fitting = (0..connection.incoming.len())
        .filter(|section| !connection.incoming[*section].announced)
        .filter_map(of);
    let only = fitting.next()?;
    fitting.next().is_none().then_some(only)
}

#[cfg(test)]
mod tests {
    use protocol::id::{LessonId, PeerId};
    use protocol::media::MediaKind;

    use super::super::Credentials;
    use super::*;
    use crate::dtls::Identity;
    use crate::negotiated::{Flow, SsrcPair};

    fn connection(sections: &[(&str, &[u32])]) -> Connection {
        let local = Credentials {
            ufrag: "ufrag".to_owned(),
            pwd: "password".to_owned(),
        };
        let identity = Identity::generate().expect("a certificate");
        let now = Instant::now();
        let mut connection = Connection::new(now, LessonId::new(), PeerId::new(), local, &identity);
        for (at, (mid, ssrcs)) in sections.iter().enumerate() {
            let pair = |media: &u32| SsrcPair {
                media: *media,
                rtx: None,
            };
            let mut section = Section::offered((*mid).to_owned(), MediaKind::Video, Flow::FromPeer);
            section.ssrcs = ssrcs.iter().map(pair).collect();
            connection
                .incoming
                .push(Incoming::new(now, &section, TrackId::new()));
            for ssrc in *ssrcs {
                let source = Source {
                    section: at,
                    layer: 0,
                    rtx: false,
                };
                connection.sources.insert(*ssrc, source);
            }
        }
        connection
    }

    fn source(connection: &Connection, ssrc: u32, routing: Routing<'_>) -> Option<Source> {
        let mut packet = vec![0x80, 102, 0, 1, 0, 0, 0, 1];
        packet.extend_from_slice(&ssrc.to_be_bytes());
        let header = Header::read(&packet).expect("a header");
        classify(connection, &header, &routing).map(|(source, _, _)| source)
    }

    fn section(connection: &Connection, ssrc: u32, mid: Option<&[u8]>) -> Option<usize> {
        let routing = Routing {
            mid,
            ..Routing::default()
        };
        source(connection, ssrc, routing).map(|source| source.section)
    }

    #[test]
    fn a_packet_is_known_by_mid_then_ssrc() {
        let connection = connection(&[("0", &[10]), ("1", &[11])]);
        assert_eq!(section(&connection, 11, None), Some(1));
        assert_eq!(section(&connection, 99, Some(b"1")), Some(1));
        assert_eq!(section(&connection, 10, Some(b"1")), Some(1));
    }

    #[test]
    fn a_screen_whose_answer_is_still_on_its_way_is_not_taken_for_the_camera() {
        let connection = connection(&[("0", &[10])]);
        assert_eq!(section(&connection, 11, None), None);
    }

    #[test]
    fn without_announced_ssrcs_the_payload_type_tells() {
        assert_eq!(section(&connection(&[("0", &[])]), 7, None), Some(0));
        assert_eq!(
            section(&connection(&[("0", &[10]), ("1", &[])]), 7, None),
            Some(1)
        );
        assert_eq!(section(&connection(&[("0", &[]), ("1", &[])]), 7, None), None);
    }

    #[test]
    fn a_layer_is_known_by_its_rid_and_then_by_its_ssrc() {
        let mut connection = connection(&[("0", &[])]);
        connection.incoming[0].rids = ["f", "h", "q"].map(str::to_owned).to_vec();
        let named = |rid: &'static [u8]| Routing {
            mid: Some(b"0"),
            rid: Some(rid),
            ..Routing::default()
        };
        let layer = |found: Option<Source>| found.map(|source| source.layer);
        assert_eq!(layer(source(&connection, 7, named(b"q"))), Some(2));
        assert_eq!(layer(source(&connection, 7, named(b"x"))), None);
        assert_eq!(layer(source(&connection, 7, Routing::default())), None);
        let known = Source {
            section: 0,
            layer: 1,
            rtx: false,
        };
        connection.sources.insert(7, known);
        assert_eq!(source(&connection, 7, Routing::default()), Some(known));
    }
}
