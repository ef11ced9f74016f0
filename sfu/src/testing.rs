//! The engine without sockets, threads and clock, for the tests of `tests/`. Not part of the public face.

pub mod fuzz;
pub mod turn;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::id::{LessonId, PeerId, TrackId};
use tokio::sync::mpsc;

use crate::api::{
    Answer, EngineError, Event, MediaWish, PeerStats, PublishTrack, SessionOffer, Tap, WatchTrack,
};
use crate::directory::{Commands, Directory, Place};
use crate::dtls::Identity;
use crate::metrics::{self, Metrics};
use crate::shard::{Clock, Command, Outlet, Path, Relay, Shard, ShardConfig, TapFeed, Transmit};

/// A datagram on the simulated network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Sender.
    pub from: SocketAddr,
    /// Receiver.
    pub to: SocketAddr,
    /// Its bytes.
    pub contents: Vec<u8>,
}

/// An engine in virtual time.
pub struct Core {
    directory: Directory,
    shards: Vec<Shard>,
    addresses: Vec<SocketAddr>,
    metrics: Vec<Arc<Metrics>>,
    out: Collected,
}

#[derive(Default)]
struct Collected {
    addresses: Vec<SocketAddr>,
    current: usize,
    sent: VecDeque<Datagram>,
    relays: VecDeque<(usize, Relay)>,
    events: VecDeque<Event>,
    /// Only counted, not kept: a sink for measurements.
    discard: bool,
    discarded: usize,
}

impl Outlet for Collected {
    fn transmit(&mut self, transmit: Transmit<'_>) {
        if self.discard {
            self.discarded += transmit.contents.chunks(transmit.segment).len();
            return;
        }
        for contents in transmit.contents.chunks(transmit.segment) {
            self.sent.push_back(Datagram {
                from: self.addresses[self.current],
                to: transmit.path.remote,
                contents: contents.to_vec(),
            });
        }
    }

    fn relay(&mut self, shard: usize, relay: Relay) {
        self.relays.push_back((shard, relay));
    }

    fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }
}

impl Core {
    /// An engine of `threads` shards at 10.0.0.1, ports 5000 and up.
    #[must_use]
    pub fn new(now: Instant, threads: usize) -> Self {
        let identity = Identity::generate().expect("a certificate can be made");
        let addresses: Vec<SocketAddr> = (0..threads)
            .map(|id| SocketAddr::from(([10, 0, 0, 1], 5000 + u16::try_from(id).expect("few threads"))))
            .collect();
        let metrics: Vec<Arc<Metrics>> = (0..threads).map(|_| Arc::default()).collect();
        let shards = metrics
            .iter()
            .enumerate()
            .map(|(id, metrics)| {
                Shard::new(ShardConfig {
                    id,
                    coalesce: Duration::from_millis(5),
                    consent_timeout: Duration::from_secs(5),
                    identity: identity.clone(),
                    metrics: Arc::clone(metrics),
                    clock: Clock {
                        epoch: now,
                        unix_us: 1_700_000_000_000_000,
                    },
                })
            })
            .collect();
        let places = addresses
            .iter()
            .map(|address| Place {
                candidates: vec![*address],
                tcp: false,
                peers: 0,
            })
            .collect();
        Self {
            directory: Directory::new(identity.fingerprint, places),
            shards,
            out: Collected {
                addresses: addresses.clone(),
                ..Collected::default()
            },
            addresses,
            metrics,
        }
    }

    fn run(&mut self, now: Instant, commands: Commands) {
        for (shard, command) in commands {
            self.command(now, shard, command);
        }
        self.relays(now);
    }

    fn command(&mut self, now: Instant, shard: usize, command: Command) {
        self.out.current = shard;
        self.shards[shard].handle_command(now, command, &mut self.out);
    }

    fn relays(&mut self, now: Instant) {
        while let Some((shard, relay)) = self.out.relays.pop_front() {
            self.command(now, shard, Command::Relay(relay));
        }
    }

    /// As [`crate::Engine::negotiate`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn negotiate(
        &mut self,
        now: Instant,
        room: LessonId,
        peer: PeerId,
        wish: &MediaWish,
        fresh: bool,
    ) -> Result<Option<SessionOffer>, EngineError> {
        let (offer, commands) = self.directory.negotiate(room, peer, wish, fresh)?;
        self.run(now, commands);
        Ok(offer)
    }

    /// As [`crate::Engine::answer`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn answer(
        &mut self,
        now: Instant,
        peer: PeerId,
        negotiation: u32,
        sdp: &str,
    ) -> Result<(), EngineError> {
        let commands = self.directory.answer(peer, negotiation, sdp)?;
        self.run(now, commands);
        Ok(())
    }

    /// As [`crate::Engine::publish`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn publish(
        &mut self,
        now: Instant,
        room: LessonId,
        peer: PeerId,
        tracks: &[PublishTrack],
        offer: &str,
    ) -> Result<Answer, EngineError> {
        let (answer, commands) = self.directory.publish(room, peer, tracks, offer)?;
        self.run(now, commands);
        Ok(answer)
    }

    /// As [`crate::Engine::watch`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn watch(
        &mut self,
        now: Instant,
        room: LessonId,
        peer: PeerId,
        watch: &[WatchTrack],
        offer: &str,
    ) -> Result<Answer, EngineError> {
        let (answer, commands) = self.directory.watch(room, peer, watch, offer)?;
        self.run(now, commands);
        Ok(answer)
    }

    /// As [`crate::Engine::rewire`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn rewire(&mut self, now: Instant, peer: PeerId, watch: &[WatchTrack]) -> Result<(), EngineError> {
        let commands = self.directory.rewire(peer, watch)?;
        self.run(now, commands);
        Ok(())
    }

    /// As [`crate::Engine::restart_ice`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn restart_ice(
        &mut self,
        now: Instant,
        peer: PeerId,
        fragment: &str,
    ) -> Result<(String, String), EngineError> {
        let (answer, commands) = self.directory.restart_ice(peer, fragment)?;
        self.run(now, commands);
        Ok(answer)
    }

    /// As [`crate::Engine::remove`].
    pub fn remove(&mut self, now: Instant, peer: PeerId) {
        let mut commands = Commands::new();
        self.directory.remove(peer, &mut commands);
        self.run(now, commands);
    }

    /// As [`crate::Engine::tap`].
    pub fn tap(&mut self, now: Instant, room: LessonId, tracks: &[TrackId]) -> Tap {
        let (sender, receiver) = mpsc::channel(4_096);
        let feed = Arc::new(TapFeed::new(room, sender));
        let commands = (0..self.shards.len())
            .map(|shard| {
                let command = Command::Tap {
                    feed: Arc::clone(&feed),
                    tracks: tracks.to_vec(),
                };
                (shard, command)
            })
            .collect();
        self.run(now, commands);
        Tap { receiver }
    }

    /// As [`crate::Engine::measure`].
    pub fn measure(&mut self, now: Instant, peer: PeerId, up_to: u64) {
        let commands = self.directory.measure(peer, up_to);
        self.run(now, commands);
    }

    /// As [`crate::Engine::stats`].
    pub fn stats(&mut self, now: Instant, room: LessonId) -> Vec<(PeerId, PeerStats)> {
        let mut all = Vec::new();
        for shard in 0..self.shards.len() {
            let (reply, mut answer) = tokio::sync::oneshot::channel();
            self.command(now, shard, Command::Stats { room, reply });
            all.extend(answer.try_recv().expect("a shard answers at once"));
        }
        all
    }

    /// Asks for a keyframe as [`crate::Engine::request_keyframe`].
    pub fn request_keyframe(&mut self, now: Instant, track: TrackId) {
        if let Some(home) = self.directory.home(track) {
            self.run(now, vec![(home, Command::Keyframe { track })]);
        }
    }

    /// A datagram comes.
    pub fn receive(&mut self, now: Instant, datagram: &Datagram) {
        self.receive_in_place(now, datagram.from, datagram.to, &mut datagram.contents.clone());
    }

    /// A datagram comes, in a buffer of the caller.
    pub fn receive_in_place(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, contents: &mut [u8]) {
        let Some(shard) = self.addresses.iter().position(|address| *address == to) else {
            return;
        };
        let path = Path {
            socket: 0,
            remote: from,
            local: None,
        };
        self.out.current = shard;
        self.shards[shard].handle_datagram(now, path, contents, &mut self.out);
        self.relays(now);
    }

    /// Time passes.
    pub fn timeout(&mut self, now: Instant) {
        for shard in 0..self.shards.len() {
            self.out.current = shard;
            self.shards[shard].handle_timeout(now, &mut self.out);
        }
        self.relays(now);
    }

    /// When [`Self::timeout`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.shards.iter().filter_map(Shard::poll_timeout).min()
    }

    /// What was sent since.
    pub fn sent(&mut self) -> Vec<Datagram> {
        self.out.sent.drain(..).collect()
    }

    /// From now on, what is sent is only counted, or is given out again.
    pub fn discard(&mut self, discard: bool) {
        self.out.discard = discard;
    }

    /// Datagrams counted since [`Self::discard`].
    #[must_use]
    pub fn discarded(&self) -> usize {
        self.out.discarded
    }

    /// What happened since.
    pub fn events(&mut self) -> Vec<Event> {
        self.out.events.drain(..).collect()
    }

    /// The value of a metric, by its name with labels as in the text format; 0 when there is none.
    #[must_use]
    pub fn metric(&self, name: &str) -> i64 {
        metrics::text(&self.metrics)
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .find_map(|value| value.parse().ok())
            .unwrap_or(0)
    }
}
