//! Messages of peers, by role.

use protocol::id::PeerId;
use protocol::signal::{Action, ClientMessage, ErrorCode, LessonState, Report, Role, ServerMessage, Wish};
use time::OffsetDateTime;

use super::member::{Away, SocketId};
use super::{FLUSH, FLUSH_REPORTS, Refusal, Room, STAGE_MAX};
use crate::domain::event::EventKind;
use crate::domain::lesson::Step;

const PUBLISH_MAX: usize = 8;
const RULES_MAX: usize = 128;
const SOURCES_MAX: usize = 8;
/// Longest text a teacher shows, in characters.
pub(super) const TEXT_MAX: usize = 200;

/// Whether a wish is within its bounds.
pub(super) fn check_wish(wish: &Wish) -> Result<(), Refusal> {
    let fits = wish.publish.len() <= PUBLISH_MAX
        && wish.watch.len() <= RULES_MAX
        && wish.watch.iter().all(|rule| rule.sources.len() <= SOURCES_MAX);
    if fits {
        Ok(())
    } else {
        let bounds = format!("a wish has at most {PUBLISH_MAX} tracks and {RULES_MAX} rules");
        Err(Refusal::new(ErrorCode::Malformed, bounds))
    }
}

fn forbidden() -> Refusal {
    Refusal::new(ErrorCode::Forbidden, "this role may not do that")
}

fn not_here() -> Refusal {
    Refusal::new(ErrorCode::NotFound, "the classroom is not here")
}

impl Room {
    /// Takes a message of a peer that has a seat; those of other sockets are too late and ignored.
    pub fn message(&mut self, now: OffsetDateTime, socket: SocketId, message: ClientMessage) {
        let Some(&peer) = self.sockets.get(&socket) else {
            return;
        };
        match message {
            ClientMessage::Hello { .. } => {
                let refusal = Refusal::new(
                    ErrorCode::Malformed,
                    "`hello` is only the first message of a socket",
                );
                self.refuse(socket, None, refusal, false);
            }
            ClientMessage::Wish { wish } => self.wish(now, socket, peer, wish),
            ClientMessage::Answer { negotiation, sdp } => self.answer(peer, negotiation, sdp),
            ClientMessage::Act { id, action } => match self.act(now, (socket, id), peer, action) {
                Ok(true) => self.send(socket, ServerMessage::Done { id }),
                Ok(false) => {}
                Err(refusal) => self.refuse(socket, Some(id), refusal, false),
            },
            ClientMessage::Report { report } => self.report(now, peer, report),
            ClientMessage::Restart {} => self.restart(now, peer),
            ClientMessage::Ping { id } => self.send(socket, ServerMessage::Pong { id }),
        }
    }

    fn wish(&mut self, now: OffsetDateTime, socket: SocketId, peer: PeerId, wish: Wish) {
        if let Err(refusal) = check_wish(&wish) {
            return self.refuse(socket, None, refusal, false);
        }
        let Some(member) = self.members.get_mut(&peer) else {
            return;
        };
        if member.wish == wish {
            return;
        }
        let publishes = member.wish.publish != wish.publish;
        member.wish = wish;
        if publishes {
            self.touch(now, peer, FLUSH);
            self.media_changed(now);
        }
        self.drive(now, peer);
    }

    fn report(&mut self, now: OffsetDateTime, peer: PeerId, mut report: Report) {
        report.microphone_level = report.microphone_level.min(100);
        report.loss_permille = report.loss_permille.min(1_000);
        let Some(member) = self.members.get_mut(&peer) else {
            return;
        };
        if member.report == report {
            return;
        }
        let told = |report: &Report| {
            (
                report.hears,
                report.sees,
                report.camera_works,
                report.microphone_works,
                report.delayed_ms.is_some(),
            )
        };
        let wait = if told(&member.report) == told(&report) {
            FLUSH_REPORTS
        } else {
            FLUSH
        };
        member.report = report;
        self.touch(now, peer, wait);
    }

    /// Carries an action out. `false` when it is answered later.
    fn act(
        &mut self,
        now: OffsetDateTime,
        by: (SocketId, u32),
        peer: PeerId,
        action: Action,
    ) -> Result<bool, Refusal> {
        let role = self
            .members
            .get(&peer)
            .map_or(Role::Observer, |member| member.who.role);
        match (role, action) {
            (Role::Teacher, Action::Start {}) => return self.start(by),
            (Role::Teacher, Action::End {}) => self.want_step(Step::End, Some(by)),
            (Role::Teacher, Action::Stage { peer, on }) => return self.stage(now, peer, on).map(|()| true),
            (Role::Teacher, Action::Silence { peer, on }) => {
                return self.silence(now, peer, on).map(|()| true);
            }
            (
                Role::Teacher,
                Action::Hand {
                    up: false,
                    peer: Some(peer),
                },
            ) => {
                self.classroom(peer)?;
                self.set_hand(now, peer, false);
                return Ok(true);
            }
            (Role::Teacher, Action::Message { peer, text }) => return self.show(peer, &text).map(|()| true),
            (Role::Classroom, Action::Hand { up, peer: whose }) if whose.is_none_or(|id| id == peer) => {
                self.set_hand(now, peer, up);
                return Ok(true);
            }
            (Role::Classroom, Action::Help { wanted }) => {
                self.set_help(now, peer, wanted);
                return Ok(true);
            }
            _ => return Err(forbidden()),
        }
        Ok(false)
    }

    fn start(&mut self, by: (SocketId, u32)) -> Result<bool, Refusal> {
        self.admits()?;
        if self.lesson.state == LessonState::Live {
            return Ok(true);
        }
        self.want_step(Step::Start, Some(by));
        Ok(false)
    }

    /// A peer that is a classroom.
    fn classroom(&self, peer: PeerId) -> Result<&super::Member, Refusal> {
        self.members
            .get(&peer)
            .filter(|member| member.who.role == Role::Classroom)
            .ok_or_else(not_here)
    }

    fn stage(&mut self, now: OffsetDateTime, peer: PeerId, on: bool) -> Result<(), Refusal> {
        let member = self.classroom(peer)?;
        if on && member.connection.is_none() && member.away != Away::Lost {
            return Err(not_here());
        }
        if on && member.report.delayed_ms.is_some() {
            return Err(Refusal::new(
                ErrorCode::Delayed,
                "the classroom sees the lesson late: no media passes from it",
            ));
        }
        let others = self
            .members
            .values()
            .filter(|other| other.on_stage && other.id != peer)
            .count();
        if on && others >= STAGE_MAX {
            return Err(Refusal::new(
                ErrorCode::Full,
                format!("at most {STAGE_MAX} classrooms are on stage at a time"),
            ));
        }
        self.set_stage(now, peer, on);
        if on {
            self.set_hand(now, peer, false);
        }
        Ok(())
    }

    pub(super) fn set_stage(&mut self, now: OffsetDateTime, peer: PeerId, on: bool) {
        let Some(member) = self.members.get_mut(&peer).filter(|member| member.on_stage != on) else {
            return;
        };
        member.on_stage = on;
        member.silenced = false;
        self.log(
            now,
            if on {
                EventKind::OnStage
            } else {
                EventKind::OffStage
            },
            peer,
        );
        self.touch(now, peer, FLUSH);
        self.media_changed(now);
    }

    /// A classroom was on stage, or not, before the server was restarted.
    pub fn restore_stage(&mut self, now: OffsetDateTime, classroom: protocol::id::ClassroomId, on: bool) {
        let peer = super::ids::peer_id(self.lesson.id, &super::ids::Seat::Classroom(classroom));
        if let Some(member) = self.members.get_mut(&peer) {
            member.on_stage = on;
            self.touch(now, peer, FLUSH);
            self.media_changed(now);
        }
    }

    fn silence(&mut self, now: OffsetDateTime, peer: PeerId, on: bool) -> Result<(), Refusal> {
        if !self.classroom(peer)?.on_stage {
            return Err(Refusal::new(
                ErrorCode::NotFound,
                "only a classroom on stage is heard",
            ));
        }
        let Some(member) = self.members.get_mut(&peer).filter(|member| member.silenced != on) else {
            return Ok(());
        };
        member.silenced = on;
        self.log(
            now,
            if on {
                EventKind::Silenced
            } else {
                EventKind::Unsilenced
            },
            peer,
        );
        self.touch(now, peer, FLUSH);
        self.media_changed(now);
        Ok(())
    }

    pub(super) fn set_hand(&mut self, now: OffsetDateTime, peer: PeerId, up: bool) {
        let place = self.hands.iter().position(|other| *other == peer);
        let behind = match (up, place) {
            (true, None) => {
                self.hands.push(peer);
                Vec::new()
            }
            (false, Some(place)) => {
                self.hands.remove(place);
                self.hands[place..].to_vec()
            }
            _ => return,
        };
        self.log(
            now,
            if up {
                EventKind::HandRaised
            } else {
                EventKind::HandLowered
            },
            peer,
        );
        self.touch(now, peer, FLUSH);
        self.dirty.extend(behind);
    }

    fn set_help(&mut self, now: OffsetDateTime, peer: PeerId, wanted: bool) {
        let Some(member) = self.members.get_mut(&peer).filter(|member| member.help != wanted) else {
            return;
        };
        member.help = wanted;
        self.log(
            now,
            if wanted {
                EventKind::HelpWanted
            } else {
                EventKind::HelpSolved
            },
            peer,
        );
        self.touch(now, peer, FLUSH);
    }

    fn show(&mut self, peer: Option<PeerId>, text: &str) -> Result<(), Refusal> {
        if text.trim().is_empty() || text.chars().count() > TEXT_MAX {
            return Err(Refusal::new(
                ErrorCode::Malformed,
                format!("a text has 1 to {TEXT_MAX} characters"),
            ));
        }
        let to: Vec<_> = match peer {
            Some(peer) => {
                let member = self.classroom(peer)?;
                vec![member.connection.as_ref().ok_or_else(not_here)?.socket]
            }
            None => self
                .members
                .values()
                .filter(|member| member.who.role == Role::Classroom)
                .filter_map(|member| Some(member.connection.as_ref()?.socket))
                .collect(),
        };
        for socket in to {
            self.send(
                socket,
                ServerMessage::Message {
                    text: text.to_owned(),
                },
            );
        }
        Ok(())
    }
}
