//! What the server says.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use ts_rs::TS;

use super::offer::{IceServer, Offer};
use super::room::{Lesson, Peer, Recording, Role, Room};
use crate::id::PeerId;
use crate::media::Source;

/// A message from the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum ServerMessage {
    /// Answer to `hello`: the whole state, and the offer when there is media to negotiate.
    Welcome {
        /// One more each time the peer's seat is taken, by the same instance too.
        epoch: u32,
        /// The peer's own id.
        peer: PeerId,
        /// What it may do.
        role: Role,
        /// The server's clock, for the page's.
        #[serde(with = "time::serde::rfc3339")]
        #[ts(type = "string")]
        now: OffsetDateTime,
        /// The room as this peer may see it.
        room: Room,
        /// The media offer.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        #[ts(optional)]
        offer: Option<Offer>,
        /// Relays on the port of HTTPS, for connections from now on.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        #[ts(as = "Option<Vec<IceServer>>", optional)]
        ice_servers: Vec<IceServer>,
    },
    /// What changed since the revision before.
    Change {
        /// Rises by one per change a peer is sent.
        revision: u64,
        /// The change.
        change: Change,
    },
    /// Media is to be negotiated anew.
    Offer {
        /// The offer.
        offer: Offer,
    },
    /// The peer's line changed: it carries nothing but sound now, or pictures again.
    Line {
        /// Its pictures are given up until the line is better.
        sound_only: bool,
    },
    /// Layers of what the peer sends that nobody takes: it pauses these, and sends all others.
    Layers {
        /// Of which source.
        source: Source,
        /// Names of the layers (`rid` in the offer).
        paused: Vec<String>,
    },
    /// An action was carried out.
    Done {
        /// The action's.
        id: u32,
    },
    /// Something was refused.
    Error {
        /// The action's, when it answers one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        #[ts(optional)]
        id: Option<u32>,
        /// What, for programs; pages have a text for each.
        code: ErrorCode,
        /// What, for a log, in English.
        message: String,
        /// The socket is closed after it, and the same `hello` would be refused again.
        fatal: bool,
    },
    /// The teacher shows a text.
    Message {
        /// The text.
        text: String,
    },
    /// The server is going away; say `hello` again after that time.
    Closing {
        /// In ms.
        retry_after_ms: u32,
    },
    /// Answer to `ping`.
    Pong {
        /// The ping's.
        id: u32,
    },
}

/// A change of the room. Peers are replaced whole by id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Change {
    /// The lesson changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[ts(optional)]
    pub lesson: Option<Lesson>,
    /// The lamp changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[ts(optional)]
    pub recording: Option<Recording>,
    /// Peers that are new or changed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[ts(as = "Option<Vec<Peer>>", optional)]
    pub peers: Vec<Peer>,
    /// Peers this one no longer sees.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[ts(as = "Option<Vec<PeerId>>", optional)]
    pub gone: Vec<PeerId>,
    /// Observers now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[ts(optional)]
    pub observers: Option<u32>,
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ErrorCode {
    /// Another protocol version: reload the page.
    Version,
    /// The token is wrong.
    TokenInvalid,
    /// The token is too old: ask for another.
    TokenExpired,
    /// The terminal's pairing was revoked.
    Revoked,
    /// There is no such lesson.
    NoLesson,
    /// The lesson is not open yet.
    NotOpen,
    /// The lesson is over.
    Ended,
    /// The lesson was cancelled.
    Cancelled,
    /// Another tab or program took this seat.
    SeatTaken,
    /// Another teacher teaches this lesson.
    TeacherPresent,
    /// The role may not do that.
    Forbidden,
    /// The message cannot be read.
    Malformed,
    /// The SDP cannot be used.
    Sdp,
    /// The classroom sees the lesson late: it cannot come on stage.
    Delayed,
    /// The room or the server is full.
    Full,
    /// Too many messages.
    TooFast,
    /// What it refers to is not here.
    NotFound,
    /// The server's own fault.
    Internal,
}
