//! From a track to its viewers: a frame at a time, sealed for each viewer into one contiguous buffer.

use std::sync::Arc;
use std::time::Instant;

use protocol::id::TrackId;
use protocol::media::MediaKind;

use super::connection::Connection;
use super::track::Track;
use super::{Outlet, Relay, Shard, Transmit};
use crate::packet::Packet;

/// Segments of one send: the kernel's bound.
const MAX_SEGMENTS: usize = 60;
/// Bytes of one send.
const MAX_SEND: usize = 60_000;
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
        let Some(track) = tracks.get_mut(at) else {
            return;
        };
        let kept = track.history.bytes();
        if !track.history.insert(Arc::clone(&packet), spare) {
            return;
        }
        config.metrics.history_bytes.change(kept, track.history.bytes());
        if packet.keyframe {
            track.keyframes.received();
        }
        if let Some((peer, _)) = track.publisher {
            track.live = Some((packet.generation, packet.codec));
            let report = track.clock.filter(|clock| clock.generation == packet.generation);
            for tap in &mut track.taps {
                tap.packet(track.id, peer, &packet, report, &config.clock, &config.metrics);
            }
        }
        for shard in &track.remote {
            config.metrics.relayed.inc();
            out.relay(*shard, Relay::Packet(track.id, Arc::clone(&packet)));
        }
        if track.subscribers.is_empty() {
            return;
        }
        let whole = packet.codec.kind() == MediaKind::Audio || packet.marker || repaired;
        if track.pending.is_empty() && !whole {
            self.pending.push(at);
            let due = now + config.coalesce;
            self.flush_at = super::earlier(self.flush_at, Some(due));
        }
        track.pending.push(packet);
        if whole || track.pending.len() >= MAX_PENDING {
            self.pending.retain(|pending| *pending != at);
            self.flush(now, at, out);
        }
    }

    /// Sends frames that waited long enough.
    pub(super) fn flush_pending(&mut self, now: Instant, out: &mut dyn Outlet) {
        if self.flush_at.is_none_or(|due| due > now) {
            return;
        }
        self.flush_at = None;
        while let Some(at) = self.pending.pop() {
            self.flush(now, at, out);
        }
    }

    fn flush(&mut self, now: Instant, at: usize, out: &mut dyn Outlet) {
        let Self {
            config,
            connections,
            tracks,
            scratch,
            sizes,
            ..
        } = self;
        let Some(track) = tracks.get_mut(at) else {
            return;
        };
        let Track {
            subscribers, pending, ..
        } = track;
        let (mut packets, mut bytes) = (0, 0);
        for subscriber in subscribers.iter() {
            let Some(connection) = connections.get_mut(subscriber.connection) else {
                continue;
            };
            scratch.clear();
            sizes.clear();
            write_frame(connection, subscriber.ssrc, pending, now, scratch, sizes);
            let Some(path) = connection.selected.filter(|_| !sizes.is_empty()) else {
                continue;
            };
            packets += sizes.len();
            bytes += scratch.len();
            connection.bytes_sent += scratch.len() as u64;
            for (range, segment) in Batches::of(sizes) {
                out.transmit(Transmit {
                    path,
                    contents: &scratch[range],
                    segment,
                });
            }
        }
        pending.clear();
        config.metrics.rtp_forwarded.add(packets);
        config.metrics.rtp_forwarded_bytes.add(bytes);
    }

    /// Someone wants a keyframe of a track; asked for by the timer, once for all.
    pub(crate) fn want_keyframe(&mut self, now: Instant, id: TrackId) {
        let Some(&at) = self.by_track.get(&id) else {
            return;
        };
        self.config.metrics.keyframes_wanted.inc();
        let track = &mut self.tracks[at];
        track.keyframes.want();
        self.wake_at = super::earlier(self.wake_at, track.keyframes.deadline(now));
    }
}

fn write_frame(
    connection: &mut Connection,
    ssrc: u32,
    packets: &[Arc<Packet>],
    now: Instant,
    scratch: &mut Vec<u8>,
    sizes: &mut Vec<usize>,
) {
    let consents = connection.consents(now);
    let Some(keys) = connection.keys.as_ref().filter(|_| consents) else {
        return;
    };
    let Some((stream, _)) = connection
        .outgoing
        .iter_mut()
        .find(|(stream, _)| stream.ssrc == ssrc)
    else {
        return;
    };
    for packet in packets {
        let before = scratch.len();
        if stream.write(scratch, &keys.sealer, packet, now) {
            sizes.push(scratch.len() - before);
        }
    }
}

/// Cuts datagrams that lie one after another into sends whose datagrams have the same size but for a shorter last one.
struct Batches<'a> {
    sizes: &'a [usize],
    start: usize,
}

impl<'a> Batches<'a> {
    fn of(sizes: &'a [usize]) -> Self {
        Self { sizes, start: 0 }
    }
}

impl Iterator for Batches<'_> {
    type Item = (std::ops::Range<usize>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let segment = *self.sizes.first()?;
        let (mut count, mut bytes) = (0, 0);
        for &size in self.sizes {
            if size > segment || count >= MAX_SEGMENTS || bytes + size > MAX_SEND {
                break;
            }
            count += 1;
            bytes += size;
            if size < segment {
                break;
            }
        }
        // A datagram larger than a send cannot come in; take it alone if it does.
        let count = count.max(1);
        let bytes = bytes.max(segment);
        let range = self.start..self.start + bytes;
        self.start += bytes;
        self.sizes = self.sizes.get(count..).unwrap_or(&[]);
        Some((range, segment))
    }
}

#[cfg(test)]
mod tests {
    use super::Batches;

    #[test]
    fn batches_have_equal_sizes_but_for_a_shorter_last() {
        let sizes = [10, 10, 9, 10, 11, 11];
        let batches: Vec<_> = Batches::of(&sizes).collect();
        assert_eq!(batches, [(0..29, 10), (29..39, 10), (39..61, 11)]);
        let sizes = [1_000; 130];
        let total: usize = Batches::of(&sizes).map(|(range, _)| range.len()).sum();
        assert_eq!(total, 130_000);
        assert!(Batches::of(&sizes).all(|(range, _)| range.len() <= 60_000));
    }
}
