//! Courses: subjects taught over a term.

use sea_orm::entity::prelude::*;

/// A row of `course`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "course")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who teaches it.
    pub teacher_id: Uuid,
    /// The teaching school.
    pub school_id: Uuid,
    /// Subject.
    pub subject: String,
    /// Grade.
    pub grade: String,
}

/// None are declared: queries name their keys.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
