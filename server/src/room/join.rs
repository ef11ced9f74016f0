//! Who gets a seat, and what a lost or closed socket means.

use protocol::id::{PeerId, TerminalId};
use protocol::signal::{ErrorCode, IceServer, LessonState, Presence, Role, Wish};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::ids::{Seat, peer_id};
use super::member::{Away, Candidate, Connection, Member, SocketId, View};
use super::{FLUSH, GRACE, PEERS_MAX, Refusal, Room};
use crate::domain::event::EventKind;

/// Longest `instance` of a `hello`.
const INSTANCE_MAX: usize = 64;

/// A `hello` whose token was good.
pub struct Entry {
    /// The socket it came on.
    pub socket: SocketId,
    /// Who it is.
    pub who: Candidate,
    /// One tab or program.
    pub instance: String,
    /// Take the seat even from another instance that is alive.
    pub take_over: bool,
    /// What the peer wants.
    pub wish: Wish,
    /// Relays it is told of.
    pub ice_servers: Vec<IceServer>,
}

impl Room {
    /// Whether the lesson lets anybody in.
    ///
    /// # Errors
    ///
    /// With the code that says why not, and when to come.
    pub fn admits(&self) -> Result<(), Refusal> {
        match self.lesson.state {
            LessonState::Open | LessonState::Live => Ok(()),
            LessonState::Scheduled => {
                let at = self.opens_at.format(&Rfc3339).unwrap_or_default();
                Err(Refusal::new(
                    ErrorCode::NotOpen,
                    format!("the lesson opens at {at}"),
                ))
            }
            LessonState::Ended | LessonState::Archived => Err(Refusal::new(
                ErrorCode::Ended,
                "the lesson is over; it is in the library",
            )),
            LessonState::Cancelled => Err(Refusal::new(ErrorCode::Cancelled, "the lesson was cancelled")),
        }
    }

    /// Gives a seat. The `welcome` follows as soon as the engine has made the offer.
    ///
    /// # Errors
    ///
    /// With the code for the peer; the socket is to be closed then.
    pub fn join(&mut self, now: OffsetDateTime, entry: Entry) -> Result<PeerId, Refusal> {
        self.admits()?;
        super::act::check_wish(&entry.wish)?;
        if entry.instance.is_empty() || entry.instance.len() > INSTANCE_MAX {
            return Err(Refusal::new(
                ErrorCode::Malformed,
                "`instance` is to have 1 to 64 bytes",
            ));
        }
        let id = peer_id(self.lesson.id, &entry.who.seat);
        if let Some(member) = self.members.get(&id) {
            may_take(now, member, &entry)?;
        }
        let taken = self
            .members
            .get(&id)
            .is_some_and(|member| member.connection.is_some());
        if !taken && self.sockets.len() >= PEERS_MAX {
            return Err(Refusal::new(ErrorCode::Full, "the room is full"));
        }
        self.seat(entry.who.clone());
        self.sit(now, id, entry);
        Ok(id)
    }

    fn sit(&mut self, now: OffsetDateTime, id: PeerId, entry: Entry) {
        let connection = Connection {
            socket: entry.socket,
            instance: entry.instance,
            welcomed: false,
            seen: View::default(),
            ice_servers: entry.ice_servers,
        };
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let before = member.connection.replace(connection);
        let other = before.as_ref().is_some_and(|before| {
            Some(&before.instance) != member.connection.as_ref().map(|connection| &connection.instance)
        });
        member.who = entry.who;
        member.wish = entry.wish;
        member.epoch += 1;
        member.media.fresh = true;
        member.media.offered = None;
        member.media.not_before = None;
        member.media.remove = false;
        let role = member.who.role;
        self.sockets.insert(entry.socket, id);
        if let Some(before) = before {
            self.sockets.remove(&before.socket);
            if other {
                let refusal = Refusal::new(
                    ErrorCode::SeatTaken,
                    "this seat was taken by another tab or program",
                );
                self.refuse(before.socket, None, refusal, true);
            } else {
                self.out.push_back(super::Output::Close(before.socket));
            }
        } else {
            self.log(now, joined(role), id);
        }
        self.touch(now, id, FLUSH);
        self.media_changed(now);
        self.drive(now, id);
    }

    /// A socket is gone: `clean` when the peer closed it by itself. A seat whose line is lost is held for the lesson.
    pub fn closed(&mut self, now: OffsetDateTime, socket: SocketId, clean: bool) {
        let Some(id) = self.sockets.remove(&socket) else {
            return;
        };
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        member.connection = None;
        member.media.offered = None;
        member.away = if clean { Away::Left } else { Away::Lost };
        member.help &= !clean;
        let role = member.who.role;
        if clean {
            member.media.remove = true;
            member.flowing.clear();
        }
        self.due.timers.insert((now + GRACE, id));
        self.log(now, if clean { left(role) } else { lost(role) }, id);
        self.touch(now, id, FLUSH);
        // Since now, not since the next flush: the grace counts from it.
        self.refresh(now);
        self.media_changed(now);
        self.drive(now, id);
    }

    /// A terminal's pairing was revoked: it loses its seat at once.
    pub fn revoke(&mut self, now: OffsetDateTime, terminal: TerminalId) {
        let sockets: Vec<_> = self
            .members
            .values()
            .filter(|member| member.who.terminal == Some(terminal))
            .filter_map(|member| Some((member.id, member.connection.as_ref()?.socket)))
            .collect();
        for (id, socket) in sockets {
            let refusal = Refusal::new(
                ErrorCode::Revoked,
                "the pairing was revoked; pair the terminal again",
            );
            self.refuse(socket, None, refusal, true);
            self.closed(now, socket, true);
            self.set_stage(now, id, false);
            self.set_hand(now, id, false);
        }
    }

    /// After the grace a seat that was left gives up stage and hand, and a line that is dead its place in the engine.
    pub(super) fn give_up_seat(&mut self, now: OffsetDateTime, id: PeerId) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let gone = member.connection.is_none() && member.since.is_some_and(|since| now - since >= GRACE);
        if !gone {
            return;
        }
        if member.media.exists && !member.media.connected {
            member.media.remove = true;
        }
        if member.presence == Presence::Left {
            self.set_stage(now, id, false);
            self.set_hand(now, id, false);
        }
    }
}

/// Whether an entry may take a seat from who holds it, or held it a moment ago.
fn may_take(now: OffsetDateTime, member: &Member, entry: &Entry) -> Result<(), Refusal> {
    let other_teacher = entry.who.seat == Seat::Teacher && member.who.holder != entry.who.holder;
    let Some(connection) = &member.connection else {
        let lost_just_now =
            member.away == Away::Lost && member.since.is_some_and(|since| now - since < GRACE);
        return if other_teacher && lost_just_now {
            Err(Refusal::new(
                ErrorCode::TeacherPresent,
                "the teacher's line was lost a moment ago; the desk is held for 30 s",
            ))
        } else {
            Ok(())
        };
    };
    if other_teacher {
        return Err(Refusal::new(
            ErrorCode::TeacherPresent,
            "another teacher teaches this lesson",
        ));
    }
    if connection.instance != entry.instance && !entry.take_over {
        return Err(Refusal::new(
            ErrorCode::SeatTaken,
            "another tab or program holds this seat",
        ));
    }
    Ok(())
}

fn joined(role: Role) -> EventKind {
    match role {
        Role::Teacher => EventKind::TeacherJoined,
        Role::Classroom => EventKind::ClassroomJoined,
        Role::Observer => EventKind::ObserverJoined,
    }
}

fn left(role: Role) -> EventKind {
    match role {
        Role::Teacher => EventKind::TeacherLeft,
        Role::Classroom => EventKind::ClassroomLeft,
        Role::Observer => EventKind::ObserverLeft,
    }
}

fn lost(role: Role) -> EventKind {
    match role {
        Role::Teacher => EventKind::TeacherLost,
        Role::Classroom => EventKind::ClassroomLost,
        Role::Observer => EventKind::ObserverLeft,
    }
}
