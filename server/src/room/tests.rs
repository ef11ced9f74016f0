//! The machine of a room by cases; the engine is played by the test.

mod apply;
mod joining;
mod properties;
mod stage;
mod tools;

use std::collections::HashMap;

use protocol::id::{ClassroomId, LessonId, PeerId, TerminalId, UserId};
use protocol::media::Source;
use protocol::signal::{
    Action, ClientMessage, ErrorCode, Lesson, LessonState, Peer, PublishWish, Role, Room as Snapshot,
    ServerMessage, WatchRule, Who, Wish,
};
use sfu::{MediaWish, SectionPlan, SessionOffer};
use time::OffsetDateTime;

use super::ids::{Seat, peer_id};
use super::{Candidate, Entry, Facts, Output, Recorded, Refusal, Room, SocketId};
use crate::domain::event::EventKind;
use crate::domain::lesson::Step;

/// A room with clients that keep what they are sent, and an engine that answers when it is told to.
pub(super) struct Stage {
    pub(super) room: Room,
    pub(super) now: OffsetDateTime,
    pub(super) classrooms: Vec<ClassroomId>,
    next_socket: u64,
    pub(super) inbox: HashMap<SocketId, Vec<ServerMessage>>,
    pub(super) closed: Vec<SocketId>,
    pub(super) snapshots: HashMap<SocketId, Snapshot>,
    pub(super) asked: Vec<(PeerId, MediaWish, bool)>,
    pub(super) answered: Vec<(PeerId, u32)>,
    pub(super) removed: Vec<PeerId>,
    pub(super) rewired: Vec<(PeerId, Vec<sfu::WatchTrack>)>,
    pub(super) recorded: Vec<Recorded>,
    pub(super) logged: Vec<EventKind>,
    pub(super) negotiation: u32,
    /// The engine answers at once.
    pub(super) prompt: bool,
}

pub(super) fn lesson(state: LessonState, now: OffsetDateTime) -> Lesson {
    Lesson {
        id: LessonId::new(),
        state,
        title: "分数的初步认识".to_owned(),
        subject: "数学".to_owned(),
        grade: "三年级".to_owned(),
        teacher: "王老师".to_owned(),
        school: "实验小学".to_owned(),
        starts_at: now,
        ends_at: now + time::Duration::hours(1),
        live_since: (state == LessonState::Live).then_some(now),
    }
}

impl Stage {
    pub(super) fn new(state: LessonState, classrooms: usize) -> Self {
        let now = OffsetDateTime::from_unix_timestamp(1_790_000_000).expect("a time");
        let classrooms: Vec<_> = (0..classrooms).map(|_| ClassroomId::new()).collect();
        let facts = Facts {
            lesson: lesson(state, now),
            opens_at: now + time::Duration::minutes(5),
            expected: classrooms.iter().map(|id| classroom(*id)).collect(),
        };
        let mut stage = Self {
            room: Room::new(facts),
            now,
            classrooms,
            next_socket: 1,
            inbox: HashMap::new(),
            closed: Vec::new(),
            snapshots: HashMap::new(),
            asked: Vec::new(),
            answered: Vec::new(),
            removed: Vec::new(),
            rewired: Vec::new(),
            recorded: Vec::new(),
            logged: Vec::new(),
            negotiation: 0,
            prompt: true,
        };
        stage.run();
        stage
    }

    /// Does what the room wants, as server and engine would.
    pub(super) fn run(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Send { socket, message } => self.deliver(socket, *message),
                Output::Close(socket) => self.closed.push(socket),
                Output::Negotiate { peer, wish, fresh } => {
                    self.asked.push((peer, wish, fresh));
                    if self.prompt {
                        self.engine_offers();
                    }
                }
                Output::Answer {
                    peer, negotiation, ..
                } => {
                    self.answered.push((peer, negotiation));
                    self.room.answered(self.now, peer, Ok(()));
                }
                Output::Remove(peer) => {
                    self.removed.push(peer);
                    self.room.removed(self.now, peer);
                }
                Output::RemoveTool(peer) => self.removed.push(peer),
                Output::Rewire { peer, watch } => self.rewired.push((peer, watch)),
                Output::Record(recorded) => self.recorded = recorded,
                Output::Log { kind, .. } => self.logged.push(kind),
                Output::Step(step) => self.step(step),
                Output::CloseMedia => {}
            }
        }
    }

    fn step(&mut self, step: Step) {
        let mut lesson = self.room.lesson().clone();
        lesson.state = if step == Step::Start {
            LessonState::Live
        } else {
            LessonState::Ended
        };
        lesson.live_since = lesson.live_since.or(Some(self.now));
        self.room.stepped(self.now, Ok(lesson));
    }

    /// The engine answers the last thing it was asked, with a section per track.
    pub(super) fn engine_offers(&mut self) {
        let Some((peer, wish, fresh)) = self.asked.last().cloned() else {
            return;
        };
        self.negotiation += 1;
        let sent = wish
            .publish
            .iter()
            .map(|track| (track.track, track.source.kind(), true));
        let received = wish.watch.iter().map(|track| (track.track, track.kind, false));
        let sections = sent
            .chain(received)
            .enumerate()
            .map(|(mid, (track, kind, from_peer))| SectionPlan {
                mid: mid.to_string(),
                track,
                kind,
                from_peer,
            })
            .collect();
        let offer = SessionOffer {
            negotiation: self.negotiation,
            fresh,
            sdp: "v=0".to_owned(),
            sections,
        };
        self.room.negotiated(self.now, peer, Ok(Some(offer)));
    }

    fn deliver(&mut self, socket: SocketId, message: ServerMessage) {
        match &message {
            ServerMessage::Welcome { room, .. } => {
                self.snapshots.insert(socket, room.clone());
            }
            ServerMessage::Change { revision, change } => {
                let snapshot = self
                    .snapshots
                    .get_mut(&socket)
                    .expect("a change follows a welcome");
                assert_eq!(*revision, snapshot.revision + 1, "revisions have no gap");
                apply::apply(snapshot, *revision, change.clone());
            }
            _ => {}
        }
        self.inbox.entry(socket).or_default().push(message);
    }

    /// Time goes on; what is due is done.
    pub(super) fn wait(&mut self, wait: time::Duration) {
        let end = self.now + wait;
        while let Some(at) = self.room.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.room.tick(self.now);
            self.run();
        }
        self.now = end;
    }

    pub(super) fn flush(&mut self) {
        self.wait(time::Duration::milliseconds(300));
    }

    pub(super) fn try_join(
        &mut self,
        who: Candidate,
        instance: &str,
        take_over: bool,
    ) -> Result<SocketId, Refusal> {
        let socket = SocketId(self.next_socket);
        self.next_socket += 1;
        let wish = wish(who.role);
        let entry = Entry {
            socket,
            who,
            instance: instance.to_owned(),
            take_over,
            wish,
            ice_servers: Vec::new(),
        };
        let result = self.room.join(self.now, entry).map(|_| socket);
        self.run();
        result
    }

    pub(super) fn join(&mut self, who: Candidate) -> SocketId {
        let socket = self.try_join(who, "a", true).expect("a seat");
        self.answer(socket);
        self.flush();
        socket
    }

    /// The client answers every offer it got.
    pub(super) fn answer(&mut self, socket: SocketId) {
        let offers: Vec<_> = self
            .inbox
            .get(&socket)
            .into_iter()
            .flatten()
            .filter_map(negotiation_of)
            .collect();
        if let Some(negotiation) = offers.last() {
            let answer = ClientMessage::Answer {
                negotiation: *negotiation,
                sdp: "v=0".to_owned(),
            };
            self.say(socket, answer);
        }
    }

    pub(super) fn say(&mut self, socket: SocketId, message: ClientMessage) {
        self.room.message(self.now, socket, message);
        self.run();
    }

    /// What an action was answered with.
    pub(super) fn act(&mut self, socket: SocketId, action: Action) -> Result<(), ErrorCode> {
        self.say(socket, ClientMessage::Act { id: 77, action });
        match self.inbox[&socket].iter().rev().find(|message| answers(message)) {
            Some(ServerMessage::Done { .. }) => Ok(()),
            Some(ServerMessage::Error {
                code, fatal: false, ..
            }) => Err(*code),
            other => panic!("no answer but {other:?}"),
        }
    }

    pub(super) fn peer(&self, seat: &Seat) -> PeerId {
        peer_id(self.room.id(), seat)
    }

    pub(super) fn sees(&self, socket: SocketId, seat: &Seat) -> Option<&Peer> {
        let id = self.peer(seat);
        self.snapshots[&socket].peers.iter().find(|peer| peer.id == id)
    }

    pub(super) fn last_error(&self, socket: SocketId) -> Option<(ErrorCode, bool)> {
        self.inbox
            .get(&socket)?
            .iter()
            .rev()
            .find_map(|message| match message {
                ServerMessage::Error { code, fatal, .. } => Some((*code, *fatal)),
                _ => None,
            })
    }

    pub(super) fn last_wish(&self, seat: &Seat) -> &MediaWish {
        let peer = self.peer(seat);
        &self
            .asked
            .iter()
            .rev()
            .find(|(asked, ..)| *asked == peer)
            .expect("the engine was asked")
            .1
    }
}

fn answers(message: &ServerMessage) -> bool {
    matches!(
        message,
        ServerMessage::Done { id: 77 } | ServerMessage::Error { id: Some(77), .. }
    )
}

fn negotiation_of(message: &ServerMessage) -> Option<u32> {
    match message {
        ServerMessage::Welcome { offer, .. } => offer.as_ref().map(|offer| offer.negotiation),
        ServerMessage::Offer { offer } => Some(offer.negotiation),
        _ => None,
    }
}

pub(super) fn wish(role: Role) -> Wish {
    let publish = |sources: &[Source]| {
        sources
            .iter()
            .map(|source| PublishWish {
                source: *source,
                muted: false,
            })
            .collect::<Vec<_>>()
    };
    let rule = |who| WatchRule {
        who,
        sources: Vec::new(),
        height: 360,
        priority: 1,
    };
    match role {
        Role::Teacher => Wish {
            decodes: 0,
            publish: publish(&[Source::Camera, Source::Microphone]),
            watch: vec![rule(Who::Stage), rule(Who::Classrooms)],
        },
        Role::Classroom => Wish {
            decodes: 0,
            publish: publish(&[Source::Camera, Source::Microphone]),
            watch: vec![rule(Who::Teacher), rule(Who::Stage)],
        },
        Role::Observer => Wish {
            decodes: 0,
            publish: Vec::new(),
            watch: vec![rule(Who::Teacher), rule(Who::Classrooms)],
        },
    }
}

pub(super) fn teacher(user: UserId) -> Candidate {
    Candidate {
        seat: Seat::Teacher,
        role: Role::Teacher,
        name: "王老师 👩‍🏫".to_owned(),
        school: "实验小学".to_owned(),
        classroom: None,
        terminal: None,
        user: Some(user),
        holder: format!("user/{user}"),
    }
}

pub(super) fn classroom(id: ClassroomId) -> Candidate {
    Candidate {
        seat: Seat::Classroom(id),
        role: Role::Classroom,
        name: "三年级(2)班 🏔️".to_owned(),
        school: "天山第六小学".to_owned(),
        classroom: Some(id),
        terminal: Some(TerminalId(id.0)),
        user: None,
        holder: format!("terminal/{id}"),
    }
}

pub(super) fn observer(user: UserId) -> Candidate {
    Candidate {
        seat: Seat::Observer(user),
        role: Role::Observer,
        name: "教研员".to_owned(),
        school: String::new(),
        classroom: None,
        terminal: None,
        user: Some(user),
        holder: format!("user/{user}"),
    }
}
