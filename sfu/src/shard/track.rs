//! A track as one shard sees it.

use std::sync::Arc;

use protocol::id::{PeerId, TrackId};
use protocol::media::Codec;

use super::tap::TapLink;
use crate::history::History;
use crate::packet::{Generation, Packet, SenderClock};
use crate::receive::keyframes::Keyframes;

/// A viewer of a track: a connection of this shard and one of its outgoing streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subscriber {
    /// Index of the connection.
    pub(super) connection: usize,
    /// SSRC of the outgoing stream.
    pub(super) ssrc: u32,
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
            history: History::default(),
            pending: Vec::new(),
            live: None,
            clock: None,
            keyframes: Keyframes::default(),
        }
    }

    /// Nothing refers to it any more.
    pub(super) fn unused(&self) -> bool {
        self.home.is_none()
            && self.publisher.is_none()
            && self.remote.is_empty()
            && self.subscribers.is_empty()
    }
}
