//! Paired devices.

use sea_orm::entity::prelude::*;

/// A row of `terminal`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "terminal")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Where it stands.
    pub classroom_id: Uuid,
    /// SHA-256 of the cookie's value, in hex.
    #[sea_orm(unique)]
    pub token_hash: String,
    /// Unix time in ms.
    pub paired_ms: i64,
    /// Unix time in ms.
    pub seen_ms: Option<i64>,
    /// Unix time in ms; a revoked terminal stays for the log.
    pub revoked_ms: Option<i64>,
}

/// None are declared: queries name their keys.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
