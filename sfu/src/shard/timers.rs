//! What is due: frames to flush, reports, repetitions, consent.

use std::time::{Duration, Instant};

use protocol::id::PeerId;

use super::connection::{Phase, RECONNECT};
use super::{Outlet, Relay, Shard, earlier};
use crate::api::Event;
use crate::packet::MAX_LAYERS;

/// Deadlines of connections are looked at no more often than this; frames are not bound to it.
const TICK: Duration = Duration::from_millis(5);

impl Shard {
    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        earlier(self.flush_at, self.wake_at)
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut dyn Outlet) {
        self.flush_pending(now, out);
        if self.wake_at.is_none_or(|due| due > now) {
            return;
        }
        self.wake_at = None;
        self.keyframe_requests(now, out);
        self.rest(now, out);
        self.reports(now, out);
        for index in 0..self.dues.end() {
            if self.dues.due(index, now) {
                self.connection_due(now, index, out);
                self.look_again(index);
            }
        }
        self.ticked_at = now;
        let next = self.dues.next().map(|next| next.max(now + TICK));
        self.wake_at = earlier(self.wake_at, next);
    }

    /// Looks at everything soon.
    pub(super) fn schedule(&mut self, now: Instant) {
        self.wake_at = earlier(self.wake_at, Some(now));
    }

    /// Takes the deadline of a connection into account, as it is now.
    pub(super) fn schedule_connection(&mut self, index: usize) {
        let deadline = self.look_again(index);
        let next = deadline.map(|deadline| deadline.max(self.ticked_at + TICK));
        self.wake_at = earlier(self.wake_at, next);
    }

    fn look_again(&mut self, index: usize) -> Option<Instant> {
        let timeout = self.config.consent_timeout;
        let connection = self.connections.get(index);
        let deadline = connection.and_then(|connection| connection.deadline(timeout));
        self.dues.set(index, deadline);
        deadline
    }

    /// As [`Self::schedule_connection`], of a peer; of one that is gone there is nothing.
    pub(super) fn schedule_peer(&mut self, peer: PeerId) {
        if let Some(&index) = self.by_peer.get(&peer) {
            self.schedule_connection(index);
        }
    }

    fn keyframe_requests(&mut self, now: Instant, out: &mut dyn Outlet) {
        let mut next = None;
        for at in 0..self.tracks.capacity() {
            for layer in 0..MAX_LAYERS {
                next = earlier(next, self.keyframe_request(now, at, layer, out));
            }
        }
        self.wake_at = earlier(self.wake_at, next);
    }

    /// Asks for a keyframe of a layer, if it is due. Returns when the next one is.
    fn keyframe_request(
        &mut self,
        now: Instant,
        at: usize,
        layer: usize,
        out: &mut dyn Outlet,
    ) -> Option<Instant> {
        let track = self.tracks.get_mut(at)?;
        let (id, home, publisher) = (track.id, track.home, track.publisher);
        let keyframes = &mut track.layers.get_mut(layer)?.keyframes;
        if keyframes.take(now) {
            let number = u8::try_from(layer).ok()?;
            match (publisher, home) {
                (Some((_, index)), _) => self.ask_keyframe(index, id, number, out),
                (None, Some(home)) if home != self.config.id => {
                    out.relay(home, Relay::Keyframe(id, number));
                }
                _ => {}
            }
        }
        self.tracks.get(at)?.layers.get(layer)?.keyframes.deadline(now)
    }

    fn connection_due(&mut self, now: Instant, index: usize, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if connection.dtls.poll_timeout().is_some_and(|due| due <= now) {
            let progress = connection.dtls.handle_timeout(now);
            self.dtls_progress(now, index, progress, out);
        }
        let timeout = self.config.consent_timeout;
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if connection.phase != Phase::Up {
            return;
        }
        let since = |at: Instant| now.saturating_duration_since(at);
        let cut = connection.cut_at.is_some_and(|at| since(at) >= RECONNECT);
        if cut || since(connection.last_valid) >= timeout {
            self.lost(index, out);
            return;
        }
        self.bandwidth_feedback(now, index, out);
        self.line_due(now, index, out);
        self.ask_missing(now, index, out);
        self.stalls(now, index, out);
    }

    /// A peer that was up is gone: by silence, or because its last path closed.
    fn lost(&mut self, index: usize, out: &mut dyn Outlet) {
        self.leave_up(index);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let peer = connection.peer;
        out.event(Event::PeerLost { peer });
        for incoming in &mut connection.incoming {
            if incoming.ends() {
                let track = incoming.track;
                out.event(Event::TrackStalled { peer, track });
            }
        }
    }

    fn stalls(&mut self, now: Instant, index: usize, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let peer = connection.peer;
        for incoming in &mut connection.incoming {
            if incoming.stalls(now) {
                let track = incoming.track;
                out.event(Event::TrackStalled { peer, track });
            }
        }
    }
}
