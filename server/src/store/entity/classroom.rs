//! Classrooms: physical rooms of schools.

use sea_orm::entity::prelude::*;

/// A row of `classroom`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "classroom")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Its school.
    pub school_id: Uuid,
    /// Name.
    pub name: String,
}

/// None are declared: queries name their keys.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
