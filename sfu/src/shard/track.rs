//! A track as one shard sees it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::id::{PeerId, TrackId};
use protocol::media::Codec;

use super::sleep::Sleep;
use super::tap::TapLink;
use crate::history::History;
use crate::packet::{Generation, MAX_LAYERS, Packet, SenderClock};
use crate::receive::keyframes::Keyframes;
use crate::receive::rate::Rate;

/// A layer of several that is silent for so long is not there: its publisher paused it.
const PAUSED: Duration = Duration::from_millis(500);
/// A layer is better than another if it has so much more of the bit rate, where their heights are not known.
const CLEARLY_MORE: f64 = 1.2;

/// A viewer of a track: a connection of this shard and one of its outgoing streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subscriber {
    /// Index of the connection.
    pub(super) connection: usize,
    /// SSRC of the outgoing stream.
    pub(super) ssrc: u32,
    /// Layers it has to be shown; see [`crate::outgoing::Outgoing::layers`].
    pub(super) layers: u8,
    /// Layers that sleep and were chosen for it.
    pub(super) wakes: u8,
}

impl Subscriber {
    /// Whether it is this stream of this connection.
    pub(super) fn is(&self, connection: usize, ssrc: u32) -> bool {
        self.connection == connection && self.ssrc == ssrc
    }
}

/// One layer of a track; a track without simulcast has only the first.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// For retransmission.
    pub(super) history: History,
    /// Packets of the frame that is coming in.
    pub(super) pending: Vec<Arc<Packet>>,
    /// Home only: the incarnation that flows.
    pub(super) live: Option<(Generation, Codec)>,
    /// The publisher's last sender report.
    pub(super) clock: Option<SenderClock>,
    /// Wishes for a keyframe.
    pub(super) keyframes: Keyframes,
    /// How much comes.
    pub(super) rate: Rate,
    /// Lines of its pictures; 0 is unknown.
    pub(super) height: u16,
}

impl Layer {
    /// Whether packets come.
    pub(super) fn flows(&self, now: Instant) -> bool {
        self.rate
            .last()
            .is_some_and(|last| now.saturating_duration_since(last) < PAUSED)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Track {
    /// Its id.
    pub(super) id: TrackId,
    /// The shard of its publisher, once there is one.
    pub(super) home: Option<usize>,
    /// The publisher and its connection, if this is the home and it is there.
    pub(super) publisher: Option<(PeerId, usize)>,
    /// Home only: other shards that get its packets.
    pub(super) remote: Vec<usize>,
    /// Viewers of this shard.
    pub(super) subscribers: Vec<Subscriber>,
    /// Recorders, at home only.
    pub(super) taps: Vec<TapLink>,
    /// The layer recorders get.
    tapped: u8,
    /// The spatial layer of each of its layers, if they come divided under one SSRC.
    pub(super) divided: Option<[u8; MAX_LAYERS]>,
    /// Which of its layers sleep.
    pub(super) sleep: Sleep,
    /// Its layers.
    pub(super) layers: [Layer; MAX_LAYERS],
}

impl Track {
    /// A track nothing is known of.
    pub(super) fn new(id: TrackId) -> Self {
        Self {
            id,
            home: None,
            publisher: None,
            remote: Vec::new(),
            subscribers: Vec::new(),
            taps: Vec::new(),
            tapped: 0,
            divided: None,
            sleep: Sleep::default(),
            layers: Default::default(),
        }
    }

    /// Nothing refers to it any more.
    pub(super) fn unused(&self) -> bool {
        self.home.is_none()
            && self.publisher.is_none()
            && self.remote.is_empty()
            && self.subscribers.is_empty()
    }

    /// A viewer has to be shown other layers.
    pub(super) fn show(&mut self, connection: usize, ssrc: u32, layers: u8) {
        if let Some(viewer) = self
            .subscribers
            .iter_mut()
            .find(|viewer| viewer.is(connection, ssrc))
        {
            viewer.layers = layers;
        }
    }

    /// Counts a packet to its layer, or, of a divided stream, to all layers it is of.
    pub(super) fn count(&mut self, now: Instant, packet: &Packet) {
        let bytes = packet.data.len();
        let Some(part) = &packet.part else {
            if let Some(layer) = self.layer(packet.layer) {
                layer.rate.add(now, bytes);
            }
            if packet.keyframe {
                self.divided = None;
            }
            return;
        };
        self.divided = Some(part.steps.spatial);
        for (at, layer) in self.layers.iter_mut().enumerate() {
            if part.present >> at & 1 == 1 {
                layer.rate.add(now, bytes);
                if part.steps.heights[at] > 0 {
                    layer.height = part.steps.heights[at];
                }
            }
        }
    }

    /// The layer whose packets bring one: all layers of a divided stream come as the first.
    pub(super) fn sent_as(&self, layer: u8) -> u8 {
        if self.divided.is_some() { 0 } else { layer }
    }

    /// One of its layers.
    pub(super) fn layer(&mut self, layer: u8) -> Option<&mut Layer> {
        self.layers.get_mut(usize::from(layer))
    }

    /// A sender report came.
    pub(super) fn set_clock(&mut self, clock: SenderClock) {
        if let Some(layer) = self.layer(clock.layer) {
            layer.clock = Some(clock);
        }
    }

    /// The sender report of a layer.
    pub(super) fn clock(&self, layer: u8) -> Option<SenderClock> {
        self.layers.get(usize::from(layer))?.clock
    }

    /// Bytes kept for retransmission.
    pub(super) fn history_bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.history.bytes()).sum()
    }

    /// Its publisher is gone, or somewhere else.
    pub(super) fn source_ended(&mut self) {
        self.sleep.restart();
        for layer in &mut self.layers {
            layer.live = None;
            layer.clock = None;
        }
        for tap in &mut self.taps {
            tap.down();
        }
    }

    /// Whether one layer is better than another: it flows, and is larger.
    fn better(&self, now: Instant, than: u8, layer: u8) -> bool {
        let flowing = |layer: u8| {
            let layer = self.layers.get(usize::from(layer))?;
            layer.flows(now).then_some(layer)
        };
        match (flowing(than), flowing(layer)) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(than), Some(layer)) if than.height > 0 && layer.height > 0 => layer.height > than.height,
            (Some(than), Some(layer)) => {
                let rate = |layer: &Layer| layer.rate.bits_per_second(now) as f64;
                rate(layer) > rate(than) * CLEARLY_MORE
            }
        }
    }

    /// The layer recorders get, which is the best that flows; a better one is taken up at its keyframe, and wanted until one comes.
    pub(super) fn records(&mut self, now: Instant, packet: &Packet) -> bool {
        if packet.layer == self.tapped {
            return true;
        }
        if self.taps.is_empty() || !self.better(now, self.tapped, packet.layer) {
            return false;
        }
        if packet.keyframe {
            self.tapped = packet.layer;
            return true;
        }
        if let Some(layer) = self.layer(packet.layer) {
            layer.keyframes.want();
        }
        false
    }

    /// The layer recorders get.
    pub(super) fn tapped(&self) -> u8 {
        self.tapped
    }
}
