//! People who can sign in.

use sea_orm::entity::prelude::*;

/// A row of `user`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Account name.
    #[sea_orm(unique)]
    pub account: String,
    /// Full name.
    pub name: String,
    /// Argon2 hash, as a PHC string.
    pub password_hash: String,
    /// The region the person's rights are for.
    pub region_id: Uuid,
    /// The person's school.
    pub school_id: Option<Uuid>,
}

/// None are declared: queries name their keys.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
