//! What the control plane asks of a shard.

use std::sync::Arc;
use std::time::Instant;

use protocol::id::{LessonId, PeerId, TrackId};
use tokio::sync::oneshot;

use super::connection::{Connection, Phase};
use super::tap::TapFeed;
use super::{Outlet, Path, Relay, Shard};
use crate::api::{PeerStats, WatchTrack};
use crate::negotiated::{RemoteTransport, Section};
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
    /// How a peer wants to see what it gets.
    Wish {
        /// Who.
        peer: PeerId,
        /// Tracks with height and priority.
        watch: Vec<WatchTrack>,
        /// Lines it decodes; 0 is no bound.
        decodes: u16,
    },
    /// A peer's line is measured up to a rate, whatever it gets.
    Measure {
        /// Whose.
        peer: PeerId,
        /// In bits per second.
        up_to: u64,
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

impl Command {
    /// Whose connection it is about.
    fn peer(&self) -> Option<PeerId> {
        match self {
            Self::Open(open) => Some(open.peer),
            Self::Agree { peer, .. }
            | Self::RestartIce { peer, .. }
            | Self::Rewire { peer, .. }
            | Self::Wish { peer, .. }
            | Self::Measure { peer, .. }
            | Self::Close { peer } => Some(*peer),
            Self::Home { .. }
            | Self::Tap { .. }
            | Self::Retap { .. }
            | Self::CloseTaps { .. }
            | Self::Keyframe { .. }
            | Self::Stats { .. }
            | Self::Relay(_) => None,
        }
    }
}

impl Shard {
    /// Does what is asked.
    pub(crate) fn handle_command(&mut self, now: Instant, command: Command, out: &mut dyn Outlet) {
        let peer = command.peer();
        match command {
            Command::Open(open) => self.open(now, *open, out),
            Command::Agree {
                peer,
                remote,
                sections,
            } => self.agree(now, peer, remote, &sections, out),
            Command::RestartIce { peer, local, remote } => self.restart_ice(peer, local, remote),
            Command::Rewire { peer, tracks } => self.rewire(now, peer, &tracks, out),
            Command::Wish { peer, watch, decodes } => self.wish(now, peer, watch, decodes),
            Command::Measure { peer, up_to } => self.measure(now, peer, up_to),
            Command::Close { peer } => self.close(now, peer, out),
            Command::Home { track, home } => self.set_home(now, track, home, out),
            Command::Tap { feed, tracks } => {
                if !self.taps.iter().any(|known| Arc::ptr_eq(known, &feed)) {
                    self.taps.push(Arc::clone(&feed));
                }
                self.retap(&feed, &tracks);
                for track in tracks {
                    self.want_recorded_keyframe(now, track);
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
            Command::Keyframe { track } => self.want_recorded_keyframe(now, track),
            Command::Stats { room, reply } => {
                // Nobody waits any more when the caller went away.
                let _ = reply.send(self.stats(room));
            }
            Command::Relay(relay) => self.handle_relay(now, relay, out),
        }
        if let Some(peer) = peer {
            self.schedule_peer(peer);
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
        for known in &connection.paths {
            let key = known.path.key();
            // Another connection may have come from there since.
            if self.by_path.get(&key) == Some(&index) {
                self.by_path.remove(&key);
            }
        }
        self.dues.set(index, None);
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

    fn stats(&self, room: LessonId) -> Vec<(PeerId, PeerStats)> {
        self.connections
            .iter()
            .filter(|(_, connection)| connection.room == room)
            .map(|(_, connection)| {
                let reported = connection
                    .outgoing
                    .iter()
                    .map(|(stream, _)| permille(stream.fraction_lost))
                    .max();
                // At most 1,000.
                let told = (connection.bandwidth.loss() * 1_000.0) as u16;
                let stats = PeerStats {
                    loss_permille: reported.unwrap_or(0).max(told.min(1_000)),
                    rtt_ms: connection
                        .rtt
                        .or_else(|| connection.bandwidth.round_trip())
                        .map_or(0, |rtt| u16::try_from(rtt.as_millis()).unwrap_or(u16::MAX)),
                    bytes_sent: connection.bytes_sent,
                    bytes_received: connection.bytes_received,
                    gcm: connection
                        .keys
                        .as_ref()
                        .is_some_and(|keys| keys.profile == Profile::Gcm),
                    transport: connection.selected.map(Path::transport),
                    carries: connection.bandwidth.estimate(),
                    jitter_ms: connection.bandwidth.jitter_ms().clamp(0.0, 60_000.0) as u16,
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

/// A fraction in 1/256 in 1/1000.
fn permille(fraction: u8) -> u16 {
    let permille = u32::from(fraction) * 1_000 / 256;
    // At most 996.
    permille as u16
}

#[cfg(test)]
mod tests {
    use super::permille;

    #[test]
    fn any_loss_has_a_permille() {
        assert_eq!((permille(0), permille(128), permille(255)), (0, 500, 996));
    }
}
