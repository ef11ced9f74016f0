//! Pairing codes that wait to be used, one per classroom.

use sea_orm::entity::prelude::*;

/// A row of `pairing_code`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pairing_code")]
pub struct Model {
    /// For which classroom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub classroom_id: Uuid,
    /// Six digits.
    #[sea_orm(unique)]
    pub code: String,
    /// Unix time in ms.
    pub expires_ms: i64,
}

/// None are declared: queries name their keys.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
