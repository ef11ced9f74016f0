//! The room of one lesson: a machine without sockets, clock or engine. Messages, engine answers and time go in; messages,
//! engine requests, steps of the lesson and events for the log come out ([`Room::poll_output`]).
//!
//! - [`ids`]: seats and the ids that follow from them.
//! - `member`: one participant.
//! - `join`: who gets a seat, and what a lost or closed socket means.
//! - `act`: messages of peers, by role.
//! - [`resolve`]: who may see and hear what.
//! - `negotiate`: one media line per peer, one request and one offer at a time.
//! - `view`: what each peer sees, as a snapshot and as changes.
//! - [`tools`]: WHIP publishers and WHEP players.
//! - `events`: what the engine saw.
//! - `words`: what goes in and comes out.

mod act;
mod events;
pub mod ids;
mod join;
mod member;
mod negotiate;
pub mod resolve;
pub mod tools;
mod view;
mod words;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use protocol::id::{LessonId, PeerId, TrackId};
use protocol::media::{MediaKind, Source};
use protocol::signal::{ErrorCode, Lesson, LessonState, Recording, RecordingState, Role, ServerMessage};
use protocol::tap::TrackKey;
use time::OffsetDateTime;

use crate::domain::event::{About, EventKind};
use crate::domain::lesson::Step;

use ids::{Seat, peer_id, track_id, whip_peer};
pub use join::Entry;
use member::Member;
pub use member::{Candidate, SocketId};
pub use words::{Facts, Output, Recorded, Refusal};

/// Changes wait so long for others, so that a bell that brings 40 classrooms is not 40 messages to each of 40.
const FLUSH: time::Duration = time::Duration::milliseconds(15);
/// Reports of how it is at a peer may wait longer.
const FLUSH_REPORTS: time::Duration = time::Duration::milliseconds(250);
/// Most peers with a socket.
const PEERS_MAX: usize = 4_000;
/// Most classrooms on stage.
pub const STAGE_MAX: usize = 8;
/// A seat that was left, or whose line is gone, is held so long before its stage, hand and media line are given up.
const GRACE: time::Duration = time::Duration::seconds(30);

/// When something is due.
#[derive(Default)]
struct Due {
    flush: Option<OffsetDateTime>,
    /// Tracks, stage or state changed: what peers get is to be resolved again.
    media: bool,
    timers: BTreeSet<(OffsetDateTime, PeerId)>,
}

/// The room of one lesson.
pub struct Room {
    lesson: Arc<Lesson>,
    opens_at: OffsetDateTime,
    recording: Recording,
    teacher: PeerId,
    members: BTreeMap<PeerId, Member>,
    sockets: HashMap<SocketId, PeerId>,
    tracks: HashMap<TrackId, (PeerId, Source)>,
    hands: Vec<PeerId>,
    tools: tools::Tools,
    recorded: Vec<Recorded>,
    published: Option<Arc<[resolve::Published]>>,
    /// A step that is being taken, and the actions that wait for it.
    stepping: Option<(Step, Vec<(SocketId, u32)>)>,
    dirty: BTreeSet<PeerId>,
    due: Due,
    out: VecDeque<Output>,
}

impl Room {
    /// The room of a lesson, with nobody in it.
    #[must_use]
    pub fn new(facts: Facts) -> Self {
        let id = facts.lesson.id;
        let teacher = peer_id(id, &Seat::Teacher);
        let mut room = Self {
            lesson: Arc::new(facts.lesson),
            opens_at: facts.opens_at,
            recording: Recording {
                state: RecordingState::Idle,
                bytes: 0,
                duration_ms: 0,
            },
            teacher,
            members: BTreeMap::new(),
            sockets: HashMap::new(),
            tracks: HashMap::new(),
            hands: Vec::new(),
            tools: tools::Tools::default(),
            recorded: Vec::new(),
            published: None,
            stepping: None,
            dirty: BTreeSet::new(),
            due: Due::default(),
            out: VecDeque::new(),
        };
        room.seat(room.desk());
        for source in Source::ALL {
            room.tracks
                .insert(track_id(whip_peer(id), source), (teacher, source));
        }
        for candidate in facts.expected {
            room.seat(candidate);
        }
        room.restate_recorded();
        room
    }

    /// The teacher's desk before anybody sat down.
    fn desk(&self) -> Candidate {
        Candidate {
            seat: Seat::Teacher,
            role: Role::Teacher,
            name: self.lesson.teacher.clone(),
            school: self.lesson.school.clone(),
            classroom: None,
            terminal: None,
            user: None,
            holder: String::new(),
        }
    }

    /// Makes a seat if it is not there.
    fn seat(&mut self, who: Candidate) -> PeerId {
        let id = peer_id(self.lesson.id, &who.seat);
        for source in Source::ALL {
            self.tracks.insert(track_id(id, source), (id, source));
        }
        self.members.entry(id).or_insert_with(|| Member::new(id, who));
        self.dirty.insert(id);
        id
    }

    /// The lesson as it stands.
    #[must_use]
    pub fn lesson(&self) -> &Lesson {
        &self.lesson
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> LessonId {
        self.lesson.id
    }

    /// Sockets in the room.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// Peers of a role that have a socket.
    #[must_use]
    pub fn present(&self, role: Role) -> i64 {
        let here = |member: &&Member| member.who.role == role && member.connection.is_some();
        i64::try_from(self.members.values().filter(here).count()).unwrap_or(i64::MAX)
    }

    /// Nobody is here, by page or by tool.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty() && self.tools.is_empty()
    }

    /// The next thing to do, if there is one.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Room::tick`] is to be called.
    #[must_use]
    pub fn next_deadline(&self) -> Option<OffsetDateTime> {
        let timer = self.due.timers.first().map(|(at, _)| *at);
        [self.due.flush, timer].into_iter().flatten().min()
    }

    /// Does what is due at `now`.
    pub fn tick(&mut self, now: OffsetDateTime) {
        while let Some((at, peer)) = self.due.timers.first().copied() {
            if at > now {
                break;
            }
            self.due.timers.pop_first();
            self.give_up_seat(now, peer);
            self.expire_tool(now, peer);
            self.drive(now, peer);
        }
        if self.due.flush.is_some_and(|at| at <= now) {
            self.flush(now);
        }
    }

    /// The lesson changed: by a step of ours, by the timetable, or by an administrator.
    pub fn lesson_is(&mut self, now: OffsetDateTime, lesson: Lesson) {
        if *self.lesson == lesson {
            return;
        }
        let was = self.lesson.state;
        let over = crate::domain::lesson::over(lesson.state);
        self.lesson = Arc::new(lesson);
        if over && !crate::domain::lesson::over(was) {
            self.end_media();
        }
        self.media_changed(now);
    }

    /// The recording lamp changed.
    pub fn recording_is(&mut self, now: OffsetDateTime, recording: Recording) {
        if self.recording != recording {
            let urgent = self.recording.state != recording.state;
            self.recording = recording;
            self.flush_within(now, if urgent { FLUSH } else { FLUSH_REPORTS });
        }
    }

    /// Asks for a step of the lesson; `by` is told when it is taken.
    pub fn want_step(&mut self, step: Step, by: Option<(SocketId, u32)>) {
        match &mut self.stepping {
            Some((current, waiting)) if *current == step => waiting.extend(by),
            Some(_) => {
                if let Some((socket, id)) = by {
                    let refusal = Refusal::new(ErrorCode::TooFast, "the lesson is just changing: try again");
                    self.refuse(socket, Some(id), refusal, false);
                }
            }
            None => {
                self.stepping = Some((step, by.into_iter().collect()));
                self.out.push_back(Output::Step(step));
            }
        }
    }

    /// A step was taken or refused.
    pub fn stepped(&mut self, now: OffsetDateTime, result: Result<Lesson, Refusal>) {
        let waiting = self
            .stepping
            .take()
            .map(|(_, waiting)| waiting)
            .unwrap_or_default();
        match result {
            Ok(lesson) => {
                self.lesson_is(now, lesson);
                for (socket, id) in waiting {
                    self.send(socket, ServerMessage::Done { id });
                }
            }
            Err(refusal) => {
                for (socket, id) in waiting {
                    self.refuse(socket, Some(id), refusal.clone(), false);
                }
            }
        }
    }

    /// Tells everybody that the server goes away; nobody is left after it.
    pub fn close(&mut self, now: OffsetDateTime, retry_after_ms: u32) {
        let sockets: Vec<_> = self.sockets.keys().copied().collect();
        for socket in sockets {
            self.send(socket, ServerMessage::Closing { retry_after_ms });
            self.out.push_back(Output::Close(socket));
            self.closed(now, socket, false);
        }
    }

    /// Closes the sockets of those who stayed after the end.
    pub fn dismiss(&mut self, now: OffsetDateTime) {
        let sockets: Vec<_> = self.sockets.keys().copied().collect();
        for socket in sockets {
            self.refuse(
                socket,
                None,
                Refusal::new(ErrorCode::Ended, "the lesson is over"),
                true,
            );
            self.closed(now, socket, true);
        }
    }

    fn send(&mut self, socket: SocketId, message: ServerMessage) {
        self.out.push_back(Output::Send {
            socket,
            message: Box::new(message),
        });
    }

    fn refuse(&mut self, socket: SocketId, id: Option<u32>, refusal: Refusal, fatal: bool) {
        let Refusal { code, message } = refusal;
        self.send(
            socket,
            ServerMessage::Error {
                id,
                code,
                message,
                fatal,
            },
        );
        if fatal {
            self.out.push_back(Output::Close(socket));
        }
    }

    fn log(&mut self, now: OffsetDateTime, kind: EventKind, peer: PeerId) {
        let about = self
            .members
            .get(&peer)
            .map_or_else(About::default, |member| About {
                classroom: member.who.classroom,
                user: member.who.user,
            });
        self.out.push_back(Output::Log { kind, about, at: now });
    }

    fn flush_within(&mut self, now: OffsetDateTime, wait: time::Duration) {
        let at = now + wait;
        self.due.flush = Some(self.due.flush.map_or(at, |before| before.min(at)));
    }

    /// A peer looks different to others.
    fn touch(&mut self, now: OffsetDateTime, peer: PeerId, wait: time::Duration) {
        self.dirty.insert(peer);
        self.flush_within(now, wait);
    }

    /// What peers get is to be resolved again.
    fn media_changed(&mut self, now: OffsetDateTime) {
        self.published = None;
        self.due.media = true;
        self.flush_within(now, FLUSH);
    }

    /// The tracks to record: all of the teacher's, and picture and sound of those on stage.
    fn restate_recorded(&mut self) {
        let lesson = self.lesson.id;
        let mut recorded = Vec::new();
        if self.lesson.state == LessonState::Live {
            let name = self.members[&self.teacher].who.name.clone();
            for publisher in [self.teacher, whip_peer(lesson)] {
                for source in Source::ALL {
                    let key = TrackKey {
                        who: "teacher".to_owned(),
                        name: name.clone(),
                        source,
                    };
                    recorded.push(Recorded {
                        track: track_id(publisher, source),
                        key,
                    });
                }
            }
            for member in self.members.values().filter(|member| member.on_stage) {
                let id = member.who.classroom.map_or(member.id.0, |classroom| classroom.0);
                let who = format!("classroom-{}", file_word(id));
                for source in [Source::Camera, Source::Microphone] {
                    if source.kind() == MediaKind::Audio && member.silenced {
                        continue;
                    }
                    let key = TrackKey {
                        who: who.clone(),
                        name: member.who.name.clone(),
                        source,
                    };
                    recorded.push(Recorded {
                        track: track_id(member.id, source),
                        key,
                    });
                }
            }
        }
        if recorded != self.recorded {
            self.recorded.clone_from(&recorded);
            self.out.push_back(Output::Record(recorded));
        }
    }
}

/// Eight digits of an id that tell it apart in a file name. Those of its end: ids made in the same minute begin alike.
fn file_word(id: uuid::Uuid) -> String {
    let digits = id.simple().to_string();
    digits[digits.len() - 8..].to_owned()
}
