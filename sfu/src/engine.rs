//! The handle to the engine's threads.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::id::{LessonId, PeerId, TrackId};
use tokio::sync::{mpsc, oneshot};

use crate::api::{
    Answer, EngineConfig, EngineError, Events, MediaWish, PeerStats, PublishTrack, SessionOffer, StartError,
    Tap,
};
use crate::directory::{Commands, Directory, Place};
use crate::dtls::Identity;
use crate::edge::{self, Order, Running};
use crate::metrics;
use crate::shard::{Command, TapFeed};

/// Events nobody has taken yet.
const MAX_EVENTS: usize = 4_096;
/// What a recorder has not taken yet: some 4 s of a camera, a screen and sound.
const MAX_TAP: usize = 4_096;

/// A handle to the engine; cloning it is cheap. The threads end with the last one, or by [`Engine::stop`].
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Held while something is negotiated, never by a media thread, and never across an await.
    directory: Mutex<Directory>,
    threads: Vec<Running>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for thread in &self.threads {
            thread.mailbox.order(Order::Stop);
        }
    }
}

impl Engine {
    /// Binds the sockets and starts the threads.
    ///
    /// # Errors
    ///
    /// When a socket cannot be bound or there is no address to announce.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the configuration is the engine's from here on"
    )]
    pub fn start(config: EngineConfig) -> Result<(Self, Events), StartError> {
        let (events, receiver) = mpsc::channel(MAX_EVENTS);
        let identity =
            Identity::generate().map_err(|error| StartError::Thread(std::io::Error::other(error)))?;
        let threads = edge::start(&config, &identity, &events)?;
        let places = threads
            .iter()
            .map(|thread| Place {
                candidates: thread.candidates.clone(),
                tcp: config.tcp,
                peers: 0,
            })
            .collect();
        let inner = Inner {
            directory: Mutex::new(Directory::new(identity.fingerprint, places)),
            threads,
        };
        let engine = Self {
            inner: Arc::new(inner),
        };
        Ok((engine, Events { receiver }))
    }

    /// Where media is received, one address per thread, for logs and tests.
    #[must_use]
    pub fn media_addresses(&self) -> Vec<SocketAddr> {
        self.inner
            .threads
            .iter()
            .flat_map(|thread| thread.bound.iter().copied())
            .collect()
    }

    /// Where peers are told to send their media, and where the same socket is reached on this machine.
    #[must_use]
    pub fn candidates(&self) -> Vec<(SocketAddr, SocketAddr)> {
        let threads = self.inner.threads.iter();
        threads
            .flat_map(|thread| edge::reached_at(&thread.candidates, &thread.bound))
            .collect()
    }

    /// States what a peer sends and receives. Makes the room and the peer if they are not there. `None` when nothing has
    /// to be negotiated (same tracks, only heights or priorities differ). `fresh` asks for a new connection.
    ///
    /// # Errors
    ///
    /// When a bound is reached or the engine stopped.
    pub async fn negotiate(
        &self,
        room: LessonId,
        peer: PeerId,
        wish: MediaWish,
        fresh: bool,
    ) -> Result<Option<SessionOffer>, EngineError> {
        let mut directory = self.directory();
        let (offer, commands) = directory.negotiate(room, peer, &wish, fresh)?;
        self.send(commands)?;
        Ok(offer)
    }

    /// Takes the answer to an offer of [`Engine::negotiate`].
    ///
    /// # Errors
    ///
    /// When the SDP cannot be used, the peer is gone, or the offer is not the last one.
    pub async fn answer(&self, peer: PeerId, negotiation: u32, sdp: String) -> Result<(), EngineError> {
        let mut directory = self.directory();
        let commands = directory.answer(peer, negotiation, &sdp)?;
        self.send(commands)
    }

    /// Answers the offer of a WHIP client. `tracks` are what the client may publish: the first audio section gets the first
    /// audio one, and so on; sections beyond are refused (port 0). Makes the room if it is not there.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unusable`] when no section has a codec the engine forwards.
    pub async fn publish(
        &self,
        room: LessonId,
        peer: PeerId,
        tracks: Vec<PublishTrack>,
        offer: String,
    ) -> Result<Answer, EngineError> {
        let mut directory = self.directory();
        let (answer, commands) = directory.publish(room, peer, &tracks, &offer)?;
        self.send(commands)?;
        Ok(answer)
    }

    /// Answers the offer of a WHEP client: its n-th audio or video section gets the n-th such track of `watch`.
    /// When `watch` changes later ([`Engine::rewire`]), the sections carry other tracks without a new negotiation.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unusable`] when no section has a codec the engine forwards.
    pub async fn watch(
        &self,
        room: LessonId,
        peer: PeerId,
        watch: Vec<crate::WatchTrack>,
        offer: String,
    ) -> Result<Answer, EngineError> {
        let mut directory = self.directory();
        let (answer, commands) = directory.watch(room, peer, &watch, &offer)?;
        self.send(commands)?;
        Ok(answer)
    }

    /// Gives the sections of a WHEP peer other tracks.
    ///
    /// # Errors
    ///
    /// When the peer is gone.
    pub async fn rewire(&self, peer: PeerId, watch: Vec<crate::WatchTrack>) -> Result<(), EngineError> {
        let mut directory = self.directory();
        let commands = directory.rewire(peer, &watch)?;
        self.send(commands)
    }

    /// ICE restart of a WHIP or WHEP peer by an `application/trickle-ice-sdpfrag` (RFC 8840): the engine's fragment and its
    /// new ICE session.
    ///
    /// # Errors
    ///
    /// When the fragment cannot be read or the peer is gone.
    pub async fn restart_ice(&self, peer: PeerId, fragment: String) -> Result<(String, String), EngineError> {
        let mut directory = self.directory();
        let (answer, commands) = directory.restart_ice(peer, &fragment)?;
        self.send(commands)?;
        Ok(answer)
    }

    /// Ends a peer: its tracks end and its packets are dropped.
    pub async fn remove(&self, peer: PeerId) {
        let mut directory = self.directory();
        let mut commands = Commands::new();
        directory.remove(peer, &mut commands);
        self.try_send(commands);
    }

    /// Ends a room, its peers and taps.
    pub async fn close_room(&self, room: LessonId) {
        let mut directory = self.directory();
        let mut commands = Commands::new();
        directory.close_room(room, &mut commands);
        self.try_send(commands);
    }

    /// Attaches a recorder to a room: the tracks of `tracks`, now and when they come up. A room may have several.
    ///
    /// # Errors
    ///
    /// When the engine stopped.
    pub async fn tap(&self, room: LessonId, tracks: Vec<TrackId>) -> Result<Tap, EngineError> {
        let (sender, receiver) = mpsc::channel(MAX_TAP);
        let feed = Arc::new(TapFeed::new(room, sender));
        let commands = self.everywhere(|| Command::Tap {
            feed: Arc::clone(&feed),
            tracks: tracks.clone(),
        });
        self.send(commands)?;
        Ok(Tap { receiver })
    }

    /// Changes the tracks of all taps of a room.
    pub async fn retap(&self, room: LessonId, tracks: Vec<TrackId>) {
        let commands = self.everywhere(|| Command::Retap {
            room,
            tracks: tracks.clone(),
        });
        self.try_send(commands);
    }

    /// Asks the publisher of a track for a keyframe; coalesced and rate-limited.
    pub fn request_keyframe(&self, track: TrackId) {
        let home = self.directory().home(track);
        if let Some(home) = home {
            self.try_send(vec![(home, Command::Keyframe { track })]);
        }
    }

    /// Measures a peer's line by padding up to so many bits per second, whatever else it gets: [`PeerStats::carries`] tells what
    /// was found. Nothing is sent to who does not consent, and not much faster than its feedback shows to pass.
    pub fn measure(&self, peer: PeerId, up_to: u64) {
        let directory = self.directory();
        self.try_send(directory.measure(peer, up_to));
    }

    /// What the engine knows of the lines of a room's peers.
    pub async fn stats(&self, room: LessonId) -> Vec<(PeerId, PeerStats)> {
        let mut waiting = Vec::new();
        for thread in &self.inner.threads {
            let (reply, answer) = oneshot::channel();
            if thread.mailbox.order(Order::Shard(Command::Stats { room, reply })) {
                waiting.push(answer);
            }
        }
        let mut all = Vec::new();
        for answer in waiting {
            // A thread that ended meanwhile has no peers.
            all.extend(answer.await.unwrap_or_default());
        }
        all
    }

    /// Registers the engine's metrics, names beginning with `tongke_sfu_`. Gauges and counters are summed over threads.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        let threads: Vec<_> = self
            .inner
            .threads
            .iter()
            .map(|thread| Arc::clone(&thread.metrics))
            .collect();
        metrics::text(&threads)
    }

    /// Stops the threads. Peers get a DTLS close_notify.
    pub async fn stop(&self) {
        for thread in &self.inner.threads {
            thread.mailbox.order(Order::Stop);
        }
        while !self
            .inner
            .threads
            .iter()
            .all(|thread| thread.thread.is_finished())
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        // A panic while it was held is our bug; what it knows is still the best there is.
        self.inner
            .directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn everywhere(&self, command: impl Fn() -> Command) -> Commands {
        (0..self.inner.threads.len())
            .map(|thread| (thread, command()))
            .collect()
    }

    /// Sends commands while the directory is held, so that they arrive in the order of what they follow from.
    fn send(&self, commands: Commands) -> Result<(), EngineError> {
        if self.try_send(commands) {
            Ok(())
        } else {
            Err(EngineError::Stopped)
        }
    }

    fn try_send(&self, commands: Commands) -> bool {
        let mut sent = true;
        for (thread, command) in commands {
            sent &= self
                .inner
                .threads
                .get(thread)
                .is_some_and(|thread| thread.mailbox.order(Order::Shard(command)));
        }
        sent
    }
}
