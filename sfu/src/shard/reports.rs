//! RTCP that goes: reports to viewers and publishers, NACK, keyframe requests, bandwidth feedback.

use std::time::Instant;

use protocol::id::TrackId;

use super::connection::{Connection, OWN_SSRC, Phase, REPORT_INTERVAL};
use super::{Outlet, Shard, Transmit};
use crate::rtcp::write;

/// What a publisher without transport-wide feedback may send (REMB): enough for a camera and a screen.
const REMB_BPS: u64 = 6_000_000;

impl Shard {
    /// Sender reports of what a peer gets, receiver reports of what it sends.
    pub(super) fn report(&mut self, now: Instant, index: usize, out: &mut dyn Outlet) {
        let Self {
            config,
            connections,
            tracks,
            by_track,
            scratch,
            ..
        } = self;
        let Some(connection) = connections.get_mut(index) else {
            return;
        };
        connection.report_at = config.clock.together(now + REPORT_INTERVAL);
        scratch.clear();
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
        if !blocks.is_empty() || scratch.is_empty() {
            write::receiver_report(scratch, OWN_SSRC, &blocks);
        }
        let agreed = |by: fn(&crate::negotiated::Payload) -> bool| {
            connection.incoming.iter().any(|incoming| incoming.any(by))
        };
        if !videos.is_empty() && agreed(|payload| payload.remb) && !agreed(|payload| payload.transport_cc) {
            write::remb(scratch, OWN_SSRC, REMB_BPS, &videos);
        }
        send(connection, scratch, out);
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
    let (Some(keys), Some(path), Phase::Up) = (&mut connection.keys, connection.selected, connection.phase)
    else {
        return;
    };
    if keys.sealer.seal_rtcp(scratch, 0).is_err() {
        return;
    }
    connection.bytes_sent += scratch.len() as u64;
    out.transmit(Transmit {
        path,
        contents: scratch,
        segment: scratch.len(),
    });
}
