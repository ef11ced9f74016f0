//! Truth on disk: SeaORM over SQLite in the data directory. Queries live here and nowhere else; ids and words of the
//! domain come in and go out. Nothing but [`Store::open`] knows that it is SQLite.

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use sea_orm_migration::MigratorTrait;
use time::OffsetDateTime;

pub mod entity;
mod events;
mod identity;
mod lessons;
mod migration;
mod places;
mod recordings;
mod terminals;

pub use events::LoggedEvent;
pub use identity::UserRow;
pub use lessons::{LessonFilter, LessonRow, NewLesson};
pub use places::{ClassroomRow, Places, SchoolRow};
pub use recordings::RecordingRow;
pub use terminals::TerminalRow;

/// Connections of the pool; SQLite writes one at a time and reads beside it.
const CONNECTIONS: u32 = 8;

/// Why the store failed; always ours.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no.
    #[error("store: {0}")]
    Database(#[from] sea_orm::DbErr),
    /// A row holds a word this version does not know.
    #[error("store: {what} holds the unknown word {word:?}")]
    Word {
        /// Table and column.
        what: &'static str,
        /// The word.
        word: String,
    },
}

/// The result of a query.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A handle to the database; cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Store {
    db: DatabaseConnection,
}

impl Store {
    /// Opens (or makes) `tongke.db` in the data directory and brings it up to date.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or migrated.
    pub async fn open(data: &Path) -> Result<Self> {
        let file = data.join("tongke.db");
        let mut options = ConnectOptions::new("sqlite://tongke.db?mode=rwc");
        options
            .max_connections(CONNECTIONS)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |sqlite| {
                sqlite
                    .filename(&file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(10))
            });
        let db = Database::connect(options).await?;
        migration::Migrator::up(&db, None).await?;
        Ok(Self { db })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.db.ping().await?)
    }

    /// Writes what is in memory and closes the connections.
    ///
    /// # Errors
    ///
    /// When a connection cannot be closed.
    pub async fn close(self) -> Result<()> {
        Ok(self.db.close().await?)
    }
}

/// Unix time in ms.
#[must_use]
pub fn ms(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// The time of Unix `ms`; the epoch when it is out of range.
#[must_use]
pub fn time_of(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Unix time in µs.
#[must_use]
pub fn us(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

/// The word serde writes for a unit variant.
fn word_of<T: serde::Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The unit variant serde reads from a word.
fn of_word<T: serde::de::DeserializeOwned>(what: &'static str, word: String) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(word.clone()))
        .map_err(|_| StoreError::Word { what, word })
}
