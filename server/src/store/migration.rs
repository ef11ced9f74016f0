//! Migrations, oldest first; one that has landed is never changed.

use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m0001_first;

/// Brings a database up to date.
pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_first::Migration)]
    }
}
