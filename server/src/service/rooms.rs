//! What the use cases ask of the live rooms. `crate::room` answers.

use std::future::Future;
use std::pin::Pin;

use protocol::id::{LessonId, TerminalId};
use protocol::signal::Recording;
use tokio::time::Instant;

/// The live rooms, as the rest of the server sees them. Every call returns at once but [`Rooms::shutdown`].
pub trait Rooms: Send + Sync + 'static {
    /// The lesson ended or was cancelled: tell its peers, close the recording whole, then call
    /// [`crate::service::lessons::Lessons::archive`]. Asked more than once, also by the room's own doing.
    fn end_lesson(&self, lesson: LessonId);

    /// The recording of a lesson whose recorder runs.
    fn live_recording(&self, lesson: LessonId) -> Option<Recording>;

    /// A terminal's pairing was revoked: its peers are told and put out.
    fn terminal_revoked(&self, terminal: TerminalId);

    /// The server goes away: tell every peer ([`protocol::signal::ServerMessage::Closing`]) and let recorders write what
    /// they have. Lessons stay live. Returns when done or at the deadline.
    fn shutdown(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Metrics of rooms and engine in the Prometheus text format.
    fn metrics_text(&self) -> String;

    /// Whether media can be served, for `/readyz`.
    fn ready(&self) -> bool;
}

/// No live side: for tests of what needs none.
#[derive(Debug, Default)]
pub struct NoRooms;

impl Rooms for NoRooms {
    fn end_lesson(&self, _: LessonId) {}

    fn live_recording(&self, _: LessonId) -> Option<Recording> {
        None
    }

    fn terminal_revoked(&self, _: TerminalId) {}

    fn shutdown(&self, _: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    fn metrics_text(&self) -> String {
        String::new()
    }

    fn ready(&self) -> bool {
        true
    }
}
