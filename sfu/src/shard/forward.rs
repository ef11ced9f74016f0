//! From a track to its viewers: a frame at a time, sealed for each viewer into one contiguous buffer.

use std::sync::Arc;
use std::time::Instant;

use protocol::id::TrackId;
use protocol::media::MediaKind;

use super::line::{self, Sendable};
use super::track::{Subscriber, Track};
use super::{Outlet, Relay, Shard, ShardConfig};
use crate::pacing::Overflow;
use crate::packet::Packet;

/// So many viewers' memory is asked for at once, before the first of them is served.
const AHEAD: usize = 8;
/// So many viewers' datagrams, or bytes of them, are handed to the kernel at once.
pub(super) const TOGETHER: usize = 16;
pub(super) const TOGETHER_BYTES: usize = 96 * 1024;
/// A frame of more packets leaves in parts.
const MAX_PENDING: usize = 48;

impl Shard {
    /// Takes a packet of a track: keeps it, hands it to recorders, other shards and viewers. A repaired packet does not wait.
    pub(super) fn forward(
        &mut self,
        now: Instant,
        at: usize,
        packet: Arc<Packet>,
        repaired: bool,
        out: &mut dyn Outlet,
    ) {
        let Self {
            config,
            tracks,
            spare,
            ..
        } = self;
        let number = packet.layer;
        let Some(track) = tracks.get_mut(at) else {
            return;
        };
        let Some(layer) = track.layer(number) else {
            return;
        };
        let kept = layer.history.bytes();
        if !layer.history.insert(Arc::clone(&packet), spare) {
            return;
        }
        config.metrics.history_bytes.change(kept, layer.history.bytes());
        if packet.keyframe {
            layer.keyframes.received();
            layer.height = packet.height.unwrap_or(layer.height);
        }
        track.count(now, &packet);
        if track.publisher.is_some() {
            let wake = hand_to_recorders(now, track, &packet, config);
            self.wake_at = super::earlier(self.wake_at, wake);
        }
        let track = &mut tracks[at];
        for shard in &track.remote {
            config.metrics.relayed.inc();
            out.relay(*shard, Relay::Packet(track.id, Arc::clone(&packet)));
        }
        if !track
            .subscribers
            .iter()
            .any(|viewer| viewer.layers >> number & 1 == 1)
        {
            return;
        }
        let pending = &mut track.layers[usize::from(number)].pending;
        let whole = packet.codec.kind() == MediaKind::Audio || packet.marker || repaired;
        if pending.is_empty() && !whole {
            self.pending.push((at, number));
            let due = now + config.coalesce;
            self.flush_at = super::earlier(self.flush_at, Some(due));
        }
        pending.push(packet);
        if whole || pending.len() >= MAX_PENDING {
            self.pending.retain(|pending| *pending != (at, number));
            self.flush(now, at, number, out);
        }
    }

    /// Sends frames that waited long enough.
    pub(super) fn flush_pending(&mut self, now: Instant, out: &mut dyn Outlet) {
        if self.flush_at.is_none_or(|due| due > now) {
            return;
        }
        self.flush_at = None;
        while let Some((at, layer)) = self.pending.pop() {
            self.flush(now, at, layer, out);
        }
    }

    fn flush(&mut self, now: Instant, at: usize, layer: u8, out: &mut dyn Outlet) {
        let Self {
            config,
            connections,
            dues,
            tracks,
            scratch,
            sizes,
            parcels,
            ..
        } = self;
        let Some(track) = tracks.get_mut(at) else {
            return;
        };
        let Track {
            subscribers, layers, ..
        } = track;
        let pending = &mut layers[usize::from(layer)].pending;
        let (mut packets, mut bytes) = (0, 0);
        let mut overflowed = Vec::new();
        let shown = |subscriber: &Subscriber| subscriber.layers >> layer & 1 == 1;
        scratch.clear();
        for group in subscribers.chunks_mut(AHEAD) {
            for subscriber in group.iter().filter(|subscriber| shown(subscriber)) {
                if let Some(connection) = connections.get(subscriber.connection) {
                    connection.warm(subscriber.ssrc);
                }
            }
            for subscriber in group.iter_mut().filter(|subscriber| shown(subscriber)) {
                let Some(connection) = connections.get_mut(subscriber.connection) else {
                    continue;
                };
                let mut buffer = Sendable::behind(scratch, sizes);
                let frame = pending.iter();
                match line::write(connection, subscriber.ssrc, frame, false, now, &mut buffer) {
                    Ok(layers) => subscriber.layers = layers,
                    Err(Overflow { packets }) => {
                        config.metrics.pacer_dropped.add(packets);
                        overflowed.push((subscriber.connection, subscriber.ssrc));
                    }
                }
                buffer.address(connection, parcels);
                packets += buffer.sizes.len();
                bytes += buffer.len();
                if let Some(due) = connection.sending_due() {
                    dues.sooner(subscriber.connection, due);
                    self.wake_at = super::earlier(self.wake_at, Some(due));
                }
                if parcels.len() >= TOGETHER || scratch.len() >= TOGETHER_BYTES {
                    out.transmit_all(scratch, parcels);
                    parcels.clear();
                    scratch.clear();
                }
            }
        }
        out.transmit_all(scratch, parcels);
        parcels.clear();
        pending.clear();
        config.metrics.rtp_forwarded.add(packets);
        config.metrics.rtp_forwarded_bytes.add(bytes);
        for (connection, ssrc) in overflowed {
            self.want_keyframe_of(now, connection, ssrc);
        }
    }

    /// Someone wants a keyframe of a layer; asked for by the timer, once for all.
    pub(super) fn want_keyframe(&mut self, now: Instant, id: TrackId, layer: u8) {
        let Some(layer) = self
            .by_track
            .get(&id)
            .and_then(|at| self.tracks.get_mut(*at))
            .and_then(|track| track.layer(track.sent_as(layer)))
        else {
            return;
        };
        self.config.metrics.keyframes_wanted.inc();
        layer.keyframes.want();
        self.wake_at = super::earlier(self.wake_at, layer.keyframes.deadline(now));
    }

    /// A viewer wants a keyframe of the layer it is to get.
    pub(super) fn want_keyframe_of(&mut self, now: Instant, connection: usize, ssrc: u32) {
        let wanted = self.connections.get(connection).and_then(|connection| {
            let mut streams = connection.outgoing.iter();
            let (stream, track) = streams.find(|(stream, _)| stream.ssrc == ssrc)?;
            Some((*track, stream.target()?))
        });
        if let Some((track, layer)) = wanted {
            self.want_keyframe(now, track, layer);
        }
    }

    /// The recorders of a track want a keyframe of the layer they get.
    pub(super) fn want_recorded_keyframe(&mut self, now: Instant, id: TrackId) {
        let track = self.by_track.get(&id).and_then(|at| self.tracks.get(*at));
        if let Some(layer) = track.map(Track::tapped) {
            self.want_keyframe(now, id, layer);
        }
    }

    /// The viewers of a track want keyframes of the layers they are to get.
    pub(super) fn want_keyframes(&mut self, now: Instant, id: TrackId) {
        let viewers: Vec<_> = self
            .by_track
            .get(&id)
            .and_then(|at| self.tracks.get(*at))
            .map_or_else(Vec::new, |track| {
                let viewers = track.subscribers.iter();
                viewers.map(|viewer| (viewer.connection, viewer.ssrc)).collect()
            });
        for (connection, ssrc) in viewers {
            self.want_keyframe_of(now, connection, ssrc);
        }
    }
}

/// Gives a packet to the recorders of a track at home. Returns when to ask for a keyframe, if they should get a better layer.
fn hand_to_recorders(
    now: Instant,
    track: &mut Track,
    packet: &Packet,
    config: &ShardConfig,
) -> Option<Instant> {
    let recorded = track.records(now, packet);
    let id = track.id;
    let peer = track.publisher.map(|(peer, _)| peer)?;
    let layer = track.layer(packet.layer)?;
    layer.live = Some((packet.generation, packet.codec));
    let report = layer.clock.filter(|clock| clock.generation == packet.generation);
    let wake = layer.keyframes.deadline(now);
    if !recorded {
        return wake;
    }
    for tap in &mut track.taps {
        tap.packet(id, peer, packet, report, &config.clock, &config.metrics);
    }
    None
}
