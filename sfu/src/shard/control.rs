//! What the control plane asks of a shard.

use std::sync::Arc;
use std::time::Instant;

use protocol::id::{LessonId, PeerId, TrackId};
use tokio::sync::oneshot;

use super::connection::{Connection, Incoming, Phase};
use super::tap::{TapFeed, TapLink};
use super::track::{Subscriber, Track};
use super::{Outlet, Relay, Shard};
use crate::api::PeerStats;
use crate::negotiated::{Flow, RemoteTransport, Section};
use crate::outgoing::Outgoing;
use crate::srtp::Profile;

/// Our half of ICE credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// Names the connection in checks.
    pub(crate) ufrag: String,
    /// Authenticates checks.
    pub(crate) pwd: String,
}

/// A new connection.
#[derive(Debug)]
pub(crate) struct Open {
    /// In which room.
    pub(crate) room: LessonId,
    /// Whose; an older connection of the peer ends.
    pub(crate) peer: PeerId,
    /// Its credentials.
    pub(crate) local: Credentials,
}

/// What the control plane asks of a shard.
#[derive(Debug)]
pub(crate) enum Command {
    /// A connection is offered.
    Open(Box<Open>),
    /// What was agreed on.
    Agree {
        /// With whom.
        peer: PeerId,
        /// The other side.
        remote: RemoteTransport,
        /// All sections.
        sections: Vec<Section>,
    },
    /// Other ICE credentials from now on.
    RestartIce {
        /// Whose.
        peer: PeerId,
        /// Ours.
        local: Credentials,
        /// The peer's.
        remote: Credentials,
    },
    /// The sections of a peer carry other tracks.
    Rewire {
        /// Whose.
        peer: PeerId,
        /// The track of each outgoing section by its mid.
        tracks: Vec<(String, Option<TrackId>)>,
    },
    /// A peer ends.
    Close {
        /// Which.
        peer: PeerId,
    },
    /// Where a track's publisher is; `None` when it has none any more.
    Home {
        /// Which track.
        track: TrackId,
        /// The shard.
        home: Option<usize>,
    },
    /// A recorder is attached, or gets other tracks.
    Tap {
        /// The recorder.
        feed: Arc<TapFeed>,
        /// Its tracks.
        tracks: Vec<TrackId>,
    },
    /// All recorders of a room get other tracks.
    Retap {
        /// Which room.
        room: LessonId,
        /// The tracks.
        tracks: Vec<TrackId>,
    },
    /// A room is closed: its recorders end.
    CloseTaps {
        /// Which room.
        room: LessonId,
    },
    /// A keyframe is wanted.
    Keyframe {
        /// Of which track.
        track: TrackId,
    },
    /// What is known of a room's peers.
    Stats {
        /// Which room.
        room: LessonId,
        /// Where to answer.
        reply: oneshot::Sender<Vec<(PeerId, PeerStats)>>,
    },
    /// From another shard.
    Relay(Relay),
}

impl Shard {
    /// Does what is asked.
    pub(crate) fn handle_command(&mut self, now: Instant, command: Command, out: &mut dyn Outlet) {
        match command {
            Command::Open(open) => self.open(now, *open, out),
            Command::Agree {
                peer,
                remote,
                sections,
            } => self.agree(now, peer, remote, &sections, out),
            Command::RestartIce { peer, local, remote } => self.restart_ice(peer, local, remote),
            Command::Rewire { peer, tracks } => self.rewire(now, peer, &tracks, out),
            Command::Close { peer } => self.close(now, peer, out),
            Command::Home { track, home } => self.set_home(now, track, home, out),
            Command::Tap { feed, tracks } => {
                if !self.taps.iter().any(|known| Arc::ptr_eq(known, &feed)) {
                    self.taps.push(Arc::clone(&feed));
                }
                self.retap(&feed, &tracks);
                for track in tracks {
                    self.want_keyframe(now, track);
                }
            }
            Command::Retap { room, tracks } => {
                self.taps.retain(|feed| !feed.sender.is_closed());
                for feed in self.taps.clone() {
                    if feed.room == room {
                        self.retap(&feed, &tracks);
                    }
                }
            }
            Command::CloseTaps { room } => self.close_taps(|feed| feed.room == room),
            Command::Keyframe { track } => self.want_keyframe(now, track),
            Command::Stats { room, reply } => {
                // Nobody waits any more when the caller went away.
                let _ = reply.send(self.stats(room));
            }
            Command::Relay(relay) => self.handle_relay(now, relay, out),
        }
    }

    fn open(&mut self, now: Instant, open: Open, out: &mut dyn Outlet) {
        self.close(now, open.peer, out);
        let connection = Connection::new(
            now,
            open.room,
            open.peer,
            open.local.clone(),
            &self.config.identity,
        );
        let index = self.connections.insert(Box::new(connection));
        self.by_peer.insert(open.peer, index);
        self.by_ufrag.insert(open.local.ufrag, index);
        self.config.metrics.connections.inc();
    }

    /// Ends a peer's connection, saying goodbye.
    pub(super) fn close(&mut self, now: Instant, peer: PeerId, out: &mut dyn Outlet) {
        let Some(index) = self.by_peer.remove(&peer) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(index) {
            connection.dtls.close(now);
        }
        self.send_dtls(index, out);
        self.leave_up(index);
        self.detach_all(index, out);
        let Some(connection) = self.connections.try_remove(index) else {
            return;
        };
        self.by_ufrag.remove(&connection.local.ufrag);
        for path in &connection.paths {
            self.by_path.remove(&(path.socket, path.remote));
        }
        self.config.metrics.connections.dec();
    }

    /// Takes a connection's streams away from all tracks.
    fn detach_all(&mut self, index: usize, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let incoming = std::mem::take(&mut connection.incoming);
        let outgoing = std::mem::take(&mut connection.outgoing);
        for incoming in incoming {
            self.unpublish(index, incoming.track);
        }
        for (stream, track) in outgoing {
            self.unsubscribe(index, stream.ssrc, track, out);
        }
    }

    fn agree(
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
        self.agree_incoming(index, sections);
        self.agree_outgoing(now, index, sections, out);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.remote = Some(remote);
        }
        self.try_connect(now, index, out);
        self.schedule(now);
    }

    fn agree_incoming(&mut self, index: usize, sections: &[Section]) {
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
                None => Incoming::new(section, track),
            };
            incoming.payloads.clone_from(&section.payloads);
            incoming.extensions = section.extensions;
            let at = connection.incoming.len();
            incoming.announced = !section.ssrcs.is_empty();
            if let Some(stream) = &incoming.stream {
                connection.sources.insert(stream.ssrc, (at, false));
            }
            for pair in &section.ssrcs {
                connection.sources.insert(pair.media, (at, false));
                if let Some(rtx) = pair.rtx {
                    incoming.rtx_ssrc = Some(rtx);
                }
            }
            if let Some(rtx) = incoming.rtx_ssrc {
                connection.sources.insert(rtx, (at, true));
            }
            published.push(track);
            connection.incoming.push(incoming);
        }
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

    fn restart_ice(&mut self, peer: PeerId, local: Credentials, remote: Credentials) {
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

    fn rewire(
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

    /// The index of a track, which is made if it is not known.
    pub(super) fn track(&mut self, id: TrackId) -> usize {
        if let Some(&at) = self.by_track.get(&id) {
            return at;
        }
        let at = self.tracks.insert(Track::new(id));
        self.by_track.insert(id, at);
        self.config.metrics.tracks.inc();
        at
    }

    fn drop_unused(&mut self, at: usize) {
        if self.tracks.get(at).is_some_and(Track::unused) {
            let track = self.tracks.remove(at);
            self.by_track.remove(&track.id);
            self.pending.retain(|pending| *pending != at);
            self.config.metrics.tracks.dec();
        }
    }

    fn subscribe(&mut self, now: Instant, connection: usize, ssrc: u32, id: TrackId, out: &mut dyn Outlet) {
        let at = self.track(id);
        let track = &mut self.tracks[at];
        let first = track.subscribers.is_empty();
        track.subscribers.push(Subscriber { connection, ssrc });
        if first
            && let Some(home) = track.home
            && home != self.config.id
        {
            out.relay(home, Relay::Subscribe(id, self.config.id));
        }
        // One that is not up yet asks when it is.
        let up = self
            .connections
            .get(connection)
            .is_some_and(|known| known.phase == Phase::Up);
        if up {
            self.want_keyframe(now, id);
        }
    }

    fn unsubscribe(&mut self, connection: usize, ssrc: u32, id: TrackId, out: &mut dyn Outlet) {
        let Some(&at) = self.by_track.get(&id) else {
            return;
        };
        let track = &mut self.tracks[at];
        track
            .subscribers
            .retain(|known| *known != Subscriber { connection, ssrc });
        if track.subscribers.is_empty()
            && let Some(home) = track.home
            && home != self.config.id
        {
            out.relay(home, Relay::Unsubscribe(id, self.config.id));
        }
        self.drop_unused(at);
    }

    fn unpublish(&mut self, connection: usize, id: TrackId) {
        let Some(&at) = self.by_track.get(&id) else {
            return;
        };
        let track = &mut self.tracks[at];
        if track.publisher.is_some_and(|(_, by)| by == connection) {
            track.publisher = None;
            track.live = None;
            track.clock = None;
            for tap in &mut track.taps {
                tap.down();
            }
        }
        self.drop_unused(at);
    }

    fn set_home(&mut self, now: Instant, id: TrackId, home: Option<usize>, out: &mut dyn Outlet) {
        let at = self.track(id);
        let own = self.config.id;
        let track = &mut self.tracks[at];
        let before = std::mem::replace(&mut track.home, home);
        if before != home && !track.subscribers.is_empty() {
            if let Some(before) = before.filter(|before| *before != own) {
                out.relay(before, Relay::Unsubscribe(id, own));
            }
            if let Some(home) = home.filter(|home| *home != own) {
                out.relay(home, Relay::Subscribe(id, own));
            }
        }
        if home != Some(own) {
            track.remote.clear();
            track.live = None;
            for tap in &mut track.taps {
                tap.down();
            }
        }
        let wanted = home.is_some() && !track.subscribers.is_empty();
        for feed in self.taps.clone() {
            self.link_tap(&feed, id);
        }
        if wanted {
            self.want_keyframe(now, id);
        }
        self.drop_unused(at);
    }

    fn handle_relay(&mut self, now: Instant, relay: Relay, out: &mut dyn Outlet) {
        match relay {
            Relay::Packet(id, packet) => {
                if let Some(&at) = self.by_track.get(&id) {
                    self.forward(now, at, packet, false, out);
                }
            }
            Relay::Clock(id, clock) => {
                if let Some(&at) = self.by_track.get(&id) {
                    self.tracks[at].clock = Some(clock);
                }
            }
            Relay::Subscribe(id, shard) => {
                let at = self.track(id);
                let track = &mut self.tracks[at];
                if !track.remote.contains(&shard) {
                    track.remote.push(shard);
                }
                if let Some(clock) = track.clock {
                    out.relay(shard, Relay::Clock(id, clock));
                }
                self.want_keyframe(now, id);
            }
            Relay::Unsubscribe(id, shard) => {
                if let Some(&at) = self.by_track.get(&id) {
                    self.tracks[at].remote.retain(|known| *known != shard);
                    self.drop_unused(at);
                }
            }
            Relay::Keyframe(id) => self.want_keyframe(now, id),
        }
    }

    fn retap(&mut self, feed: &Arc<TapFeed>, tracks: &[TrackId]) {
        feed.set_tracks(tracks);
        let known: Vec<TrackId> = self.tracks.iter().map(|(_, track)| track.id).collect();
        for id in known {
            self.link_tap(feed, id);
        }
    }

    /// Attaches a recorder to a track of this shard, or detaches it.
    fn link_tap(&mut self, feed: &Arc<TapFeed>, id: TrackId) {
        let Some(&at) = self.by_track.get(&id) else {
            return;
        };
        let own = self.config.id;
        let track = &mut self.tracks[at];
        let wanted = feed.wants(id) && track.home == Some(own);
        let linked = track.taps.iter().position(|link| Arc::ptr_eq(&link.feed, feed));
        match (wanted, linked) {
            (true, None) => {
                let mut link = TapLink::new(Arc::clone(feed));
                if let (Some((generation, codec)), Some((peer, _))) = (track.live, track.publisher) {
                    link.number(id, peer, generation, codec);
                    if let Some(report) = &track.clock {
                        link.report(report, &self.config.clock, &self.config.metrics);
                    }
                }
                track.taps.push(link);
            }
            (false, Some(at)) => track.taps.swap_remove(at).down(),
            _ => {}
        }
    }

    fn close_taps(&mut self, close: impl Fn(&TapFeed) -> bool) {
        self.taps.retain(|feed| !close(feed));
        for (_, track) in &mut self.tracks {
            track.taps.retain(|link| !close(&link.feed));
        }
    }

    fn stats(&self, room: LessonId) -> Vec<(PeerId, PeerStats)> {
        self.connections
            .iter()
            .filter(|(_, connection)| connection.room == room)
            .map(|(_, connection)| {
                let worst = connection
                    .outgoing
                    .iter()
                    .map(|(stream, _)| stream.fraction_lost)
                    .max();
                let stats = PeerStats {
                    loss_permille: u16::from(worst.unwrap_or(0)) * 1_000 / 256,
                    rtt_ms: connection
                        .rtt
                        .map_or(0, |rtt| u16::try_from(rtt.as_millis()).unwrap_or(u16::MAX)),
                    bytes_sent: connection.bytes_sent,
                    bytes_received: connection.bytes_received,
                    gcm: connection
                        .keys
                        .as_ref()
                        .is_some_and(|keys| keys.profile == Profile::Gcm),
                };
                (connection.peer, stats)
            })
            .collect()
    }

    /// Says goodbye to everyone.
    pub(crate) fn stop(&mut self, now: Instant, out: &mut dyn Outlet) {
        let peers: Vec<PeerId> = self.by_peer.keys().copied().collect();
        for peer in peers {
            self.close(now, peer, out);
        }
        self.close_taps(|_| true);
    }

    /// Counts a connection out that was up.
    pub(super) fn leave_up(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index)
            && connection.phase == Phase::Up
        {
            connection.phase = Phase::Lost;
            self.config.metrics.connected.dec();
        }
    }
}
