//! What a room is made from, and what it wants done.

use protocol::id::{PeerId, TrackId};
use protocol::signal::{ErrorCode, Lesson, ServerMessage};
use protocol::tap::TrackKey;
use sfu::{MediaWish, WatchTrack};
use time::OffsetDateTime;

use super::member::{Candidate, SocketId};
use crate::domain::event::{About, EventKind};
use crate::domain::lesson::Step;

/// Why something was refused, for the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// What happened and what to do, in English.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// A track that is recorded, and under which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The engine's id.
    pub track: TrackId,
    /// Names it over the whole lesson.
    pub key: TrackKey,
}

/// What the room wants done.
#[derive(Debug)]
pub enum Output {
    /// A message for a socket.
    Send {
        /// Which.
        socket: SocketId,
        /// What.
        message: Box<ServerMessage>,
    },
    /// Close a socket after what was sent to it.
    Close(SocketId),
    /// State a peer's media to the engine; answered by [`super::Room::negotiated`].
    Negotiate {
        /// Whose.
        peer: PeerId,
        /// What.
        wish: MediaWish,
        /// A new connection.
        fresh: bool,
    },
    /// Give a peer's answer to the engine; answered by [`super::Room::answered`].
    Answer {
        /// Whose.
        peer: PeerId,
        /// Which offer.
        negotiation: u32,
        /// SDP.
        sdp: String,
    },
    /// Take a peer out of the engine; answered by [`super::Room::removed`].
    Remove(PeerId),
    /// Take a WHIP or WHEP peer out of the engine.
    RemoveTool(PeerId),
    /// Give a WHEP player other tracks.
    Rewire {
        /// Whose.
        peer: PeerId,
        /// What.
        watch: Vec<WatchTrack>,
    },
    /// These tracks are to be recorded from now on.
    Record(Vec<Recorded>),
    /// Move the lesson on; answered by [`super::Room::stepped`].
    Step(Step),
    /// Write to the event log.
    Log {
        /// What happened.
        kind: EventKind,
        /// About whom.
        about: About,
        /// When.
        at: OffsetDateTime,
    },
    /// The lesson is over: end all media.
    CloseMedia,
}

/// What a room is made from.
#[derive(Clone)]
pub struct Facts {
    /// The lesson.
    pub lesson: Lesson,
    /// From when classrooms may join.
    pub opens_at: OffsetDateTime,
    /// Who is expected.
    pub expected: Vec<Candidate>,
}
