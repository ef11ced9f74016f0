//! Who may do what, by role and place. Pure.

use protocol::api::UserRole;
use protocol::id::RegionId;
use protocol::signal::Role;

use super::{Error, Result};
use crate::store::{LessonRow, Places, TerminalRow, UserRow};

/// Who asks.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A person who is signed in.
    Person(UserRow),
    /// A paired device.
    Terminal(TerminalRow),
}

impl UserRow {
    /// Whether the person has the role.
    #[must_use]
    pub fn is(&self, role: UserRole) -> bool {
        self.roles.contains(&role)
    }

    /// Sees every lesson of the region.
    fn oversees(&self) -> bool {
        self.is(UserRole::Researcher) || self.is(UserRole::Administrator)
    }
}

/// Whether the lesson is taught or attended in the region.
fn in_region(lesson: &LessonRow, places: &Places, region: RegionId) -> bool {
    let school = places.school(lesson.school).map(|school| school.region);
    let attending = lesson
        .classrooms
        .iter()
        .filter_map(|id| places.region_of_classroom(*id));
    school
        .into_iter()
        .chain(attending)
        .any(|inner| places.within(inner, region))
}

/// The role in which somebody may join a lesson.
///
/// # Errors
///
/// When there is none.
pub fn join_role(actor: &Actor, lesson: &LessonRow, places: &Places) -> Result<Role> {
    match actor {
        Actor::Person(person) if person.is(UserRole::Teacher) && lesson.teacher == person.id => {
            Ok(Role::Teacher)
        }
        Actor::Person(person) if person.oversees() && in_region(lesson, places, person.region) => {
            Ok(Role::Observer)
        }
        Actor::Person(_) => Err(Error::Forbidden("this lesson is taught by somebody else")),
        Actor::Terminal(terminal) if lesson.classrooms.contains(&terminal.classroom) => Ok(Role::Classroom),
        Actor::Terminal(_) => Err(Error::Forbidden("this classroom does not attend the lesson")),
    }
}

/// Whether somebody may know of a lesson and replay it.
#[must_use]
pub fn may_see(actor: &Actor, lesson: &LessonRow, places: &Places) -> bool {
    join_role(actor, lesson, places).is_ok()
}

/// That a person may end a lesson: who teaches it.
///
/// # Errors
///
/// When not.
pub fn may_end(person: &UserRow, lesson: &LessonRow) -> Result<()> {
    if person.is(UserRole::Teacher) && lesson.teacher == person.id {
        Ok(())
    } else {
        Err(Error::Forbidden("only the lesson's teacher ends it"))
    }
}

/// That a person manages places in a region.
///
/// # Errors
///
/// When not.
pub fn may_manage(person: &UserRow, region: RegionId, places: &Places) -> Result<()> {
    if person.is(UserRole::Administrator) && places.within(region, person.region) {
        Ok(())
    } else {
        Err(Error::Forbidden("only an administrator of the region"))
    }
}
