//! Bodies of the REST API under `/api/v1`. `tongke openapi` prints the whole description.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::id::{ClassroomId, LessonId, SchoolId, TerminalId, UserId};
use crate::media::{MediaKind, Source, Transport};
use crate::signal::{IceServer, LessonState, RecordingState, Role};

/// What a person may do in the district.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserRole {
    /// Teaches lessons.
    Teacher,
    /// Searches and replays lessons, observes live.
    Researcher,
    /// Manages places, people and pairing.
    Administrator,
}

/// An error, the same for every route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// For programs, e.g. `lesson_not_open`; pages have a text for each.
    pub code: String,
    /// What happened and what to do, in English.
    pub message: String,
}

/// `POST /api/v1/session`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SignIn {
    /// Account name.
    pub account: String,
    /// Password.
    pub password: String,
}

/// `GET /api/v1/session`: who is signed in, 401 when nobody is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The person.
    pub user: User,
    /// The server's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub now: OffsetDateTime,
    /// The server runs with `--demo`.
    pub demo: bool,
}

/// A person who can sign in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// Account name.
    pub account: String,
    /// Full name.
    pub name: String,
    /// What the person may do.
    pub roles: Vec<UserRole>,
    /// The person's school.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub school: Option<School>,
}

/// A school.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct School {
    /// Id.
    pub id: SchoolId,
    /// Name.
    pub name: String,
    /// Name of its region.
    pub region: String,
}

/// A classroom of a lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Classroom {
    /// Id.
    pub id: ClassroomId,
    /// Name.
    pub name: String,
    /// Its school.
    pub school: School,
}

/// A lesson. `GET /api/v1/lessons?from=&to=` lists one's own (an administrator or researcher: all), by start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Lesson {
    /// Id.
    pub id: LessonId,
    /// What is taught.
    pub title: String,
    /// Subject.
    pub subject: String,
    /// Grade.
    pub grade: String,
    /// Teacher's name.
    pub teacher: String,
    /// Teacher's school.
    pub school: School,
    /// State.
    pub state: LessonState,
    /// By the timetable.
    #[serde(with = "time::serde::rfc3339")]
    pub starts_at: OffsetDateTime,
    /// By the timetable.
    #[serde(with = "time::serde::rfc3339")]
    pub ends_at: OffsetDateTime,
    /// When it went live.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub live_since: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub ended_at: Option<OffsetDateTime>,
    /// Who attends.
    pub classrooms: Vec<Classroom>,
    /// There is something to replay.
    pub replayable: bool,
}

/// `GET /api/v1/lessons`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Lessons {
    /// By start.
    pub lessons: Vec<Lesson>,
    /// The server's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub now: OffsetDateTime,
}

/// `POST /api/v1/lessons/{lesson}/join`, by a person's session or a terminal's: what `hello` needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JoinGrant {
    /// Short-lived, for one lesson.
    pub token: String,
    /// What it allows.
    pub role: Role,
    /// When it expires; a socket that is up stays up.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// The lesson.
    pub lesson: Lesson,
}

/// `POST /api/v1/terminal/pair`. The answer sets the terminal's cookie.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Pair {
    /// Six digits.
    pub code: String,
}

/// `POST /api/v1/terminal/claim`: the code that a device shows, so that an administrator pairs it. The answer sets a cookie, by
/// which the device asks `GET /api/v1/terminal/claim` whether it was paired.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Claim {
    /// Six digits.
    pub code: String,
    /// When it lapses; then another is to be asked for.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// The server's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub now: OffsetDateTime,
}

/// `POST /api/v1/claims/{code}`: where the device that shows this code stands.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PairClaim {
    /// The classroom.
    pub classroom: ClassroomId,
}

/// `GET /api/v1/terminal`, and each `state` event of `GET /api/v1/terminal/events` (server-sent events; at once, on every
/// change and every 15 s). 401 when the terminal is not paired or was revoked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TerminalState {
    /// Id.
    pub terminal: TerminalId,
    /// Where it stands.
    pub classroom: Classroom,
    /// The server's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub now: OffsetDateTime,
    /// The lesson to be in now: open or live.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub current: Option<Lesson>,
    /// The next lessons, by start, at most three.
    pub upcoming: Vec<Lesson>,
}

/// `GET /api/v1/classrooms`, for administrators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassroomDetail {
    /// The classroom.
    #[serde(flatten)]
    pub classroom: Classroom,
    /// Pairing code that waits to be used. `POST /api/v1/classrooms/{classroom}/pairing-code` makes another.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pairing_code: Option<String>,
    /// Paired devices.
    pub terminals: Vec<Terminal>,
}

/// A paired device. `DELETE /api/v1/terminals/{terminal}` revokes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Terminal {
    /// Id.
    pub id: TerminalId,
    /// When it was paired.
    #[serde(with = "time::serde::rfc3339")]
    pub paired_at: OffsetDateTime,
    /// When it was last seen.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub seen_at: Option<OffsetDateTime>,
}

/// `GET /api/v1/recordings?search=&subject=&grade=&teacher=&school=&sort=&page=`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recordings {
    /// One page.
    pub recordings: Vec<RecordingSummary>,
    /// How many match.
    pub total: u64,
    /// From 1.
    pub page: u32,
    /// On a page.
    pub page_size: u32,
    /// Values to filter by, of all recordings one may see.
    pub facets: Facets,
}

/// Values to filter by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Facets {
    /// Subjects.
    pub subjects: Vec<String>,
    /// Grades.
    pub grades: Vec<String>,
    /// Teachers.
    pub teachers: Vec<String>,
    /// Schools.
    pub schools: Vec<String>,
}

/// A recording in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecordingSummary {
    /// Its lesson.
    pub lesson: Lesson,
    /// Its state; one that is still written is listed too.
    pub state: RecordingState,
    /// Length in ms.
    pub duration_ms: u64,
    /// On disk.
    pub bytes: u64,
    /// Poster picture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub poster_url: Option<String>,
}

/// `GET /api/v1/recordings/{lesson}`: what a player needs. Addresses are signed and need no header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Replay {
    /// The summary.
    #[serde(flatten)]
    pub summary: RecordingSummary,
    /// For any HLS player: the teacher's sound and main picture.
    pub master_url: String,
    /// Each recorded track by itself. All have the same time axis.
    pub tracks: Vec<ReplayTrack>,
    /// What happened, by time.
    pub chapters: Vec<Chapter>,
}

/// A recorded track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayTrack {
    /// E.g. `teacher-camera`.
    pub key: String,
    /// The publisher's name.
    pub name: String,
    /// What it is.
    pub source: Source,
    /// Audio or video.
    pub kind: MediaKind,
    /// Its HLS media playlist.
    pub playlist_url: String,
    /// Of the last epoch; 0 for audio.
    pub width: u32,
    /// Of the last epoch; 0 for audio.
    pub height: u32,
    /// Where there is media rather than filling: pairs of class time in ms.
    pub spans: Vec<[u64; 2]>,
}

/// `POST /api/v1/probe`: begins a measurement of the line from here to the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeOffer {
    /// SDP with one video section that only receives.
    pub sdp: String,
}

/// A measurement that was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeAnswer {
    /// Its name in `/api/v1/probe/{id}`.
    pub id: String,
    /// SDP. Its candidates are those of one of the server's threads.
    pub sdp: String,
    /// Ports of all threads, for UDP and TCP alike.
    pub ports: Vec<u16>,
    /// The server takes TCP at these ports too.
    pub tcp: bool,
    /// Relays on the port of HTTPS, for as long as it lasts.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ice_servers: Vec<IceServer>,
    /// After this time it ends by itself.
    pub lasts_ms: u32,
}

/// What was measured so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeState {
    /// What it runs over; absent before media passes.
    pub transport: Option<Transport>,
    /// Loss on the way to the client, in 1/1000.
    pub loss_permille: u16,
    /// Round trip in ms; 0 is unknown.
    pub rtt_ms: u16,
    /// How much the delay differs from packet to packet, in ms.
    pub jitter_ms: u16,
    /// Bits per second that pass to the client, as far as was looked for; absent while nothing is known.
    pub down_bps: Option<u64>,
    /// It looks for no more than this.
    pub most_bps: u64,
}

/// Something that happened, at a moment of the replay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Chapter {
    /// Class time in ms.
    pub at_ms: u64,
    /// What.
    pub kind: ChapterKind,
    /// Which classroom, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub classroom: Option<String>,
}

/// What a chapter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChapterKind {
    /// The lesson went live.
    Live,
    /// A classroom came on stage.
    OnStage,
    /// A classroom left the stage.
    OffStage,
    /// A classroom raised its hand.
    HandRaised,
    /// The screen or the document camera came up.
    MaterialShown,
    /// The recording was interrupted and went on.
    Interrupted,
    /// The lesson ended.
    End,
}
