//! What a peer wants.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::id::PeerId;
use crate::media::Source;

/// What a peer wants, whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Wish {
    /// Tracks to publish, at most one per source.
    pub publish: Vec<PublishWish>,
    /// What to see and hear; the server resolves it as tracks come and go. The first matching rule of a track counts.
    pub watch: Vec<WatchRule>,
    /// The device decodes as much in time as one picture of so many lines, all pictures together; 0 is no bound.
    #[serde(default)]
    #[ts(as = "Option<u16>", optional)]
    pub decodes: u16,
}

/// A track to publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PublishWish {
    /// Which.
    pub source: Source,
    /// The publisher has silenced it; others are told.
    #[serde(default)]
    pub muted: bool,
}

/// Selects tracks to receive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct WatchRule {
    /// Whose tracks.
    pub who: Who,
    /// Which of them; all when empty.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// Height on screen in physical pixels; 0 where it is not shown or unknown.
    #[serde(default)]
    pub height: u16,
    /// 0 (first to be given up) to 255.
    #[serde(default)]
    pub priority: u8,
}

/// Whose tracks a rule selects. What a role may see at all is the server's to decide: a classroom gets the teacher and the
/// stage, a teacher and an observer all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Who {
    /// The teacher's tracks.
    Teacher,
    /// Tracks of classrooms on stage.
    Stage,
    /// Tracks of all classrooms. Their sound is sent only while on stage.
    Classrooms,
    /// Tracks of one peer.
    Peer(PeerId),
}
