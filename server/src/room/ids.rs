//! Ids that follow from what they name, so that a peer finds its seat and its tracks again after a restart of the server.

use protocol::id::{ClassroomId, LessonId, PeerId, TrackId, UserId};
use protocol::media::Source;
use uuid::Uuid;

/// What a peer sits on. One seat is held by one socket at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Seat {
    /// The teacher's desk; whoever teaches the lesson sits there.
    Teacher,
    /// A classroom of the lesson.
    Classroom(ClassroomId),
    /// A person who observes.
    Observer(UserId),
    /// A program with a token of its own: each instance of it has a seat.
    Tool(String),
}

impl Seat {
    fn name(&self) -> String {
        match self {
            Self::Teacher => "teacher".to_owned(),
            Self::Classroom(id) => format!("classroom/{id}"),
            Self::Observer(id) => format!("observer/{id}"),
            Self::Tool(instance) => format!("tool/{instance}"),
        }
    }
}

/// The peer of a seat.
#[must_use]
pub fn peer_id(lesson: LessonId, seat: &Seat) -> PeerId {
    PeerId(Uuid::new_v5(&lesson.0, seat.name().as_bytes()))
}

/// The engine's peer of the teacher's WHIP publisher: a line of its own beside the teacher's page.
#[must_use]
pub fn whip_peer(lesson: LessonId) -> PeerId {
    PeerId(Uuid::new_v5(&lesson.0, b"teacher/whip"))
}

/// The track a peer publishes of a source.
#[must_use]
pub fn track_id(peer: PeerId, source: Source) -> TrackId {
    TrackId(Uuid::new_v5(&peer.0, source.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seat_has_the_same_ids_and_another_seat_others() {
        let (lesson, classroom) = (LessonId::new(), ClassroomId::new());
        let seat = Seat::Classroom(classroom);
        let peer = peer_id(lesson, &seat);
        assert_eq!(peer, peer_id(lesson, &Seat::Classroom(classroom)));
        assert_ne!(peer, peer_id(LessonId::new(), &seat));
        assert_ne!(peer, peer_id(lesson, &Seat::Observer(UserId(classroom.0))));
        assert_eq!(track_id(peer, Source::Camera), track_id(peer, Source::Camera));
        assert_ne!(track_id(peer, Source::Camera), track_id(peer, Source::Screen));
        assert_ne!(whip_peer(lesson), peer_id(lesson, &Seat::Teacher));
    }
}
