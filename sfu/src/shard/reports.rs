//! RTCP that goes: reports to viewers and publishers, NACK, keyframe requests, bandwidth feedback.

use std::time::Instant;

use protocol::id::TrackId;

use super::connection::{Connection, OWN_SSRC, Phase, REPORT_INTERVAL};
use super::forward::TOGETHER;
use super::{Outlet, Parcel, Path, Shard, Transmit};
use crate::rtcp::write;

/// What a publisher without transport-wide feedback may send (REMB): enough for a camera and a screen.
const REMB_BPS: u64 = 6_000_000;

impl Shard {
    /// Sends the reports that are due, those to several peers together.
    pub(super) fn reports(&mut self, now: Instant, out: &mut dyn Outlet) {
        self.scratch.clear();
        for index in 0..self.dues.end() {
            if !self.dues.due(index, now) {
                continue;
            }
            self.report(now, index);
            if self.parcels.len() >= TOGETHER {
                self.hand_over(out);
            }
        }
        self.hand_over(out);
    }

    fn hand_over(&mut self, out: &mut dyn Outlet) {
        out.transmit_all(&self.scratch, &self.parcels);
        self.parcels.clear();
        self.scratch.clear();
    }

    /// Sender reports of what a peer gets, receiver reports of what it sends, if they are due.
    fn report(&mut self, now: Instant, index: usize) {
        let Self {
            config,
            connections,
            tracks,
            by_track,
            scratch,
            parcels,
            ..
        } = self;
        let due =
            |connection: &&mut Box<Connection>| connection.phase == Phase::Up && connection.report_at <= now;
        let Some(connection) = connections.get_mut(index).filter(due) else {
            return;
        };
        connection.report_at = config.clock.together(now + REPORT_INTERVAL);
        let start = scratch.len();
        for (stream, id) in &connection.outgoing {
            let clock = by_track
                .get(id)
                .and_then(|at| tracks.get(*at))
                .and_then(|track| track.clock(stream.current()?));
            if let Some(info) = clock.and_then(|clock| stream.sender_info(&clock, now)) {
                write::sender_report(scratch, &info);
                write::cname(scratch, info.ssrc, &stream.cname);
            }
        }
        let mut blocks = Vec::new();
        let mut videos = Vec::new();
        for incoming in &mut connection.incoming {
            for stream in incoming.streams() {
                blocks.extend(stream.statistics.block(now, stream.ssrc));
                videos.push(stream.ssrc);
            }
        }
        if !blocks.is_empty() || scratch.len() == start {
            write::receiver_report(scratch, OWN_SSRC, &blocks);
        }
        let agreed = |by: fn(&crate::negotiated::Payload) -> bool| {
            connection.incoming.iter().any(|incoming| incoming.any(by))
        };
        if !videos.is_empty() && agreed(|payload| payload.remb) && !agreed(|payload| payload.transport_cc) {
            write::remb(scratch, OWN_SSRC, REMB_BPS, &videos);
        }
        let Some(path) = sealed(connection, scratch, start) else {
            scratch.truncate(start);
            return;
        };
        parcels.push(Parcel {
            path,
            range: start..scratch.len(),
            segment: scratch.len() - start,
        });
    }

    /// Asks a publisher for what is missing.
    pub(super) fn ask_missing(&mut self, now: Instant, index: usize, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let scratch = &mut self.scratch;
        scratch.clear();
        write::receiver_report(scratch, OWN_SSRC, &[]);
        let empty = scratch.len();
        let mut lost = 0;
        for incoming in &mut connection.incoming {
            for stream in incoming.streams() {
                let mut asked: Vec<u16> = Vec::new();
                lost += stream
                    .missing
                    .due(now, |number| asked.push((number & 0xffff) as u16));
                if stream.nack {
                    write::nack(scratch, OWN_SSRC, stream.ssrc, &asked);
                }
            }
        }
        self.config.metrics.rtp_lost.add(lost);
        if scratch.len() > empty {
            send(connection, scratch, out);
        }
    }

    /// Tells a publisher when its packets came.
    pub(super) fn bandwidth_feedback(&mut self, now: Instant, index: usize, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if connection.arrivals.deadline().is_none_or(|due| due > now) {
            return;
        }
        let media = connection
            .incoming
            .iter()
            .flat_map(|incoming| incoming.streams.iter().flatten())
            .next()
            .map_or(0, |stream| stream.ssrc);
        let scratch = &mut self.scratch;
        scratch.clear();
        write::receiver_report(scratch, OWN_SSRC, &[]);
        connection.arrivals.write(scratch, OWN_SSRC, media);
        send(connection, scratch, out);
    }

    /// Asks the publisher on connection `index` for a keyframe of a track's layer.
    pub(super) fn ask_keyframe(&mut self, index: usize, track: TrackId, layer: u8, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let Some(incoming) = connection
            .incoming
            .iter()
            .find(|incoming| incoming.track == track)
        else {
            return;
        };
        let Some(stream) = incoming.streams.get(usize::from(layer)).and_then(Option::as_ref) else {
            return;
        };
        let (pli, fir) = (
            incoming.any(|payload| payload.pli),
            incoming.any(|payload| payload.fir),
        );
        let scratch = &mut self.scratch;
        scratch.clear();
        write::receiver_report(scratch, OWN_SSRC, &[]);
        if pli {
            write::pli(scratch, OWN_SSRC, stream.ssrc);
        } else if fir {
            write::fir(scratch, OWN_SSRC, stream.ssrc, connection.fir_count);
            connection.fir_count = connection.fir_count.wrapping_add(1);
        } else {
            return;
        }
        self.config.metrics.keyframes_asked.inc();
        send(connection, scratch, out);
    }
}

/// Seals a compound packet and sends it.
fn send(connection: &mut Connection, scratch: &mut Vec<u8>, out: &mut dyn Outlet) {
    let Some(path) = sealed(connection, scratch, 0) else {
        return;
    };
    out.transmit(Transmit {
        path,
        contents: scratch,
        segment: scratch.len(),
    });
}

/// Seals the compound packet from `start` on. Where it goes, if it may.
fn sealed(connection: &mut Connection, scratch: &mut Vec<u8>, start: usize) -> Option<Path> {
    let path = connection.selected.filter(|_| connection.phase == Phase::Up)?;
    connection.keys.as_mut()?.sealer.seal_rtcp(scratch, start).ok()?;
    connection.bytes_sent += (scratch.len() - start) as u64;
    Some(path)
}
