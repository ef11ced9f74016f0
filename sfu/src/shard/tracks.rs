//! Tracks of a shard: their viewers, their home, their recorders.

use std::sync::Arc;
use std::time::Instant;

use protocol::id::TrackId;

use super::connection::Phase;
use super::tap::{TapFeed, TapLink};
use super::track::{Subscriber, Track};
use super::{Outlet, Relay, Shard};

impl Shard {
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

    /// Whether a track is the one of this connection.
    pub(super) fn publishes(&self, at: usize, connection: usize) -> bool {
        self.tracks
            .get(at)
            .and_then(|track| track.publisher)
            .is_some_and(|(_, by)| by == connection)
    }

    pub(super) fn drop_unused(&mut self, at: usize) {
        if self.tracks.get(at).is_some_and(Track::unused) {
            let track = self.tracks.remove(at);
            self.by_track.remove(&track.id);
            self.pending.retain(|(pending, _)| *pending != at);
            self.config.metrics.tracks.dec();
            self.config.metrics.history_bytes.change(track.history_bytes(), 0);
        }
    }

    pub(super) fn subscribe(
        &mut self,
        now: Instant,
        connection: usize,
        ssrc: u32,
        id: TrackId,
        out: &mut dyn Outlet,
    ) {
        let (layers, wakes) = self
            .connections
            .get(connection)
            .and_then(|known| known.outgoing.iter().find(|(stream, _)| stream.ssrc == ssrc))
            .map_or((0, 0), |(stream, _)| (stream.layers(), stream.wakes));
        let at = self.track(id);
        let track = &mut self.tracks[at];
        let first = track.subscribers.is_empty();
        track.subscribers.push(Subscriber {
            connection,
            ssrc,
            layers,
            wakes,
        });
        if first
            && let Some(home) = track.home
            && home != self.config.id
        {
            out.relay(home, Relay::Subscribe(id, self.config.id));
        }
        self.allocate(now, connection);
        // One that is not up yet asks when it is.
        let up = self
            .connections
            .get(connection)
            .is_some_and(|known| known.phase == Phase::Up);
        if up {
            self.want_keyframe_of(now, connection, ssrc);
        }
    }

    pub(super) fn unsubscribe(&mut self, connection: usize, ssrc: u32, id: TrackId, out: &mut dyn Outlet) {
        let Some(&at) = self.by_track.get(&id) else {
            return;
        };
        let track = &mut self.tracks[at];
        track.subscribers.retain(|known| !known.is(connection, ssrc));
        if track.subscribers.is_empty()
            && let Some(home) = track.home
            && home != self.config.id
        {
            out.relay(home, Relay::Unsubscribe(id, self.config.id));
        }
        self.drop_unused(at);
    }

    pub(super) fn unpublish(&mut self, connection: usize, id: TrackId) {
        let Some(&at) = self.by_track.get(&id) else {
            return;
        };
        let track = &mut self.tracks[at];
        if track.publisher.is_some_and(|(_, by)| by == connection) {
            track.publisher = None;
            track.source_ended();
        }
        self.drop_unused(at);
    }

    pub(super) fn set_home(&mut self, now: Instant, id: TrackId, home: Option<usize>, out: &mut dyn Outlet) {
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
            track.source_ended();
        }
        let wanted = home.is_some() && !track.subscribers.is_empty();
        for feed in self.taps.clone() {
            self.link_tap(&feed, id);
        }
        if wanted {
            self.want_keyframes(now, id);
        }
        self.drop_unused(at);
    }

    pub(super) fn handle_relay(&mut self, now: Instant, relay: Relay, out: &mut dyn Outlet) {
        match relay {
            Relay::Packet(id, packet) => {
                if let Some(&at) = self.by_track.get(&id) {
                    self.forward(now, at, packet, false, out);
                }
            }
            Relay::Clock(id, clock) => {
                if let Some(&at) = self.by_track.get(&id) {
                    self.tracks[at].set_clock(clock);
                }
            }
            Relay::Subscribe(id, shard) => {
                let at = self.track(id);
                let track = &mut self.tracks[at];
                if !track.remote.contains(&shard) {
                    track.remote.push(shard);
                }
                for clock in track.layers.iter().filter_map(|layer| layer.clock) {
                    out.relay(shard, Relay::Clock(id, clock));
                }
                track.sleep.joins(shard);
                out.relay(shard, Relay::Asleep(id, track.sleep.asleep()));
            }
            Relay::Unsubscribe(id, shard) => {
                if let Some(&at) = self.by_track.get(&id) {
                    self.tracks[at].remote.retain(|known| *known != shard);
                    self.drop_unused(at);
                }
            }
            Relay::Keyframe(id, layer) => self.want_keyframe(now, id, layer),
            Relay::Taken(id, shard, layers) => self.taken(now, id, shard, layers),
            Relay::Asleep(id, asleep) => self.asleep(now, id, asleep),
        }
    }

    pub(super) fn retap(&mut self, feed: &Arc<TapFeed>, tracks: &[TrackId]) {
        feed.set_tracks(tracks);
        let known: Vec<TrackId> = self.tracks.iter().map(|(_, track)| track.id).collect();
        for id in known {
            self.link_tap(feed, id);
        }
    }

    /// Attaches a recorder to a track of this shard, or detaches it.
    pub(super) fn link_tap(&mut self, feed: &Arc<TapFeed>, id: TrackId) {
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
                let tapped = &track.layers[usize::from(track.tapped())];
                if let (Some((generation, codec)), Some((peer, _))) = (tapped.live, track.publisher) {
                    link.number(id, peer, generation, codec);
                    if let Some(report) = &tapped.clock {
                        link.report(report, &self.config.clock, &self.config.metrics);
                    }
                }
                track.taps.push(link);
            }
            (false, Some(at)) => track.taps.swap_remove(at).down(),
            _ => {}
        }
    }

    pub(super) fn close_taps(&mut self, close: impl Fn(&TapFeed) -> bool) {
        self.taps.retain(|feed| !close(feed));
        for (_, track) in &mut self.tracks {
            track.taps.retain(|link| !close(&link.feed));
        }
    }
}
