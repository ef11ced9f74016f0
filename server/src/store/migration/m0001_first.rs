//! Places, people, terminals, lessons, recordings, the event log.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, pk_uuid, string, string_uniq, uuid, uuid_null,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in places().into_iter().chain(people()).chain(teaching()) {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in [
            "setting",
            "event",
            "recording",
            "lesson_classroom",
            "lesson",
            "course",
            "pairing_code",
            "terminal",
            "session",
            "user_role",
            "user",
            "classroom",
            "school",
            "region",
        ] {
            manager
                .drop_table(Table::drop().table(name).if_exists().to_owned())
                .await?;
        }
        Ok(())
    }
}

/// A foreign key from the table's `column` to the id of `target`.
fn references(column: &'static str, target: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().from_col(column).to(target, "id").to_owned()
}

fn places() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("region")
            .col(pk_uuid("id"))
            .col(uuid_null("parent_id"))
            .col(string("name"))
            .foreign_key(&mut references("parent_id", "region"))
            .to_owned(),
        Table::create()
            .table("school")
            .col(pk_uuid("id"))
            .col(uuid("region_id"))
            .col(string("name"))
            .foreign_key(&mut references("region_id", "region"))
            .to_owned(),
        Table::create()
            .table("classroom")
            .col(pk_uuid("id"))
            .col(uuid("school_id"))
            .col(string("name"))
            .foreign_key(&mut references("school_id", "school"))
            .to_owned(),
    ]
}

fn people() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("user")
            .col(pk_uuid("id"))
            .col(string_uniq("account"))
            .col(string("name"))
            .col(string("password_hash"))
            .col(uuid("region_id"))
            .col(uuid_null("school_id"))
            .foreign_key(&mut references("region_id", "region"))
            .foreign_key(&mut references("school_id", "school"))
            .to_owned(),
        Table::create()
            .table("user_role")
            .col(uuid("user_id"))
            .col(string("role"))
            .primary_key(Index::create().col("user_id").col("role"))
            .foreign_key(&mut references("user_id", "user"))
            .to_owned(),
        Table::create()
            .table("session")
            .col(string("token_hash").primary_key())
            .col(uuid("user_id"))
            .col(big_integer("created_ms"))
            .col(big_integer("expires_ms"))
            .foreign_key(&mut references("user_id", "user"))
            .to_owned(),
        Table::create()
            .table("terminal")
            .col(pk_uuid("id"))
            .col(uuid("classroom_id"))
            .col(string_uniq("token_hash"))
            .col(big_integer("paired_ms"))
            .col(big_integer_null("seen_ms"))
            .col(big_integer_null("revoked_ms"))
            .foreign_key(&mut references("classroom_id", "classroom"))
            .to_owned(),
        Table::create()
            .table("pairing_code")
            .col(pk_uuid("classroom_id"))
            .col(string_uniq("code"))
            .col(big_integer("expires_ms"))
            .foreign_key(&mut references("classroom_id", "classroom"))
            .to_owned(),
    ]
}

fn teaching() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("course")
            .col(pk_uuid("id"))
            .col(uuid("teacher_id"))
            .col(uuid("school_id"))
            .col(string("subject"))
            .col(string("grade"))
            .foreign_key(&mut references("teacher_id", "user"))
            .foreign_key(&mut references("school_id", "school"))
            .to_owned(),
        Table::create()
            .table("lesson")
            .col(pk_uuid("id"))
            .col(uuid("course_id"))
            .col(uuid("teacher_id"))
            .col(string("title"))
            .col(string("state"))
            .col(big_integer("starts_ms"))
            .col(big_integer("ends_ms"))
            .col(big_integer_null("live_ms"))
            .col(big_integer_null("ended_ms"))
            .foreign_key(&mut references("course_id", "course"))
            .foreign_key(&mut references("teacher_id", "user"))
            .to_owned(),
        Table::create()
            .table("lesson_classroom")
            .col(uuid("lesson_id"))
            .col(uuid("classroom_id"))
            .primary_key(Index::create().col("lesson_id").col("classroom_id"))
            .foreign_key(&mut references("lesson_id", "lesson"))
            .foreign_key(&mut references("classroom_id", "classroom"))
            .to_owned(),
        Table::create()
            .table("recording")
            .col(pk_uuid("lesson_id"))
            .col(string("state"))
            .col(big_integer("epoch_us"))
            .col(big_integer("duration_ms"))
            .col(big_integer("bytes"))
            .foreign_key(&mut references("lesson_id", "lesson"))
            .to_owned(),
        event_log(),
        Table::create()
            .table("setting")
            .col(string("name").primary_key())
            .col(string("value"))
            .to_owned(),
    ]
}

/// The log has no foreign keys: it outlives what it is about. SQLite makes a rising key of `INTEGER PRIMARY KEY
/// AUTOINCREMENT` only.
fn event_log() -> TableCreateStatement {
    Table::create()
        .table("event")
        .col(
            ColumnDef::new("seq")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .col(big_integer("at_us"))
        .col(string("kind"))
        .col(uuid_null("lesson_id"))
        .col(uuid_null("classroom_id"))
        .col(uuid_null("user_id"))
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    [
        ("school", "region_id"),
        ("classroom", "school_id"),
        ("session", "expires_ms"),
        ("terminal", "classroom_id"),
        ("lesson", "starts_ms"),
        ("lesson", "state"),
        ("lesson", "teacher_id"),
        ("lesson_classroom", "classroom_id"),
        ("event", "lesson_id"),
    ]
    .into_iter()
    .map(|(table, column)| {
        Index::create()
            .name(format!("{table}_{column}"))
            .table(table)
            .col(column)
            .to_owned()
    })
    .collect()
}
