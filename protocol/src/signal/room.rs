//! The room of a lesson, as its peers see it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use ts_rs::TS;
use utoipa::ToSchema;

use super::client::Report;
use crate::id::{ClassroomId, LessonId, PeerId, TrackId};
use crate::media::Source;

/// What a peer may do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Role {
    /// Teaches: publishes, brings classrooms on stage, starts and ends the lesson.
    Teacher,
    /// A rural classroom: sees and hears, may be brought on stage.
    Classroom,
    /// Sees and hears unseen.
    Observer,
}

/// The states of a lesson. Its transitions are in the server's `domain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum LessonState {
    /// In the timetable.
    Scheduled,
    /// Classrooms may join; the teacher prepares.
    Open,
    /// Being taught.
    Live,
    /// Over; its recording is being closed.
    Ended,
    /// Over and in the library (or over without a recording).
    Archived,
    /// Will not take place.
    Cancelled,
}

/// The room as a peer may see it. Classrooms do not see other classrooms that are not on stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Room {
    /// The revision of this snapshot.
    pub revision: u64,
    /// The lesson.
    pub lesson: Lesson,
    /// Recording lamp.
    pub recording: Recording,
    /// Those who are or were here, and for the teacher those who are expected.
    pub peers: Vec<Peer>,
    /// Observers now; 0 is said to classrooms.
    pub observers: u32,
}

/// The lesson of a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Lesson {
    /// Its id.
    pub id: LessonId,
    /// Its state.
    pub state: LessonState,
    /// What is taught.
    pub title: String,
    /// Subject, as in the timetable.
    pub subject: String,
    /// Grade, as in the timetable.
    pub grade: String,
    /// The teacher's name.
    pub teacher: String,
    /// The teacher's school.
    pub school: String,
    /// By the timetable.
    #[serde(with = "time::serde::rfc3339")]
    #[ts(type = "string")]
    pub starts_at: OffsetDateTime,
    /// By the timetable.
    #[serde(with = "time::serde::rfc3339")]
    #[ts(type = "string")]
    pub ends_at: OffsetDateTime,
    /// When it went live.
    #[serde(with = "time::serde::rfc3339::option", default)]
    #[ts(type = "string | null")]
    pub live_since: Option<OffsetDateTime>,
}

/// State of the recording lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum RecordingState {
    /// Nothing to record yet.
    Idle,
    /// The recorder is there but no byte is on disk yet, or it is being restarted.
    Starting,
    /// Bytes are on disk and more are coming.
    Recording,
    /// On, but the disk's reserve is near.
    DiskLow,
    /// Stopped for lack of space: the lesson goes on, unrecorded.
    DiskFull,
    /// The recorder fails again and again; it is still being tried.
    Failed,
    /// Closed whole.
    Finished,
}

/// The recording lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct Recording {
    /// Its state.
    pub state: RecordingState,
    /// On disk.
    pub bytes: u64,
    /// Length on disk in ms.
    pub duration_ms: u64,
}

/// A participant as others see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Peer {
    /// Its id.
    pub id: PeerId,
    /// What it may do.
    pub role: Role,
    /// Name of the classroom or the person; what tells apart first.
    pub name: String,
    /// Name of the school.
    pub school: String,
    /// The classroom.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[ts(optional)]
    pub classroom: Option<ClassroomId>,
    /// Whether it is here.
    pub presence: Presence,
    /// Since when, for [`Presence`].
    #[serde(with = "time::serde::rfc3339::option", default)]
    #[ts(type = "string | null")]
    pub since: Option<OffsetDateTime>,
    /// Heard and seen by all.
    pub on_stage: bool,
    /// Silenced by the teacher.
    pub silenced: bool,
    /// Place in the row of raised hands, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[ts(optional)]
    pub hand: Option<u32>,
    /// Calls for help.
    pub help: bool,
    /// How it is there.
    pub report: Report,
    /// What it publishes.
    pub tracks: Vec<Track>,
}

/// Whether a peer is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Presence {
    /// By the timetable, but not seen yet.
    Expected,
    /// Signalling and media are up.
    Present,
    /// Signalling is up, media is not.
    NoMedia,
    /// Was here, and its line is gone.
    Lost,
    /// Left by itself.
    Left,
}

/// A published track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Track {
    /// Its id.
    pub id: TrackId,
    /// What it is.
    pub source: Source,
    /// Silenced by its publisher.
    pub muted: bool,
    /// Media is coming in.
    pub flowing: bool,
}
