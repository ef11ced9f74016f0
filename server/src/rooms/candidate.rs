//! Who a token's bearer is in a room.

use protocol::signal::Role;

use super::Rooms;
use crate::room::Candidate;
use crate::room::ids::Seat;
use crate::service::tokens::{JoinClaims, Seat as TokenSeat};

impl Rooms {
    /// Who a token's bearer is in a room.
    #[must_use]
    pub fn candidate(claims: JoinClaims, instance: &str) -> Candidate {
        let JoinClaims {
            role,
            seat,
            name,
            school,
            ..
        } = claims;
        let (user, classroom, terminal, holder) = match &seat {
            TokenSeat::User(user) => (Some(*user), None, None, format!("user/{user}")),
            TokenSeat::Terminal { terminal, classroom } => (
                None,
                Some(*classroom),
                Some(*terminal),
                format!("terminal/{terminal}"),
            ),
            TokenSeat::Tool(tool) => (None, None, None, format!("tool/{tool}")),
        };
        let seat = match (role, classroom, user) {
            (Role::Teacher, ..) => Seat::Teacher,
            (Role::Classroom, Some(classroom), _) => Seat::Classroom(classroom),
            (Role::Observer, _, Some(user)) => Seat::Observer(user),
            _ => Seat::Tool(format!("{holder}/{instance}")),
        };
        Candidate {
            seat,
            role,
            name,
            school,
            classroom,
            terminal,
            user,
            holder,
        }
    }
}

/// A classroom that is expected.
pub(super) fn expected(classroom: protocol::api::Classroom) -> Candidate {
    Candidate {
        seat: Seat::Classroom(classroom.id),
        role: Role::Classroom,
        name: classroom.name,
        school: classroom.school.name,
        classroom: Some(classroom.id),
        terminal: None,
        user: None,
        holder: String::new(),
    }
}
