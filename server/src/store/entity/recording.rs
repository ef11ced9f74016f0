//! What is known of recordings; the truth about their media is the recorder's journal.

use sea_orm::entity::prelude::*;

/// A row of `recording`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recording")]
pub struct Model {
    /// Of which lesson.
    #[sea_orm(primary_key, auto_increment = false)]
    pub lesson_id: Uuid,
    /// Word of [`protocol::signal::RecordingState`].
    pub state: String,
    /// Class time zero, Unix time in µs.
    pub epoch_us: i64,
    /// Length in ms.
    pub duration_ms: i64,
    /// On disk.
    pub bytes: i64,
}

/// None are declared: queries name their keys.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
