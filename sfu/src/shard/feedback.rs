//! RTCP that comes: reports of publishers, and what viewers miss.

use std::time::{Duration, Instant};

use super::connection::{Connection, Phase};
use super::{Outlet, Path, Relay, Shard, Transmit};
use crate::outgoing::NoRepair;
use crate::packet::SenderClock;
use crate::rtcp::ReportBlock;
use crate::rtcp::read::{self, Item};

/// What a compound packet makes us do, gathered before anything is changed.
#[derive(Default)]
struct Wishes {
    nacked: Vec<(u32, Vec<u16>)>,
    keyframes: Vec<u32>,
    clocks: Vec<(u32, u64, u32)>,
    blocks: Vec<ReportBlock>,
}

impl Shard {
    pub(super) fn rtcp(
        &mut self,
        now: Instant,
        index: usize,
        path: Path,
        datagram: &mut [u8],
        out: &mut dyn Outlet,
    ) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let joining = connection.phase == Phase::Joining;
        let Some(keys) = connection.keys.as_mut().filter(|_| !joining) else {
            self.config.metrics.dropped_early.inc();
            return;
        };
        let Ok(len) = keys.opener.open_rtcp(datagram) else {
            self.config.metrics.dropped_rtcp_forged.inc();
            return;
        };
        connection.bytes_received += datagram.len() as u64;
        let mut wishes = Wishes::default();
        let bandwidth = &mut connection.bandwidth;
        let before = bandwidth.estimate();
        let (mut told, mut malformed) = (false, false);
        let result = read::each(&datagram[..len], |item| match item {
            Item::Sender(info) => wishes.clocks.push((info.ssrc, info.ntp, info.rtp)),
            Item::Block(block) => wishes.blocks.push(block),
            Item::Nack { ssrc, pairs } => wishes.nacked.push((ssrc, read::nacked(pairs).collect())),
            Item::Keyframe { ssrc } => wishes.keyframes.push(ssrc),
            Item::TransportFeedback { fci } => {
                told = true;
                malformed |= bandwidth.feedback(now, fci).is_err();
            }
            Item::Remb { bits_per_second } => {
                told = true;
                bandwidth.remb(now, bits_per_second);
            }
            Item::Goodbye { .. } => {}
        });
        if result.is_err() || malformed {
            self.config.metrics.dropped_rtcp.inc();
        }
        self.valid(now, index, path, out);
        if told {
            self.line_changed(now, index, before);
        }
        for (ssrc, ntp, rtp) in wishes.clocks {
            self.clock(now, index, ssrc, ntp, rtp, out);
        }
        for block in wishes.blocks {
            self.block(now, index, &block);
        }
        for (ssrc, sequences) in wishes.nacked {
            self.repair(now, index, ssrc, &sequences, out);
        }
        for ssrc in wishes.keyframes {
            self.want_keyframe_of(now, index, ssrc);
        }
    }

    /// A publisher's sender report: for the viewers' reports, the recorder, and other shards.
    fn clock(&mut self, now: Instant, index: usize, ssrc: u32, ntp: u64, rtp: u32, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let Some(source) = connection
            .sources
            .get(&ssrc)
            .copied()
            .filter(|source| !source.rtx)
        else {
            return;
        };
        let Some(incoming) = connection.incoming.get_mut(source.section) else {
            return;
        };
        let Some(stream) = incoming.stream(source.layer).filter(|stream| stream.ssrc == ssrc) else {
            return;
        };
        stream.statistics.sender_report(now, ntp);
        let clock = SenderClock {
            layer: source.layer,
            generation: stream.generation,
            ntp,
            rtp,
            arrival: now,
        };
        stream.clock = Some(clock);
        let id = incoming.track;
        let Some(&at) = self.by_track.get(&id) else {
            return;
        };
        let track = &mut self.tracks[at];
        track.set_clock(clock);
        for tap in &track.taps {
            tap.report(&clock, &self.config.clock, &self.config.metrics);
        }
        for shard in &track.remote {
            out.relay(*shard, Relay::Clock(id, clock));
        }
    }

    /// A viewer's report of one of our streams.
    fn block(&mut self, now: Instant, index: usize, block: &ReportBlock) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let found = connection
            .outgoing
            .iter_mut()
            .find(|(stream, _)| stream.ssrc == block.ssrc);
        let Some((stream, id)) = found else {
            return;
        };
        stream.fraction_lost = block.fraction_lost;
        let clock = self
            .by_track
            .get(id)
            .and_then(|at| self.tracks.get(*at))
            .and_then(|track| track.clock(stream.current()?));
        if let Some(clock) = clock.filter(|_| block.last_report != 0)
            && let Some(info) = stream.sender_info(&clock, now)
        {
            let middle = (info.ntp >> 16) as u32;
            let round = middle.wrapping_sub(block.last_report).wrapping_sub(block.delay);
            // More than 10 s is a clock that was replaced since.
            if round < 10 << 16 {
                connection.rtt = Some(Duration::from_micros(u64::from(round) * 1_000_000 / 65_536));
            }
        }
        connection
            .bandwidth
            .report(now, block.fraction_lost, connection.rtt);
    }

    /// Sends a viewer again what it misses.
    fn repair(&mut self, now: Instant, index: usize, ssrc: u32, sequences: &[u16], out: &mut dyn Outlet) {
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
        let Connection {
            keys,
            outgoing,
            selected,
            bytes_sent,
            bandwidth,
            pacer,
            ..
        } = &mut **connection;
        let (Some(keys), Some(path)) = (keys, *selected) else {
            return;
        };
        let Some((stream, id)) = outgoing.iter_mut().find(|(stream, _)| stream.ssrc == ssrc) else {
            return;
        };
        let Some(track) = by_track.get(id).and_then(|at| tracks.get(*at)) else {
            return;
        };
        let carried = bandwidth.estimate().unwrap_or(u64::MAX);
        for sequence in sequences {
            scratch.clear();
            let packet = stream.original(*sequence).and_then(|original| {
                let layer = track.layers.get(usize::from(original.layer))?;
                // Of a layer that its line does not carry, and that it is not to have any more, a packet would only delay the next.
                let left = stream.target() != Some(original.layer) && track.divided.is_none();
                if left && layer.rate.bits_per_second(now) > carried {
                    return Some(Err(NoRepair::TooMuch));
                }
                layer.history.get(original.generation, original.index).map(Ok)
            });
            let result = packet
                .unwrap_or(Err(NoRepair::Gone))
                .and_then(|packet| stream.repair(scratch, &keys.sealer, bandwidth, packet, now));
            match result {
                Ok(()) => {
                    config.metrics.rtp_retransmitted.inc();
                    *bytes_sent += scratch.len() as u64;
                    pacer.sent(scratch.len());
                    out.transmit(Transmit {
                        path,
                        contents: scratch,
                        segment: scratch.len(),
                    });
                }
                Err(NoRepair::Gone) => config.metrics.nacks_gone.inc(),
                Err(NoRepair::TooMuch) => config.metrics.nacks_limited.inc(),
            }
        }
    }
}
