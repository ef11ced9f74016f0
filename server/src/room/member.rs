//! One participant of a room: seat, line, wish, and what others see of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::id::{ClassroomId, PeerId, TerminalId, UserId};
use protocol::media::Source;
use protocol::signal::{IceServer, Lesson, Peer, Presence, Recording, Report, Role, Wish};
use sfu::MediaWish;
use time::OffsetDateTime;

use super::ids::Seat;

/// A socket of the signalling edge; never used again after it closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u64);

/// Who asks for a seat, by its token. Has no `Debug`: names are people's.
#[derive(Clone)]
pub struct Candidate {
    /// Which seat.
    pub seat: Seat,
    /// What it may do.
    pub role: Role,
    /// Name of the classroom or the person.
    pub name: String,
    /// Name of the school.
    pub school: String,
    /// The classroom, for a classroom's seat.
    pub classroom: Option<ClassroomId>,
    /// The paired device, so that its revocation ends the seat.
    pub terminal: Option<TerminalId>,
    /// The person, for the event log.
    pub user: Option<UserId>,
    /// Tells one holder of the teacher's desk from another.
    pub holder: String,
}

/// A socket that holds a seat.
pub(super) struct Connection {
    pub(super) socket: SocketId,
    pub(super) instance: String,
    /// The whole state was sent, so changes may follow.
    pub(super) welcomed: bool,
    pub(super) seen: View,
    /// Relays it is told of with the welcome.
    pub(super) ice_servers: Vec<IceServer>,
}

/// What a connection was told.
#[derive(Clone, Default)]
pub(super) struct View {
    pub(super) lesson: Option<Arc<Lesson>>,
    pub(super) recording: Option<Recording>,
    pub(super) peers: BTreeMap<PeerId, Arc<Peer>>,
    pub(super) observers: u32,
}

/// What is asked of the engine for a peer; one at a time, so that its answers cannot cross.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    Negotiate { wish: MediaWish, socket: SocketId },
    Answer,
    Remove,
}

/// A peer's media line, as far as signalling knows.
#[derive(Default)]
pub(super) struct Media {
    pub(super) op: Option<Op>,
    /// The engine has the peer.
    pub(super) exists: bool,
    /// ICE and DTLS are up.
    pub(super) connected: bool,
    /// A new connection is to be offered.
    pub(super) fresh: bool,
    /// The peer is to be taken out of the engine.
    pub(super) remove: bool,
    /// An offer that waits for its answer, and until when.
    pub(super) offered: Option<(u32, OffsetDateTime)>,
    /// What was agreed on last.
    pub(super) stated: MediaWish,
    /// No new offer before this.
    pub(super) not_before: Option<OffsetDateTime>,
}

/// Why nobody is on a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Away {
    Never,
    Lost,
    Left,
}

/// A participant.
pub(super) struct Member {
    pub(super) id: PeerId,
    pub(super) who: Candidate,
    pub(super) connection: Option<Connection>,
    pub(super) away: Away,
    pub(super) presence: Presence,
    pub(super) since: Option<OffsetDateTime>,
    pub(super) epoch: u32,
    pub(super) revision: u64,
    pub(super) on_stage: bool,
    pub(super) silenced: bool,
    pub(super) help: bool,
    pub(super) report: Report,
    pub(super) wish: Wish,
    pub(super) flowing: Vec<Source>,
    pub(super) media: Media,
    /// As the teacher and observers see it.
    pub(super) full: Option<Arc<Peer>>,
    /// As classrooms see it: without reports, which would be a message to everybody every two seconds.
    pub(super) plain: Option<Arc<Peer>>,
}

impl Member {
    pub(super) fn new(id: PeerId, who: Candidate) -> Self {
        Self {
            id,
            who,
            connection: None,
            away: Away::Never,
            presence: Presence::Expected,
            since: None,
            epoch: 0,
            revision: 0,
            on_stage: false,
            silenced: false,
            help: false,
            report: Report::default(),
            wish: Wish::default(),
            flowing: Vec::new(),
            media: Media::default(),
            full: None,
            plain: None,
        }
    }

    /// The sources the role may publish, of those wished for, without doubles.
    pub(super) fn publishes(&self) -> Vec<(Source, bool)> {
        if self.away != Away::Lost && self.connection.is_none() {
            return Vec::new();
        }
        Source::ALL
            .into_iter()
            .filter(|source| may_publish(self.who.role, *source))
            .filter_map(|source| {
                let wish = self.wish.publish.iter().find(|wish| wish.source == source)?;
                Some((source, wish.muted))
            })
            .collect()
    }
}

/// Whether a role may publish a source at all.
pub(super) fn may_publish(role: Role, source: Source) -> bool {
    match role {
        Role::Teacher => true,
        Role::Classroom => matches!(source, Source::Camera | Source::Microphone),
        Role::Observer => false,
    }
}
