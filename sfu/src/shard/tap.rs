//! Handing a room's packets to recorders.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytes::Bytes;
use protocol::id::{LessonId, PeerId, TrackId};
use protocol::media::Codec;
use tokio::sync::mpsc::Sender;

use super::Clock;
use crate::api::TapEvent;
use crate::metrics::Metrics;
use crate::packet::{Generation, Packet, SenderClock};
use crate::rtp::red;

/// Places in a recorder's queue that packets leave free, so that what comes up and goes down is always told.
const RESERVED: usize = 256;

/// One recorder's queue, shared by the shards.
#[derive(Debug)]
pub(crate) struct TapFeed {
    /// Of which room.
    pub(crate) room: LessonId,
    /// The queue.
    pub(crate) sender: Sender<TapEvent>,
    numbers: AtomicU32,
    overflow: AtomicU64,
    /// Tracks it wants; read when something changes, never per packet.
    tracks: RwLock<HashSet<TrackId>>,
}

impl TapFeed {
    /// A feed into a queue.
    pub(crate) fn new(room: LessonId, sender: Sender<TapEvent>) -> Self {
        Self {
            room,
            sender,
            numbers: AtomicU32::new(1),
            overflow: AtomicU64::new(0),
            tracks: RwLock::default(),
        }
    }

    /// States its tracks.
    pub(super) fn set_tracks(&self, tracks: &[TrackId]) {
        if let Ok(mut wanted) = self.tracks.write() {
            *wanted = tracks.iter().copied().collect();
        }
    }

    /// Whether it wants a track.
    pub(super) fn wants(&self, track: TrackId) -> bool {
        self.tracks.read().is_ok_and(|wanted| wanted.contains(&track))
    }

    /// Says something that must not be lost.
    fn say(&self, event: TapEvent) {
        if self.sender.try_send(event).is_err() {
            self.overflow.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Gives a packet or a report, if there is room.
    fn give(&self, metrics: &Metrics, event: TapEvent) {
        if self.sender.capacity() <= RESERVED {
            self.overflow.fetch_add(1, Ordering::Relaxed);
            metrics.tap_dropped.inc();
            return;
        }
        if self.overflow.load(Ordering::Relaxed) > 0 {
            let packets = self.overflow.swap(0, Ordering::Relaxed);
            self.say(TapEvent::Overflow { packets });
        }
        self.say(event);
    }
}

/// A recorder of one track.
#[derive(Debug)]
pub(super) struct TapLink {
    /// Where to.
    pub(super) feed: Arc<TapFeed>,
    /// What is up: its number, incarnation and codec.
    up: Option<(u32, Generation, Codec)>,
}

impl TapLink {
    /// Nothing is up yet.
    pub(super) fn new(feed: Arc<TapFeed>) -> Self {
        Self { feed, up: None }
    }

    /// The number of the track's present incarnation; says that it comes up, if it is new.
    pub(super) fn number(
        &mut self,
        track: TrackId,
        peer: PeerId,
        generation: Generation,
        codec: Codec,
    ) -> u32 {
        if let Some((number, up, kind)) = self.up
            && up == generation
            && kind == codec
        {
            return number;
        }
        self.down();
        let number = self.feed.numbers.fetch_add(1, Ordering::Relaxed);
        self.up = Some((number, generation, codec));
        self.feed.say(TapEvent::TrackUp {
            number,
            track,
            codec,
            peer,
        });
        number
    }

    /// Says that no more comes.
    pub(super) fn down(&mut self) {
        if let Some((number, ..)) = self.up.take() {
            self.feed.say(TapEvent::TrackDown { number });
        }
    }

    /// Hands a packet on.
    pub(super) fn packet(
        &mut self,
        track: TrackId,
        peer: PeerId,
        packet: &Packet,
        repeat: Option<SenderClock>,
        clock: &Clock,
        metrics: &Metrics,
    ) {
        // Padding alone is nothing to record.
        let Some(plain) = plain(packet) else {
            return;
        };
        let was = self.up.map(|(number, ..)| number);
        let number = self.number(track, peer, packet.generation, packet.codec);
        if was != Some(number)
            && let Some(report) = repeat
        {
            self.report(&report, clock, metrics);
        }
        self.feed.give(
            metrics,
            TapEvent::Rtp {
                number,
                arrival_us: clock.unix_us(packet.arrival),
                packet: plain,
            },
        );
    }

    /// Hands a sender report on, if its stream is up.
    pub(super) fn report(&self, report: &SenderClock, clock: &Clock, metrics: &Metrics) {
        if let Some((number, generation, _)) = self.up
            && generation == report.generation
        {
            self.feed.give(
                metrics,
                TapEvent::SenderReport {
                    number,
                    arrival_us: clock.unix_us(report.arrival),
                    ntp: report.ntp,
                    rtp: report.rtp,
                },
            );
        }
    }
}

/// The packet without RED; `None` when it holds nothing.
fn plain(packet: &Packet) -> Option<Bytes> {
    if !packet.red {
        return (!packet.payload.is_empty()).then(|| Bytes::copy_from_slice(&packet.data));
    }
    let (pt, payload) = red::primary(packet.payload())?;
    if payload.is_empty() {
        return None;
    }
    let header = packet.data.get(..packet.payload.start)?;
    let mut out = Vec::with_capacity(header.len() + payload.len());
    out.extend_from_slice(header);
    out.extend_from_slice(payload);
    let second = out.get_mut(1)?;
    *second = *second & 0x80 | pt;
    Some(Bytes::from(out))
}
