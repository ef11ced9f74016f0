//! What a peer and the server say to each other on `/signal`: one WebSocket per peer, JSON text messages.
//!
//! The client states what it wants, whole, as often as it likes ([`Wish`]). The server answers with a whole snapshot
//! ([`ServerMessage::Welcome`]) that already carries the media offer, then with changes. A client that reconnects says
//! the same `hello` again; its seat is held for the whole lesson. The server always makes the offer, so there is no glare.
//! docs/PROTOCOL.md describes it for implementers.

mod client;
mod offer;
mod room;
mod server;
mod wish;

pub use client::{Action, ClientMessage, Report};
pub use offer::{IceServer, Offer, Section, SectionUse};
pub use room::{Lesson, LessonState, Peer, Presence, Recording, RecordingState, Role, Room, Track};
pub use server::{Change, ErrorCode, ServerMessage};
pub use wish::{PublishWish, WatchRule, Who, Wish};

/// The version of this protocol; a server refuses a `hello` with another with [`ErrorCode::Version`].
pub const VERSION: u32 = 1;
