//! Lessons: occurrences of courses.

use sea_orm::entity::prelude::*;

/// A row of `lesson`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lesson")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Of which course.
    pub course_id: Uuid,
    /// Who teaches this one (a substitute may).
    pub teacher_id: Uuid,
    /// What is taught.
    pub title: String,
    /// [`crate::domain::lesson::state_word`].
    pub state: String,
    /// By the timetable, Unix time in ms.
    pub starts_ms: i64,
    /// By the timetable, Unix time in ms.
    pub ends_ms: i64,
    /// When it went live, Unix time in ms.
    pub live_ms: Option<i64>,
    /// When it ended, Unix time in ms.
    pub ended_ms: Option<i64>,
}

/// None are declared: queries name their keys.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
