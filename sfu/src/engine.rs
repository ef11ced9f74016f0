//! The handle to the engine's threads.

use std::net::SocketAddr;

use protocol::id::{LessonId, PeerId, TrackId};
use tokio::sync::mpsc;

use crate::api::{
    Answer, EngineConfig, EngineError, Events, MediaWish, PeerStats, PublishTrack, SessionOffer, StartError,
    Tap,
};

/// A handle to the engine; cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Engine {
    events: mpsc::Sender<crate::Event>,
}

#[allow(
    clippy::unused_async,
    unused_variables,
    reason = "replaced by the engine itself"
)]
impl Engine {
    /// Binds the sockets and starts the threads.
    ///
    /// # Errors
    ///
    /// When a socket cannot be bound or there is no address to announce.
    pub fn start(config: EngineConfig) -> Result<(Self, Events), StartError> {
        let (events, receiver) = mpsc::channel(4096);
        Ok((Self { events }, Events { receiver }))
    }

    /// Where media is received, one address per thread, for logs and tests.
    #[must_use]
    pub fn media_addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
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
        Err(EngineError::Stopped)
    }

    /// Takes the answer to an offer of [`Engine::negotiate`].
    ///
    /// # Errors
    ///
    /// When the SDP cannot be used, the peer is gone, or the offer is not the last one.
    pub async fn answer(&self, peer: PeerId, negotiation: u32, sdp: String) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
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
        Err(EngineError::Stopped)
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
        Err(EngineError::Stopped)
    }

    /// Gives the sections of a WHEP peer other tracks.
    ///
    /// # Errors
    ///
    /// When the peer is gone.
    pub async fn rewire(&self, peer: PeerId, watch: Vec<crate::WatchTrack>) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
    }

    /// ICE restart of a WHIP or WHEP peer by an `application/trickle-ice-sdpfrag` (RFC 8840): the engine's fragment and its
    /// new ICE session.
    ///
    /// # Errors
    ///
    /// When the fragment cannot be read or the peer is gone.
    pub async fn restart_ice(&self, peer: PeerId, fragment: String) -> Result<(String, String), EngineError> {
        Err(EngineError::Stopped)
    }

    /// Ends a peer: its tracks end and its packets are dropped.
    pub async fn remove(&self, peer: PeerId) {}

    /// Ends a room, its peers and taps.
    pub async fn close_room(&self, room: LessonId) {}

    /// Attaches a recorder to a room: the tracks of `tracks`, now and when they come up. A room may have several.
    ///
    /// # Errors
    ///
    /// When the engine stopped.
    pub async fn tap(&self, room: LessonId, tracks: Vec<TrackId>) -> Result<Tap, EngineError> {
        Err(EngineError::Stopped)
    }

    /// Changes the tracks of all taps of a room.
    pub async fn retap(&self, room: LessonId, tracks: Vec<TrackId>) {}

    /// Asks the publisher of a track for a keyframe; coalesced and rate-limited.
    pub fn request_keyframe(&self, track: TrackId) {}

    /// What the engine knows of the lines of a room's peers.
    pub async fn stats(&self, room: LessonId) -> Vec<(PeerId, PeerStats)> {
        Vec::new()
    }

    /// Registers the engine's metrics, names beginning with `tongke_sfu_`. Gauges and counters are summed over threads.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        String::new()
    }

    /// Stops the threads. Peers get a DTLS close_notify.
    pub async fn stop(&self) {}
}
