//! The ordered event log.

use protocol::id::{ClassroomId, LessonId, UserId};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, NotSet, QueryFilter, QueryOrder, Set};

use super::entity::event;
use super::{Result, Store, StoreError};
use crate::domain::event::{About, EventKind};

/// A row of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Rises with every event.
    pub seq: i64,
    /// Unix time in µs.
    pub at_us: i64,
    /// What happened.
    pub kind: EventKind,
    /// In which lesson.
    pub lesson: Option<LessonId>,
    /// About whom.
    pub about: About,
}

impl Store {
    /// Adds to the log and returns the event's number.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn log_event(
        &self,
        at_us: i64,
        kind: EventKind,
        lesson: Option<LessonId>,
        about: About,
    ) -> Result<i64> {
        let row = event::ActiveModel {
            seq: NotSet,
            at_us: Set(at_us),
            kind: Set(kind.word()),
            lesson_id: Set(lesson.map(|id| id.0)),
            classroom_id: Set(about.classroom.map(|id| id.0)),
            user_id: Set(about.user.map(|id| id.0)),
        };
        Ok(row.insert(&self.db).await?.seq)
    }

    /// What happened in a lesson, in order.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn events_of(&self, lesson: LessonId) -> Result<Vec<LoggedEvent>> {
        let rows = event::Entity::find()
            .filter(event::Column::LessonId.eq(lesson.0))
            .order_by_asc(event::Column::Seq)
            .all(&self.db)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(LoggedEvent {
                    seq: row.seq,
                    at_us: row.at_us,
                    kind: EventKind::of(&row.kind).ok_or(StoreError::Word {
                        what: "event.kind",
                        word: row.kind,
                    })?,
                    lesson: row.lesson_id.map(LessonId),
                    about: About {
                        classroom: row.classroom_id.map(ClassroomId),
                        user: row.user_id.map(UserId),
                    },
                })
            })
            .collect()
    }
}
