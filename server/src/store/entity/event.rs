//! The ordered log of what happened; rows are only ever added.

use sea_orm::entity::prelude::*;

/// A row of `event`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// Rises with every event.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// Unix time in µs.
    pub at_us: i64,
    /// [`crate::domain::event::EventKind::word`].
    pub kind: String,
    /// In which lesson.
    pub lesson_id: Option<Uuid>,
    /// About which classroom.
    pub classroom_id: Option<Uuid>,
    /// About which person.
    pub user_id: Option<Uuid>,
}

/// None are declared: queries name their keys.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
