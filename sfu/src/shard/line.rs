//! A viewer's line: what follows from what is known of it. What waits for it leaves, it is measured, layers are decided on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::media::MediaKind;

use super::batches::Batches;
use super::connection::{Connection, Probing};
use super::{Outlet, Parcel, Shard};
use crate::api::Event;
use crate::bandwidth::ProbeId;
use crate::pacing::Overflow;
use crate::packet::Packet;

/// A measurement is sent in bursts this far apart.
const BURST: Duration = Duration::from_millis(5);
/// Layers are decided on at most this often.
const DECIDE: Duration = Duration::from_millis(100);
/// And at least this often, because the layers themselves change.
const DECIDE_AGAIN: Duration = Duration::from_millis(250);
/// This often while a viewer gets what it is to get.
const DECIDE_SETTLED: Duration = Duration::from_secs(1);

impl Shard {
    /// Does what is due on a viewer's line.
    pub(super) fn line_due(&mut self, now: Instant, index: usize, out: &mut dyn Outlet) {
        self.drain(now, index, out);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if connection.bandwidth.deadline().is_some_and(|due| due <= now) {
            connection.bandwidth.handle_timeout(now);
            if connection.probing.is_none()
                && let Some(probe) = connection.bandwidth.probe(now)
            {
                connection.probing = Some(Probing {
                    probe,
                    begun: now,
                    sent: 0,
                    next: now,
                });
            }
        }
        self.probe(now, index, out);
        let due = self
            .connections
            .get(index)
            .and_then(|connection| connection.allocate_at)
            .is_some_and(|due| due <= now);
        if due {
            self.allocate(now, index);
            self.call(now, index, out);
            self.say_sound_only(index, out);
        }
    }

    /// Says when all pictures of a viewer are given up, and when they come again.
    fn say_sound_only(&mut self, index: usize, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let mut pictures = connection
            .outgoing
            .iter()
            .filter(|(stream, _)| stream.kind == MediaKind::Video)
            .map(|(stream, _)| stream.target())
            .peekable();
        let on = pictures.peek().is_some() && pictures.all(|layer| layer.is_none());
        if std::mem::replace(&mut connection.sound_only, on) != on {
            let peer = connection.peer;
            out.event(Event::SoundOnly { peer, on });
        }
    }

    /// Where a picture is given up, perhaps nothing is sent that could be answered: a packet of padding finds out when the line is back.
    fn call(&mut self, now: Instant, index: usize, out: &mut dyn Outlet) {
        let given_up = self.connections.get(index).is_some_and(|connection| {
            let mut streams = connection.outgoing.iter();
            // Nor is anything sent where a line is measured without a lesson.
            connection.measure > 0
                || streams.any(|(stream, _)| stream.kind == MediaKind::Video && stream.target().is_none())
        });
        if given_up {
            self.pad(now, index, None, 1, out);
        }
    }

    /// Sends at least so many bytes of padding. Returns how many; 0 where nothing can be sent.
    fn pad(
        &mut self,
        now: Instant,
        index: usize,
        probe: Option<ProbeId>,
        bytes: usize,
        out: &mut dyn Outlet,
    ) -> usize {
        let Self {
            config,
            connections,
            scratch,
            sizes,
            ..
        } = self;
        let Some(connection) = connections.get_mut(index) else {
            return 0;
        };
        let consents = connection.consents(now);
        let Connection {
            outgoing,
            bandwidth,
            keys,
            ..
        } = &mut **connection;
        let mut videos = outgoing
            .iter_mut()
            .filter(|(stream, _)| stream.kind == MediaKind::Video);
        let stream = videos.find(|(stream, _)| stream.gives_feedback());
        let (Some((stream, _)), Some(keys), true) = (stream, keys, consents) else {
            return 0;
        };
        let buffer = Sendable::new(scratch, sizes);
        while buffer.bytes.len() < bytes {
            let before = buffer.bytes.len();
            if !stream.padding(buffer.bytes, &keys.sealer, bandwidth, probe, now) {
                break;
            }
            buffer.sizes.push(buffer.bytes.len() - before);
        }
        config.metrics.probe_packets.add(buffer.sizes.len());
        buffer.transmit(connection, out);
        buffer.bytes.len()
    }

    /// Something new is known of a line that was estimated at `before`.
    pub(super) fn line_changed(&mut self, now: Instant, index: usize, before: Option<u64>) {
        if let Some(connection) = self.connections.get_mut(index) {
            let estimate = connection.bandwidth.estimate();
            let much_less = before
                .zip(estimate)
                .is_some_and(|(before, now)| now < before * 2 / 3);
            let soon = if much_less { now } else { now + DECIDE };
            connection.allocate_at = Some(connection.allocate_at.map_or(soon, |due| due.min(soon)));
        }
    }

    /// Sends what of the waiting packets the line takes now.
    fn drain(&mut self, now: Instant, index: usize, out: &mut dyn Outlet) {
        let Self {
            config,
            connections,
            tracks,
            by_track,
            scratch,
            sizes,
            ..
        } = self;
        let Some(connection) = connections.get_mut(index) else {
            return;
        };
        if connection.pacer.deadline().is_none_or(|due| due > now) {
            return;
        }
        let pace = connection.pace.unwrap_or(u64::MAX);
        let mut buffer = Sendable::new(scratch, sizes);
        let mut touched = None;
        while let Some((ssrc, packet)) = connection.pacer.next(now, pace) {
            // What waited does not wait again, so it cannot overflow.
            let _ = write(connection, ssrc, std::iter::once(&packet), true, now, &mut buffer);
            touched = Some(ssrc);
        }
        buffer.transmit(connection, out);
        config.metrics.rtp_forwarded.add(buffer.sizes.len());
        config.metrics.rtp_forwarded_bytes.add(buffer.bytes.len());
        // A switch to another layer may have ended the one before.
        let shown = connection
            .outgoing
            .iter()
            .find(|(stream, _)| Some(stream.ssrc) == touched)
            .map(|(stream, id)| (*id, stream.ssrc, stream.layers()));
        if let Some((id, ssrc, layers)) = shown
            && let Some(track) = by_track.get(&id).and_then(|at| tracks.get_mut(*at))
        {
            track.show(index, ssrc, layers);
        }
    }

    /// Sends the next burst of a measurement.
    fn probe(&mut self, now: Instant, index: usize, out: &mut dyn Outlet) {
        let Some(probing) = self
            .connections
            .get_mut(index)
            .and_then(|connection| connection.probing.as_mut())
            .filter(|probing| probing.next <= now)
        else {
            return;
        };
        let probe = probing.probe;
        let passed = now.saturating_duration_since(probing.begun) + BURST;
        let due = (probe.rate as f64 / 8.0 * passed.as_secs_f64()) as usize;
        let missing = due.min(probe.bytes).saturating_sub(probing.sent);
        probing.next = now + BURST;
        let sent = self.pad(now, index, Some(probe.id), missing, out);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if let Some(probing) = &mut connection.probing {
            probing.sent += sent;
            // Media counts too; where nothing can be sent it is over.
            if probing.sent >= probe.bytes || sent == 0 && missing > 0 {
                connection.probing = None;
            }
        }
    }
}

/// Appends packets as the viewer gets them; of a video those have to wait that its line does not take yet, unless they waited
/// already (`paced`). Returns the layers its stream has to be shown from now on.
pub(super) fn write<'a>(
    connection: &mut Connection,
    ssrc: u32,
    packets: impl Iterator<Item = &'a Arc<Packet>>,
    paced: bool,
    now: Instant,
    buffer: &mut Sendable<'_>,
) -> Result<u8, Overflow> {
    let consents = connection.consents(now);
    let Connection {
        keys,
        outgoing,
        bandwidth,
        pacer,
        pace,
        probing,
        ..
    } = connection;
    let Some((stream, _)) = outgoing.iter_mut().find(|(stream, _)| stream.ssrc == ssrc) else {
        return Ok(0);
    };
    let Some(keys) = keys.as_ref().filter(|_| consents) else {
        return Ok(stream.layers());
    };
    let pace = pace.filter(|_| !paced && stream.kind == MediaKind::Video);
    for packet in packets {
        if stream.switches_by(packet) {
            // What waits of the layer before would only delay the one that fits.
            pacer.retain(|(other, waiting)| *other != ssrc || waiting.layer == packet.layer);
        }
        if let Some(pace) = pace
            && pacer.full(now, pace)
        {
            pacer.hold(now, (ssrc, Arc::clone(packet)))?;
            continue;
        }
        let before = buffer.bytes.len();
        if stream.write(buffer.bytes, &keys.sealer, bandwidth, packet, now) {
            let size = buffer.bytes.len() - before;
            buffer.sizes.push(size);
            pacer.sent(size);
            if let Some(probing) = probing {
                // What is sent anyway need not be padding.
                probing.sent += size;
            }
        }
    }
    Ok(stream.layers())
}

/// Datagrams to a viewer that lie one after another, and their sizes.
pub(super) struct Sendable<'a> {
    pub(super) bytes: &'a mut Vec<u8>,
    pub(super) sizes: &'a mut Vec<usize>,
    start: usize,
}

impl<'a> Sendable<'a> {
    /// Empty.
    pub(super) fn new(bytes: &'a mut Vec<u8>, sizes: &'a mut Vec<usize>) -> Self {
        bytes.clear();
        Self::behind(bytes, sizes)
    }

    /// Empty, behind what goes to others.
    pub(super) fn behind(bytes: &'a mut Vec<u8>, sizes: &'a mut Vec<usize>) -> Self {
        sizes.clear();
        let start = bytes.len();
        Self { bytes, sizes, start }
    }

    /// Bytes of all.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Addresses them to a viewer.
    pub(super) fn address(&self, connection: &mut Connection, parcels: &mut Vec<Parcel>) {
        self.each(connection, |parcel| parcels.push(parcel));
    }

    /// Sends them to a viewer.
    pub(super) fn transmit(&self, connection: &mut Connection, out: &mut dyn Outlet) {
        self.each(connection, |parcel| out.transmit(parcel.transmit(self.bytes)));
    }

    fn each(&self, connection: &mut Connection, mut take: impl FnMut(Parcel)) {
        let Some(path) = connection.selected.filter(|_| !self.sizes.is_empty()) else {
            return;
        };
        connection.bytes_sent += self.len() as u64;
        for (range, segment) in Batches::of(self.sizes) {
            take(Parcel {
                path,
                range: self.start + range.start..self.start + range.end,
                segment,
            });
        }
    }
}

/// When layers are decided on next, if nothing happens before.
pub(super) fn decide_again(now: Instant, settled: bool) -> Instant {
    now + if settled { DECIDE_SETTLED } else { DECIDE_AGAIN }
}
