//! Who attends.

use sea_orm::entity::prelude::*;

/// A row of `lesson_classroom`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lesson_classroom")]
pub struct Model {
    /// Which lesson.
    #[sea_orm(primary_key, auto_increment = false)]
    pub lesson_id: Uuid,
    /// Which classroom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub classroom_id: Uuid,
}

/// None are declared: queries name their keys.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
