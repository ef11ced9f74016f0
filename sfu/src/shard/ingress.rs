//! RTP of publishers: from a datagram to a [`Packet`] of a track.

use std::sync::Arc;
use std::time::Instant;

use super::connection::{Connection, Phase, Stream};
use super::{Outlet, Path, Shard};
use crate::api::Event;
use crate::metrics::Metrics;
use crate::negotiated::Payload;
use crate::packet::{Generation, Packet};
use crate::receive::missing::Missing;
use crate::receive::statistics::Statistics;
use crate::rtp::extension::{self, Carried};
use crate::rtp::{Header, payload, red};
use crate::spare::Spare;
use crate::srtp::{OpenError, extend};

/// What a payload type says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Media,
    Red,
    Rtx,
}

impl Shard {
    pub(super) fn rtp(
        &mut self,
        now: Instant,
        index: usize,
        path: Path,
        datagram: &mut [u8],
        out: &mut dyn Outlet,
    ) {
        let metrics = Arc::clone(&self.config.metrics);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let Some(keys) = connection
            .keys
            .as_mut()
            .filter(|_| connection.phase != Phase::Joining)
        else {
            metrics.dropped_early.inc();
            return;
        };
        let Some(header) = Header::read(datagram) else {
            metrics.dropped_rtp.inc();
            return;
        };
        let opened = keys
            .opener
            .open_rtp(datagram, header.len, header.ssrc, header.sequence);
        let (sequence, len) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                count_unopened(&metrics, error);
                return;
            }
        };
        metrics.rtp_received.inc();
        metrics.rtp_received_bytes.add(datagram.len());
        connection.bytes_received += datagram.len() as u64;
        let packet = &datagram[..len];
        let Some(end) = header.payload_end(packet) else {
            metrics.dropped_rtp.inc();
            return;
        };
        let packet = &packet[..end];
        self.valid(now, index, path, out);
        self.receive(now, index, &header, sequence, packet, out);
    }

    fn receive(
        &mut self,
        now: Instant,
        index: usize,
        header: &Header,
        sequence: u64,
        packet: &[u8],
        out: &mut dyn Outlet,
    ) {
        let metrics = Arc::clone(&self.config.metrics);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let routing = extension::routing(packet, header, &connection.extension_ids());
        if let Some(sequence) = routing.transport_cc {
            connection.arrivals.received(now, sequence);
        }
        let Some((section, form, payload)) = classify(connection, header, routing.mid) else {
            metrics.dropped_rtp_stream.inc();
            return;
        };
        connection
            .sources
            .insert(header.ssrc, (section, form == Form::Rtx));
        let unpacked = if form == Form::Rtx {
            unwrap_rtx(connection, section, &payload, header, packet, &mut self.spare)
        } else {
            let current = connection.incoming[section].stream.as_ref();
            if current.is_none_or(|stream| stream.ssrc != header.ssrc) {
                self.generations += 1;
                // Rises over shards too, because it begins with the time.
                let generation = self.config.clock.unix_us(now) << 10 | self.generations & 0x3ff;
                let generation = Generation(generation);
                begin_stream(now, connection, section, header.ssrc, generation, &payload);
            }
            Some(Unpacked {
                index: sequence,
                data: without_padding(header, packet, self.spare.buffer()),
            })
        };
        let Some(unpacked) = unpacked else {
            return;
        };
        let Some(taken) = take(now, connection, section, form, &payload, &unpacked, header) else {
            self.spare.give_buffer(unpacked.data);
            return;
        };
        if taken.repaired {
            metrics.rtp_repaired.inc();
        }
        let incoming = &connection.incoming[section];
        let track = incoming.track;
        let carried = extension::carried(packet, header, &incoming.extensions);
        let packet = shared(now, taken.generation, form, &payload, unpacked, header, carried);
        if taken.starts {
            out.event(Event::TrackFlowing {
                peer: connection.peer,
                track,
                codec: payload.codec,
            });
        }
        if taken.hopeless {
            self.want_keyframe(now, track);
        }
        self.schedule_connection(index);
        // Someone else took the track over: what the one before still sends is not mixed into it.
        let published = self.by_track.get(&track).copied();
        let Some(at) = published.filter(|at| self.publishes(*at, index)) else {
            metrics.dropped_rtp_stream.inc();
            return;
        };
        let packet = self.spare.share(packet);
        self.forward(now, at, packet, taken.repaired, out);
    }
}

/// A packet of a stream, out of RTX if it came so.
struct Unpacked {
    /// Extended sequence number.
    index: u64,
    /// From its header on, which is as long as the one it came with.
    data: Vec<u8>,
}

/// What a packet meant for its stream.
struct Taken {
    generation: Generation,
    repaired: bool,
    /// The stream begins to flow.
    starts: bool,
    /// So much was lost that a keyframe is needed.
    hopeless: bool,
}

/// Enters a packet into its stream's books. `None` when it was repaired before.
fn take(
    now: Instant,
    connection: &mut Connection,
    section: usize,
    form: Form,
    payload: &Payload,
    unpacked: &Unpacked,
    header: &Header,
) -> Option<Taken> {
    let stream = connection.incoming[section].stream.as_mut()?;
    let fills = stream.missing.received(now, unpacked.index);
    let repaired = form == Form::Rtx;
    if !repaired {
        stream.statistics.received(now, unpacked.index, header.timestamp);
    } else if !fills {
        return None;
    }
    stream.codec = payload.codec;
    stream.last_packet = now;
    Some(Taken {
        generation: stream.generation,
        repaired,
        starts: !std::mem::replace(&mut stream.flowing, true),
        hopeless: stream.missing.take_hopeless(),
    })
}

/// The packet as everything else sees it.
fn shared(
    now: Instant,
    generation: Generation,
    form: Form,
    payload: &Payload,
    unpacked: Unpacked,
    header: &Header,
    carried: Carried,
) -> Packet {
    let Unpacked { index, data } = unpacked;
    let body = data.get(header.len..).unwrap_or(&[]);
    let primary = match form {
        Form::Red => red::primary(body).map_or(&[][..], |(_, data)| data),
        _ => body,
    };
    Packet {
        generation,
        index,
        timestamp: header.timestamp,
        marker: header.marker,
        codec: payload.codec,
        profile_level_id: payload.profile_level_id,
        red: form == Form::Red,
        keyframe: payload::starts_keyframe(payload.codec, primary),
        carried,
        arrival: now,
        payload: header.len..data.len(),
        data,
    }
}

fn count_unopened(metrics: &Metrics, error: OpenError) {
    match error {
        OpenError::Short => metrics.dropped_rtp.inc(),
        OpenError::Forged => metrics.dropped_rtp_forged.inc(),
        OpenError::Replayed => metrics.dropped_rtp_replayed.inc(),
        OpenError::Sources => metrics.dropped_rtp_stream.inc(),
    }
}

/// Which section a packet belongs to: by its mid, by its SSRC, or, where no SSRCs were said, by a payload type only one such
/// section has (RFC 9143 §9.2).
fn classify(connection: &Connection, header: &Header, mid: Option<&[u8]>) -> Option<(usize, Form, Payload)> {
    let form = |section: usize| -> Option<(usize, Form, Payload)> {
        connection
            .incoming
            .get(section)?
            .payloads
            .iter()
            .find_map(|payload| {
                let form = if payload.pt == header.pt {
                    Form::Media
                } else if payload.red_pt == Some(header.pt) {
                    Form::Red
                } else if payload.rtx_pt == Some(header.pt) {
                    Form::Rtx
                } else {
                    return None;
                };
                Some((section, form, payload.clone()))
            })
    };
    if let Some(mid) = mid {
        let section = connection
            .incoming
            .iter()
            .position(|incoming| incoming.mid.as_bytes() == mid)?;
        return form(section);
    }
    if let Some(&(section, _)) = connection.sources.get(&header.ssrc) {
        return form(section);
    }
    // What comes before the answer that tells of its section, or after the section ended, is not taken for another's.
    let mut fitting = (0..connection.incoming.len())
        .filter(|section| !connection.incoming[*section].announced)
        .filter_map(form);
    let only = fitting.next()?;
    fitting.next().is_none().then_some(only)
}

fn begin_stream(
    now: Instant,
    connection: &mut Connection,
    section: usize,
    ssrc: u32,
    generation: Generation,
    payload: &Payload,
) {
    let incoming = &mut connection.incoming[section];
    let flowing = incoming.stream.as_ref().is_some_and(|stream| stream.flowing);
    if let Some(old) = incoming.stream.replace(Stream {
        ssrc,
        generation,
        codec: payload.codec,
        statistics: Statistics::new(now, payload.codec.clock_rate()),
        missing: Missing::default(),
        nack: payload.nack,
        last_packet: now,
        flowing,
    }) {
        connection.sources.remove(&old.ssrc);
        connection.sources.insert(ssrc, (section, false));
    }
}

/// The packet without padding, in `data`, which is empty.
fn without_padding(header: &Header, packet: &[u8], mut data: Vec<u8>) -> Vec<u8> {
    data.extend_from_slice(packet);
    if header.padding {
        data[0] &= !0x20;
    }
    data
}

/// The packet inside an RTX packet (RFC 4588 §4).
fn unwrap_rtx(
    connection: &Connection,
    section: usize,
    payload: &Payload,
    header: &Header,
    packet: &[u8],
    spare: &mut Spare,
) -> Option<Unpacked> {
    let stream = connection.incoming[section].stream.as_ref()?;
    let (original, rest) = packet.get(header.len..)?.split_first_chunk::<2>()?;
    let sequence = u16::from_be_bytes(*original);
    let index = extend(stream.missing.highest()?, sequence);
    let mut data = spare.buffer();
    data.extend_from_slice(&packet[..header.len]);
    data.extend_from_slice(rest);
    data[0] &= !0x20;
    data[1] = data[1] & 0x80 | payload.pt;
    data[2..4].copy_from_slice(original);
    data[8..12].copy_from_slice(&stream.ssrc.to_be_bytes());
    Some(Unpacked { index, data })
}

#[cfg(test)]
mod tests {
    use protocol::id::{LessonId, PeerId, TrackId};
    use protocol::media::MediaKind;

    use super::super::Credentials;
    use super::super::connection::Incoming;
    use super::*;
    use crate::dtls::Identity;
    use crate::negotiated::{Flow, Section, SsrcPair};
    use crate::sdp::{offered_extensions, offered_payloads};

    fn connection(sections: &[(&str, &[u32])]) -> Connection {
        let local = Credentials {
            ufrag: "ufrag".to_owned(),
            pwd: "password".to_owned(),
        };
        let identity = Identity::generate().expect("a certificate");
        let mut connection =
            Connection::new(Instant::now(), LessonId::new(), PeerId::new(), local, &identity);
        for (at, (mid, ssrcs)) in sections.iter().enumerate() {
            let pair = |media: &u32| SsrcPair {
                media: *media,
                rtx: None,
            };
            let section = Section {
                mid: (*mid).to_owned(),
                kind: MediaKind::Video,
                flow: Flow::FromPeer,
                track: None,
                stream: None,
                payloads: offered_payloads(MediaKind::Video),
                extensions: offered_extensions(MediaKind::Video),
                ssrcs: ssrcs.iter().map(pair).collect(),
                rids: Vec::new(),
            };
            connection.incoming.push(Incoming::new(&section, TrackId::new()));
            for ssrc in *ssrcs {
                connection.sources.insert(*ssrc, (at, false));
            }
        }
        connection
    }

    fn section(connection: &Connection, ssrc: u32, mid: Option<&[u8]>) -> Option<usize> {
        let mut packet = vec![0x80, 102, 0, 1, 0, 0, 0, 1];
        packet.extend_from_slice(&ssrc.to_be_bytes());
        let header = Header::read(&packet).expect("a header");
        classify(connection, &header, mid).map(|(section, _, _)| section)
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
}
