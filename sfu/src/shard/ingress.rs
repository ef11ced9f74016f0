//! RTP of publishers: from a datagram to a [`Packet`] of a track.

use std::sync::Arc;
use std::time::Instant;

use super::connection::{Connection, Phase};
use super::incoming::{Form, Incoming, Source, Stream, classify};
use super::{Outlet, Path, Shard};
use crate::api::Event;
use crate::divided::{Part, Reader};
use crate::metrics::Metrics;
use crate::negotiated::Payload;
use crate::packet::{Generation, Packet};
use crate::receive::missing::Missing;
use crate::receive::statistics::Statistics;
use crate::rtp::extension::{self, Carried};
use crate::rtp::picture::Picture;
use crate::rtp::{Header, height, payload, red};
use crate::spare::Spare;
use crate::srtp::{OpenError, extend};

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
        let routing = extension::routing(packet, header, &connection.extensions);
        if let Some(sequence) = routing.transport_cc {
            connection.arrivals.received(now, sequence);
        }
        let Some((source, form, payload)) = classify(connection, header, &routing) else {
            metrics.dropped_rtp_stream.inc();
            return;
        };
        connection.sources.insert(header.ssrc, source);
        let unpacked = if source.rtx {
            unwrap_rtx(connection, source, &payload, header, packet, &mut self.spare)
        } else {
            let current = connection.incoming[source.section].stream(source.layer);
            if current.is_none_or(|stream| stream.ssrc != header.ssrc) {
                self.generations += 1;
                // Rises over shards too, because it begins with the time.
                let generation = self.config.clock.unix_us(now) << 10 | self.generations & 0x3ff;
                let generation = Generation(generation);
                begin_stream(now, connection, source, header.ssrc, generation, &payload);
            }
            Some(Unpacked {
                index: sequence,
                data: without_padding(header, packet, self.spare.buffer()),
            })
        };
        let Some(unpacked) = unpacked else {
            return;
        };
        let Some(taken) = take(now, connection, source, &payload, &unpacked, header) else {
            self.spare.give_buffer(unpacked.data);
            return;
        };
        if taken.repaired {
            metrics.rtp_repaired.inc();
        }
        if form == Form::Red {
            metrics.rtp_red.inc();
        }
        let incoming = &mut connection.incoming[source.section];
        let track = incoming.track;
        let part = part(incoming, source, packet, header);
        let carried = extension::carried(packet, header, &incoming.extensions);
        let packet = Packet {
            layer: source.layer,
            captured: taken.captured,
            carried,
            part,
            ..shared(now, taken.generation, form, &payload, unpacked, header)
        };
        if taken.starts {
            out.event(Event::TrackFlowing {
                peer: connection.peer,
                track,
                codec: payload.codec,
            });
        }
        if taken.hopeless {
            self.want_keyframe(now, track, source.layer);
        }
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
    captured: Option<u64>,
    repaired: bool,
    /// The track begins to flow.
    starts: bool,
    /// So much was lost that a keyframe is needed.
    hopeless: bool,
}

/// Enters a packet into its stream's books. `None` when it was repaired before.
fn take(
    now: Instant,
    connection: &mut Connection,
    source: Source,
    payload: &Payload,
    unpacked: &Unpacked,
    header: &Header,
) -> Option<Taken> {
    let incoming = connection.incoming.get_mut(source.section)?;
    let stream = incoming.stream(source.layer)?;
    let fills = stream.missing.received(now, unpacked.index);
    if !source.rtx {
        stream.statistics.received(now, unpacked.index, header.timestamp);
    } else if !fills {
        return None;
    }
    stream.codec = payload.codec;
    let clock = stream.clock;
    Some(Taken {
        generation: stream.generation,
        captured: clock.map(|clock| clock.captured(header.timestamp, payload.codec.clock_rate())),
        repaired: source.rtx,
        hopeless: stream.missing.take_hopeless(),
        starts: incoming.flows(now),
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
) -> Packet {
    let Unpacked { index, data } = unpacked;
    let body = data.get(header.len..).unwrap_or(&[]);
    let primary = match form {
        Form::Red => red::primary(body).map_or(&[][..], |(_, data)| data),
        _ => body,
    };
    let keyframe = payload::starts_keyframe(payload.codec, primary);
    Packet {
        layer: 0,
        generation,
        index,
        timestamp: header.timestamp,
        marker: header.marker,
        codec: payload.codec,
        profile_level_id: payload.profile_level_id,
        red: form == Form::Red,
        keyframe,
        height: keyframe.then(|| height::read(payload.codec, primary)).flatten(),
        captured: None,
        picture: Picture::read(payload.codec, body),
        part: None,
        carried: Carried::default(),
        arrival: now,
        payload: header.len..data.len(),
        data,
    }
}

/// What a packet is in a stream that is divided. Layers with SSRCs of their own are not divided further.
fn part(incoming: &mut Incoming, source: Source, packet: &[u8], header: &Header) -> Option<Part> {
    let id = incoming.extensions.dependency_descriptor?;
    if incoming.rids.len() > 1 {
        return None;
    }
    let range = extension::find(packet, header, id)?;
    let at = u16::try_from(range.start).ok()?;
    let stream = incoming.stream(source.layer)?;
    Reader::read(&mut stream.reader, packet.get(range)?, at)
}

fn count_unopened(metrics: &Metrics, error: OpenError) {
    match error {
        OpenError::Short => metrics.dropped_rtp.inc(),
        OpenError::Forged => metrics.dropped_rtp_forged.inc(),
        OpenError::Replayed => metrics.dropped_rtp_replayed.inc(),
        OpenError::Sources => metrics.dropped_rtp_stream.inc(),
    }
}

fn begin_stream(
    now: Instant,
    connection: &mut Connection,
    source: Source,
    ssrc: u32,
    generation: Generation,
    payload: &Payload,
) {
    let slot = &mut connection.incoming[source.section].streams[usize::from(source.layer)];
    if let Some(old) = slot.replace(Stream {
        ssrc,
        generation,
        codec: payload.codec,
        statistics: Statistics::new(now, payload.codec.clock_rate()),
        missing: Missing::default(),
        nack: payload.nack,
        clock: None,
        reader: None,
    }) {
        connection.sources.remove(&old.ssrc);
        connection.sources.insert(ssrc, source);
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
    source: Source,
    payload: &Payload,
    header: &Header,
    packet: &[u8],
    spare: &mut Spare,
) -> Option<Unpacked> {
    let stream = connection.incoming[source.section].streams[usize::from(source.layer)].as_ref()?;
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
