//! What a peer and the server say to each other on `/signal`: one WebSocket per peer, JSON text messages.
//!
//! The client states what it wants, whole, as often as it likes ([`Wish`]). The server answers with a whole snapshot
//! ([`ServerMessage::Welcome`]) that already carries the media offer, then with changes. A client that reconnects says
//! the same `hello` again; its seat is held for the whole lesson. The server always makes the offer, so there is no glare.
//! docs/PROTOCOL.md describes it for implementers.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use ts_rs::TS;
use utoipa::ToSchema;

use crate::id::{ClassroomId, LessonId, PeerId, TrackId};
use crate::media::{MediaKind, Source};

/// The version of this protocol; a server refuses a `hello` with another with [`ErrorCode::Version`].
pub const VERSION: u32 = 1;

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

/// A message from a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum ClientMessage {
    /// The first message of a socket.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// Join token of `POST /api/v1/lessons/{lesson}/join` or `tongke token`.
        token: String,
        /// One tab or program: made once when the page loads and kept over reconnects. Another instance in the same seat
        /// takes the seat over.
        instance: String,
        /// Take the seat even when another instance holds it and is alive. A page sets it at load and clears it after it
        /// was told [`ErrorCode::SeatTaken`], so that two tabs do not fight.
        #[serde(default)]
        take_over: bool,
        /// The last revision this instance saw, for the log; 0 at first.
        #[serde(default)]
        revision: u64,
        /// What the peer wants.
        wish: Wish,
    },
    /// What the peer wants now, whole. Answered by an `offer` when media changes.
    Wish {
        /// The wish.
        wish: Wish,
    },
    /// Answer to the offer with the same number. Answers to older offers are ignored.
    Answer {
        /// [`Offer::negotiation`].
        negotiation: u32,
        /// SDP.
        sdp: String,
    },
    /// Something a person did. Answered by `done` or `error` with the same `id`.
    Act {
        /// Chosen by the client.
        id: u32,
        /// What was done.
        action: Action,
    },
    /// How it is at the peer, about every 2 s and at once on a change.
    Report {
        /// The report.
        report: Report,
    },
    /// The media connection failed and a fresh one is wanted. Answered by an `offer` with `fresh`.
    Restart {},
    /// Asks for a `pong`.
    Ping {
        /// Returned as it is.
        id: u32,
    },
}

/// What a peer wants, whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Wish {
    /// Tracks to publish, at most one per source.
    pub publish: Vec<PublishWish>,
    /// What to see and hear; the server resolves it as tracks come and go. The first matching rule of a track counts.
    pub watch: Vec<WatchRule>,
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

/// Something a person did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "do", rename_all = "snake_case")]
#[ts(export)]
pub enum Action {
    /// Teacher: the lesson is live from now.
    Start {},
    /// Teacher: the lesson is over.
    End {},
    /// Teacher: bring a classroom on stage or take it off.
    Stage {
        /// The classroom's peer.
        peer: PeerId,
        /// On or off.
        on: bool,
    },
    /// Classroom: raise or lower the hand. Teacher: lower a classroom's hand (`peer`).
    Hand {
        /// Up or down.
        up: bool,
        /// Whose, when it is not one's own.
        #[serde(default)]
        #[ts(optional)]
        peer: Option<PeerId>,
    },
    /// Teacher: silence a classroom on stage, or lift it.
    Silence {
        /// The classroom's peer.
        peer: PeerId,
        /// Silenced or not.
        on: bool,
    },
    /// Classroom: call for help, or say that it is solved.
    Help {
        /// Wanted or solved.
        wanted: bool,
    },
    /// Teacher: show a short text on a classroom's screen, or on all.
    Message {
        /// To whom; all when absent.
        #[serde(default)]
        #[ts(optional)]
        peer: Option<PeerId>,
        /// At most 200 characters.
        text: String,
    },
}

/// How it is at a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct Report {
    /// Sound of the teacher is being played; absent when there is none to play.
    pub hears: Option<bool>,
    /// Pictures of the teacher are being decoded; absent when there is none to show.
    pub sees: Option<bool>,
    /// Loss of the last seconds in 1/1000.
    pub loss_permille: u16,
    /// Round trip time in ms.
    pub rtt_ms: u16,
    /// Total time of frozen picture since the join in ms.
    pub frozen_ms: u32,
    /// Level of the peer's own microphone, 0 to 100, also while it is muted.
    pub microphone_level: u8,
    /// The camera gives pictures; absent when there is no camera.
    pub camera_works: Option<bool>,
    /// The microphone gives sound; absent when there is no microphone.
    pub microphone_works: Option<bool>,
}

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

/// A media offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Offer {
    /// Rises with each offer; the answer repeats it.
    pub negotiation: u32,
    /// A new connection: close the old RTCPeerConnection and make another.
    pub fresh: bool,
    /// SDP.
    pub sdp: String,
    /// What each media section is for. Sections not listed are inactive.
    pub sections: Vec<Section>,
}

/// What a media section is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Section {
    /// Its `a=mid`.
    pub mid: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// The peer sends this source of its own in it, or receives that track.
    #[serde(flatten)]
    pub use_: SectionUse,
}

/// Direction of a media section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "direction", rename_all = "snake_case")]
#[ts(export)]
pub enum SectionUse {
    /// The peer sends.
    Send {
        /// Its own source.
        source: Source,
    },
    /// The peer receives.
    Receive {
        /// The track.
        track: TrackId,
        /// Whose it is.
        peer: PeerId,
        /// What it is.
        source: Source,
    },
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
    /// The room or the server is full.
    Full,
    /// Too many messages.
    TooFast,
    /// What it refers to is not here.
    NotFound,
    /// The server's own fault.
    Internal,
}
