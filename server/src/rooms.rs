//! The live rooms of this process: one task per lesson around a [`crate::room::Room`], found by lesson, engine peer or
//! terminal.
//!
//! - `actor`: the task of one room.
//! - `candidate`: who a token's bearer is in a room.
//! - `face`: what the use cases ask of the rooms.
//! - `metrics`: what is counted.
//! - [`sessions`]: WHIP and WHEP sessions by their address.
//! - `writer`: events and notes on their way to the store.

mod actor;
mod candidate;
mod face;
mod metrics;
pub mod sessions;
mod writer;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::id::{LessonId, PeerId, TerminalId};
use protocol::signal::{ClientMessage, ErrorCode, LessonState, Recording, Role, ServerMessage};
use sfu::{Engine, Events};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

pub use metrics::Metrics;

use crate::media::recorder;
use crate::room::tools::{Sections, WhepPlan, WhipPlan};
use crate::room::{Entry, Facts, Refusal, SocketId};
use crate::service::{Error, Services};
use crate::store::LessonFilter;

/// Commands that wait for a room.
const COMMANDS: usize = 4_096;
/// Messages that wait for a socket; a peer that is slower is closed and may come back.
pub const OUTBOX: usize = 256;

/// What a room is told.
pub(crate) enum Command {
    Join {
        entry: Box<Entry>,
        outbox: mpsc::Sender<ServerMessage>,
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    Message {
        socket: SocketId,
        message: Box<ClientMessage>,
    },
    Closed {
        socket: SocketId,
        clean: bool,
    },
    Event(sfu::Event),
    /// The lesson changed in the store.
    Reload,
    Revoked(TerminalId),
    Whip {
        sections: Sections,
        reply: oneshot::Sender<Result<WhipPlan, Refusal>>,
    },
    WhipReady {
        peer: PeerId,
        tracks: Vec<protocol::id::TrackId>,
    },
    Whep {
        role: Role,
        reply: oneshot::Sender<Result<WhepPlan, Refusal>>,
    },
    ToolEnded {
        peer: PeerId,
    },
    Shutdown,
}

/// A room that runs.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) recording: Arc<Mutex<Option<Recording>>>,
}

impl Handle {
    /// Its task takes commands; otherwise another is made in its place.
    fn runs(&self) -> bool {
        !self.commands.is_closed()
    }
}

/// The live rooms. Cloning it is cheap.
#[derive(Clone)]
pub struct Rooms {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) services: Services,
    pub(crate) engine: Engine,
    pub(crate) recorders: recorder::Settings,
    pub(crate) metrics: Metrics,
    pub(crate) sessions: sessions::Sessions,
    rooms: Mutex<HashMap<LessonId, Handle>>,
    peers: Mutex<HashMap<PeerId, Handle>>,
    tasks: TaskTracker,
    next_socket: AtomicU64,
    stopping: AtomicBool,
}

impl std::fmt::Debug for Rooms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rooms").finish_non_exhaustive()
    }
}

impl Rooms {
    /// Serves the rooms of `services` with `engine`. Lessons that are live, or ended without being archived, go on at once.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn start(
        services: Services,
        engine: Engine,
        events: Events,
        recorders: recorder::Settings,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let inner = Inner {
            services,
            engine,
            recorders,
            metrics,
            sessions: sessions::Sessions::default(),
            rooms: Mutex::default(),
            peers: Mutex::default(),
            tasks: TaskTracker::new(),
            next_socket: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
        };
        let rooms = Self {
            inner: Arc::new(inner),
        };
        tokio::spawn(rooms.clone().route(events));
        tokio::spawn(rooms.clone().follow());
        let states = vec![LessonState::Live, LessonState::Ended];
        let filter = LessonFilter {
            states: Some(states),
            ..LessonFilter::default()
        };
        for row in rooms.inner.services.lessons.list(&filter).await? {
            rooms.room(row.id).await?;
        }
        Ok(rooms)
    }

    /// A number for a new socket.
    #[must_use]
    pub fn next_socket(&self) -> SocketId {
        SocketId(self.inner.next_socket.fetch_add(1, Ordering::Relaxed))
    }

    /// Use cases.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.inner.services
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// The media engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// WHIP and WHEP sessions.
    #[must_use]
    pub fn sessions(&self) -> &sessions::Sessions {
        &self.inner.sessions
    }

    /// Whether the server is going away.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.inner.stopping.load(Ordering::Relaxed)
    }

    /// The room of a lesson, made when it is not there.
    pub(crate) async fn room(&self, lesson: LessonId) -> crate::service::Result<Handle> {
        if let Some(handle) = self.find(lesson) {
            return Ok(handle);
        }
        let facts = self.facts(lesson).await?;
        let mut rooms = lock(&self.inner.rooms);
        if self.is_stopping() {
            return Err(Error::Internal("the server is going away"));
        }
        // Another may have made it meanwhile.
        if let Some(handle) = rooms.get(&lesson).filter(|handle| handle.runs()) {
            return Ok(handle.clone());
        }
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let handle = Handle {
            commands,
            recording: Arc::default(),
        };
        rooms.insert(lesson, handle.clone());
        self.inner
            .metrics
            .rooms
            .set(rooms.len().try_into().unwrap_or(i64::MAX));
        let actor = actor::Actor::new(self.clone(), facts, handle.clone(), inbox);
        self.inner.tasks.spawn(actor.run());
        Ok(handle)
    }

    pub(crate) fn find(&self, lesson: LessonId) -> Option<Handle> {
        lock(&self.inner.rooms)
            .get(&lesson)
            .filter(|handle| handle.runs())
            .cloned()
    }

    async fn facts(&self, lesson: LessonId) -> crate::service::Result<Facts> {
        let services = &self.inner.services;
        let facts = services.lessons.for_room(lesson).await?;
        let expected = services
            .lessons
            .attendees(lesson)
            .await?
            .into_iter()
            .map(candidate::expected)
            .collect();
        let opens_at = services.lessons.opens_at(facts.starts_at);
        Ok(Facts {
            lesson: facts,
            opens_at,
            expected,
        })
    }

    /// Forgets a room that has nothing to do. `false` when somebody just asked for it.
    fn forget(&self, lesson: LessonId, inbox: &mpsc::Receiver<Command>) -> bool {
        let mut rooms = lock(&self.inner.rooms);
        if !inbox.is_empty() {
            return false;
        }
        rooms.remove(&lesson);
        self.inner
            .metrics
            .rooms
            .set(rooms.len().try_into().unwrap_or(i64::MAX));
        true
    }

    /// Tells a room something; makes the room when it is not there.
    pub(crate) async fn tell(&self, lesson: LessonId, mut command: Command) -> crate::service::Result<()> {
        loop {
            match self.room(lesson).await?.commands.send(command).await {
                Ok(()) => return Ok(()),
                // It was just forgotten: the next one is made.
                Err(mpsc::error::SendError(back)) => command = back,
            }
        }
    }

    /// Tells something to a room from where nobody may wait.
    fn tell_soon(&self, lesson: LessonId, command: Command) {
        let rooms = self.clone();
        tokio::spawn(async move {
            if let Err(error) = rooms.tell(lesson, command).await {
                tracing::error!(%lesson, %error, "the room could not be told");
            }
        });
    }

    /// Events of the engine find their room.
    async fn route(self, mut events: Events) {
        while let Some(event) = events.next().await {
            let (sfu::Event::PeerConnected { peer }
            | sfu::Event::PeerLost { peer }
            | sfu::Event::PeerClosed { peer, .. }
            | sfu::Event::TrackFlowing { peer, .. }
            | sfu::Event::TrackStalled { peer, .. }
            | sfu::Event::LayersPaused { peer, .. }
            | sfu::Event::SoundOnly { peer, .. }) = &event;
            let handle = lock(&self.inner.peers).get(peer).cloned();
            if let Some(handle) = handle {
                // A room that is gone needs no events.
                let _ = handle.commands.send(Command::Event(event)).await;
            }
        }
    }

    /// Changes of lessons find their room.
    async fn follow(self) {
        let mut changes = self.inner.services.lessons.changes();
        loop {
            let lessons = match changes.recv().await {
                Ok(lesson) => vec![lesson],
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {
                    lock(&self.inner.rooms).keys().copied().collect()
                }
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            };
            for lesson in lessons {
                if let Some(handle) = self.find(lesson) {
                    let _ = handle.commands.send(Command::Reload).await;
                }
            }
        }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(crate) fn peer_of(&self, peer: PeerId, handle: &Handle) {
        lock(&self.inner.peers).insert(peer, handle.clone());
    }

    pub(crate) fn forget_peers(&self, gone: impl IntoIterator<Item = PeerId>) {
        let mut peers = lock(&self.inner.peers);
        for peer in gone {
            peers.remove(&peer);
        }
    }
}

/// A refusal for what the use cases say.
#[must_use]
pub fn refusal_of(error: &Error) -> Refusal {
    use crate::service::tokens::TokenError;
    let code = match error {
        Error::Token(TokenError::Expired) => ErrorCode::TokenExpired,
        Error::Token(TokenError::Revoked) => ErrorCode::Revoked,
        Error::Token(TokenError::Invalid) | Error::SignedOut => ErrorCode::TokenInvalid,
        Error::NotFound(_) => ErrorCode::NoLesson,
        Error::NotOpen => ErrorCode::NotOpen,
        Error::LessonOver => ErrorCode::Ended,
        Error::LessonCancelled => ErrorCode::Cancelled,
        Error::Forbidden(_) | Error::Step(_) => ErrorCode::Forbidden,
        _ => ErrorCode::Internal,
    };
    if code == ErrorCode::Internal {
        tracing::error!(%error, "a room failed");
        return Refusal::new(code, "the server failed; it was logged");
    }
    Refusal::new(code, error.to_string())
}

/// A lock that is never poisoned for long: nothing panics while it is held.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
