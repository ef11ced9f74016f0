//! What was negotiated with a peer: its sections begin, change and end.

use std::time::Instant;

use protocol::id::{PeerId, TrackId};

use super::connection::Connection;
use super::incoming::{Incoming, Source};
use super::{Credentials, Outlet, Shard};
use crate::negotiated::{Extensions, Flow, RemoteTransport, Section};
use crate::outgoing::Outgoing;
use crate::packet::MAX_LAYERS;

impl Shard {
    pub(super) fn agree(
        &mut self,
        now: Instant,
        peer: PeerId,
        remote: RemoteTransport,
        sections: &[Section],
        out: &mut dyn Outlet,
    ) {
        let Some(&index) = self.by_peer.get(&peer) else {
            return;
        };
        self.agree_incoming(now, index, sections);
        self.agree_outgoing(now, index, sections, out);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.remote = Some(remote);
        }
        self.try_connect(now, index, out);
        self.schedule(now);
    }

    fn agree_incoming(&mut self, now: Instant, index: usize, sections: &[Section]) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let mut before = std::mem::take(&mut connection.incoming);
        connection.sources.clear();
        let mut published = Vec::new();
        for section in sections.iter().filter(|section| section.flow == Flow::FromPeer) {
            let Some(track) = section.track else {
                continue;
            };
            let known = before
                .iter()
                .position(|known| known.mid == section.mid && known.track == track);
            let mut incoming = match known {
                Some(at) => before.swap_remove(at),
                None => Incoming::new(now, section, track),
            };
            incoming.payloads.clone_from(&section.payloads);
            incoming.extensions = section.extensions;
            incoming.rids.clone_from(&section.rids);
            incoming.announced = !section.ssrcs.is_empty();
            let at = connection.incoming.len();
            announce(connection, at, &mut incoming, section);
            published.push(track);
            connection.incoming.push(incoming);
        }
        connection.extensions = connection
            .incoming
            .iter()
            .fold(Extensions::default(), |all, incoming| {
                all.and(incoming.extensions)
            });
        let peer = connection.peer;
        for gone in before {
            if !published.contains(&gone.track) {
                self.unpublish(index, gone.track);
            }
        }
        for track in published {
            let at = self.track(track);
            self.tracks[at].publisher = Some((peer, index));
        }
    }

    fn agree_outgoing(&mut self, now: Instant, index: usize, sections: &[Section], out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let mut before = std::mem::take(&mut connection.outgoing);
        let mut subscribed = Vec::new();
        for section in sections.iter().filter(|section| section.flow == Flow::ToPeer) {
            let (Some(track), Some(ssrcs)) = (section.track, section.ssrcs.first()) else {
                continue;
            };
            let known = before.iter().position(|(stream, _)| stream.ssrc == ssrcs.media);
            let stream = if let Some(at) = known {
                let (mut stream, was) = before.swap_remove(at);
                stream.renegotiate(section);
                if was != track {
                    stream.rewire();
                    subscribed.push((stream.ssrc, Some(was), track));
                }
                Some(stream)
            } else {
                let stream = Outgoing::new(section, rand::random(), rand::random(), rand::random());
                subscribed.push((ssrcs.media, None, track));
                stream
            };
            connection.outgoing.extend(stream.map(|stream| (stream, track)));
        }
        for (gone, track) in before {
            self.unsubscribe(index, gone.ssrc, track, out);
        }
        for (ssrc, was, track) in subscribed {
            if let Some(was) = was {
                self.unsubscribe(index, ssrc, was, out);
            }
            self.subscribe(now, index, ssrc, track, out);
        }
    }

    pub(super) fn restart_ice(&mut self, peer: PeerId, local: Credentials, remote: Credentials) {
        let Some(&index) = self.by_peer.get(&peer) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        // Checks with the old credentials are not answered any more; media flows until a new pair is chosen.
        self.by_ufrag.remove(&connection.local.ufrag);
        self.by_ufrag.insert(local.ufrag.clone(), index);
        connection.local = local;
        if let Some(transport) = &mut connection.remote {
            transport.ufrag = remote.ufrag;
            transport.pwd = remote.pwd;
        }
    }

    pub(super) fn rewire(
        &mut self,
        now: Instant,
        peer: PeerId,
        tracks: &[(String, Option<TrackId>)],
        out: &mut dyn Outlet,
    ) {
        let Some(&index) = self.by_peer.get(&peer) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let mut changes = Vec::new();
        for (stream, current) in &mut connection.outgoing {
            let wanted = tracks.iter().find(|(mid, _)| *mid == stream.mid);
            if let Some((_, Some(track))) = wanted
                && track != current
            {
                changes.push((stream.ssrc, *current, *track));
                stream.rewire();
                *current = *track;
            }
        }
        for (ssrc, was, track) in changes {
            self.unsubscribe(index, ssrc, was, out);
            self.subscribe(now, index, ssrc, track, out);
        }
    }
}

/// Enters the SSRCs of a section: those that flow, and those the peer announced, of which the n-th is the n-th layer.
fn announce(connection: &mut Connection, section: usize, incoming: &mut Incoming, agreed: &Section) {
    let mut source = |ssrc: u32, layer: usize, rtx: bool| {
        if let Ok(layer) = u8::try_from(layer) {
            connection.sources.insert(ssrc, Source { section, layer, rtx });
        }
    };
    for (layer, stream) in incoming.streams.iter().enumerate() {
        if let Some(stream) = stream {
            source(stream.ssrc, layer, false);
        }
    }
    for (layer, pair) in agreed.ssrcs.iter().enumerate().take(MAX_LAYERS) {
        source(pair.media, layer, false);
        if let Some(rtx) = pair.rtx {
            source(rtx, layer, true);
        }
    }
}
