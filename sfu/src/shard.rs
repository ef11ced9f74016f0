//! One thread's part of the engine, without sockets and clock: datagrams, commands and time in; datagrams, events and relays
//! out through an [`Outlet`]; the next deadline by [`Shard::poll_timeout`].
//!
//! A peer belongs to one shard. A track's home is the shard of its publisher; shards with viewers of it subscribe there and get
//! each packet once.

mod agreement;
mod allocate;
mod batches;
mod connection;
mod control;
mod datagrams;
mod dues;
mod feedback;
mod forward;
mod incoming;
mod ingress;
mod line;
mod paths;
mod reports;
mod sleep;
mod tap;
mod timers;
mod track;
mod tracks;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::id::{PeerId, TrackId};
use protocol::media::Transport;
use slab::Slab;

use crate::api::Event;
use crate::dtls::Identity;
use crate::metrics::Metrics;
use crate::packet::{Packet, SenderClock};
use crate::spare::Spare;
use connection::Connection;
pub(crate) use control::{Command, Credentials, Open};
use dues::Dues;
use sleep::Asleep;
pub(crate) use tap::TapFeed;
use track::Track;

/// Where datagrams of a peer come from and go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    /// Which of the thread's sockets, or of its connections: see [`Path::TCP`].
    pub(crate) socket: usize,
    /// The other end.
    pub(crate) remote: SocketAddr,
    /// Our address the peer wrote to; answers leave from it.
    pub(crate) local: Option<IpAddr>,
}

impl Path {
    /// [`Self::socket`] of a TCP connection has this bit; UDP sockets are counted from 0.
    pub(crate) const TCP: usize = 1 << (usize::BITS - 1);
    /// Bits of a connection's place among those of its thread.
    const PLACE_BITS: u32 = 12;

    /// The path of a TCP connection at this place. `serial` tells it from others that were there.
    pub(crate) fn tcp(place: usize, serial: u32, remote: SocketAddr) -> Self {
        let serial = ((serial as usize) << Self::PLACE_BITS) & ((Self::TCP >> 1) - 1);
        Self {
            socket: Self::TCP | serial | Self::place_of(place),
            remote,
            local: None,
        }
    }

    /// The place of a TCP connection.
    pub(crate) fn place(self) -> usize {
        Self::place_of(self.socket)
    }

    /// As [`Self::place`], by its socket alone.
    pub(crate) fn place_of(socket: usize) -> usize {
        socket & ((1 << Self::PLACE_BITS) - 1)
    }

    /// What it runs over.
    pub(crate) fn transport(self) -> Transport {
        if self.socket & Self::TCP == 0 {
            Transport::Udp
        } else {
            Transport::Tcp
        }
    }

    /// What finds it, whatever our address is.
    pub(crate) fn key(self) -> (usize, SocketAddr) {
        (self.socket, self.remote)
    }

    /// Whether both are the same way to the same peer.
    pub(crate) fn same(self, other: Self) -> bool {
        self.key() == other.key()
    }
}

/// Datagrams to one peer, one after another: all `segment` bytes long but for the last, which may be shorter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transmit<'a> {
    /// Where to.
    pub(crate) path: Path,
    /// The datagrams.
    pub(crate) contents: &'a [u8],
    /// Length of each.
    pub(crate) segment: usize,
}

/// Datagrams to one peer that lie among those to others; see [`Outlet::transmit_all`].
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    /// Where to.
    pub(crate) path: Path,
    /// Where they lie.
    pub(crate) range: Range<usize>,
    /// Length of each but perhaps the last.
    pub(crate) segment: usize,
}

impl Parcel {
    /// With its contents, which lie in `bytes`.
    pub(crate) fn transmit<'a>(&self, bytes: &'a [u8]) -> Transmit<'a> {
        Transmit {
            path: self.path,
            contents: &bytes[self.range.clone()],
            segment: self.segment,
        }
    }
}

/// From one shard to another.
#[derive(Clone, Debug)]
pub(crate) enum Relay {
    /// A packet of a track.
    Packet(TrackId, Arc<Packet>),
    /// A sender report of a track.
    Clock(TrackId, SenderClock),
    /// Send me the packets of a track.
    Subscribe(TrackId, usize),
    /// Do not any more.
    Unsubscribe(TrackId, usize),
    /// A viewer needs a keyframe of a layer.
    Keyframe(TrackId, u8),
    /// The layers of a track a shard takes, bit n is layer n.
    Taken(TrackId, usize, u8),
    /// The layers of a track that sleep.
    Asleep(TrackId, Asleep),
}

/// Where a shard's output goes.
pub(crate) trait Outlet {
    /// To the network.
    fn transmit(&mut self, transmit: Transmit<'_>);
    /// To several peers, whose datagrams lie in `bytes`.
    fn transmit_all(&mut self, bytes: &[u8], parcels: &[Parcel]) {
        for parcel in parcels {
            self.transmit(parcel.transmit(bytes));
        }
    }
    /// To another shard.
    fn relay(&mut self, shard: usize, relay: Relay);
    /// To the control plane.
    fn event(&mut self, event: Event);
}

/// Steady time with its place in Unix time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// An instant.
    pub(crate) epoch: Instant,
    /// Microseconds of Unix time then.
    pub(crate) unix_us: u64,
}

/// What may as well be done a little later is done with what others have to do.
const TOGETHER_MS: u32 = 50;

impl Clock {
    /// An instant at or after this one at which others of its kind are due too.
    pub(crate) fn together(&self, at: Instant) -> Instant {
        let since = at.saturating_duration_since(self.epoch).as_millis();
        let slots = u32::try_from(since / u128::from(TOGETHER_MS)).unwrap_or(u32::MAX - 1) + 1;
        self.epoch + Duration::from_millis(u64::from(TOGETHER_MS)) * slots
    }

    /// Microseconds of Unix time at an instant.
    pub(crate) fn unix_us(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch).as_micros();
        self.unix_us + u64::try_from(since).unwrap_or(0)
    }
}

/// What a shard is made with.
#[derive(Clone)]
pub(crate) struct ShardConfig {
    /// Its number.
    pub(crate) id: usize,
    /// See [`crate::EngineConfig::coalesce`].
    pub(crate) coalesce: Duration,
    /// See [`crate::EngineConfig::consent_timeout`].
    pub(crate) consent_timeout: Duration,
    /// The certificate.
    pub(crate) identity: Identity,
    /// Its metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// The clock of arrival times.
    pub(crate) clock: Clock,
}

/// See the module.
pub(crate) struct Shard {
    config: ShardConfig,
    connections: Slab<Box<Connection>>,
    /// Their deadlines.
    dues: Dues,
    by_peer: HashMap<PeerId, usize>,
    by_ufrag: HashMap<String, usize>,
    by_path: HashMap<(usize, SocketAddr), usize>,
    tracks: Slab<Track>,
    by_track: HashMap<TrackId, usize>,
    taps: Vec<Arc<TapFeed>>,
    /// Tracks and layers with packets that wait for the end of their frame.
    pending: Vec<(usize, u8)>,
    flush_at: Option<Instant>,
    /// The earliest time a connection or track wants to be looked at.
    wake_at: Option<Instant>,
    /// When connections were looked at last.
    ticked_at: Instant,
    /// When it is looked for layers nobody takes; at once where there is none.
    rest_at: Option<Instant>,
    generations: u64,
    scratch: Vec<u8>,
    sizes: Vec<usize>,
    parcels: Vec<Parcel>,
    spare: Spare,
}

impl Shard {
    /// A shard without peers.
    pub(crate) fn new(config: ShardConfig) -> Self {
        Self {
            ticked_at: config.clock.epoch,
            config,
            connections: Slab::new(),
            dues: Dues::default(),
            by_peer: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_path: HashMap::new(),
            tracks: Slab::new(),
            by_track: HashMap::new(),
            taps: Vec::new(),
            pending: Vec::new(),
            flush_at: None,
            wake_at: None,
            rest_at: None,
            generations: 0,
            scratch: Vec::with_capacity(2 * forward::TOGETHER_BYTES),
            sizes: Vec::with_capacity(64),
            parcels: Vec::with_capacity(2 * forward::TOGETHER),
            spare: Spare::default(),
        }
    }
}

/// The earlier of two deadlines.
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
