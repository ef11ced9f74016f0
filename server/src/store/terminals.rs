//! Paired devices and the codes that pair them.

use protocol::id::{ClassroomId, TerminalId};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Set, TransactionTrait};
use time::OffsetDateTime;

use super::entity::{pairing_code, terminal};
use super::{Result, Store, ms, time_of};
use crate::redact::Secret;

/// A paired device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalRow {
    /// Id.
    pub id: TerminalId,
    /// Where it stands.
    pub classroom: ClassroomId,
    /// When it was paired.
    pub paired_at: OffsetDateTime,
    /// When it was last seen.
    pub seen_at: Option<OffsetDateTime>,
}

impl From<terminal::Model> for TerminalRow {
    fn from(row: terminal::Model) -> Self {
        Self {
            id: TerminalId(row.id),
            classroom: ClassroomId(row.classroom_id),
            paired_at: time_of(row.paired_ms),
            seen_at: row.seen_ms.map(time_of),
        }
    }
}

impl Store {
    /// Keeps a pairing code for a classroom in place of the one before.
    ///
    /// # Errors
    ///
    /// When the database fails or another classroom has this code.
    pub async fn set_pairing_code(
        &self,
        classroom: ClassroomId,
        code: &Secret,
        expires_at: OffsetDateTime,
    ) -> Result<()> {
        let row = pairing_code::ActiveModel {
            classroom_id: Set(classroom.0),
            code: Set(code.reveal().to_owned()),
            expires_ms: Set(ms(expires_at)),
        };
        pairing_code::Entity::insert(row)
            .on_conflict(
                OnConflict::column(pairing_code::Column::ClassroomId)
                    .update_columns([pairing_code::Column::Code, pairing_code::Column::ExpiresMs])
                    .to_owned(),
            )
            .exec_without_returning(&self.db)
            .await?;
        Ok(())
    }

    /// Codes that wait to be used.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn pairing_codes(&self, now: OffsetDateTime) -> Result<Vec<(ClassroomId, Secret)>> {
        let rows = pairing_code::Entity::find()
            .filter(pairing_code::Column::ExpiresMs.gt(ms(now)))
            .all(&self.db)
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| (ClassroomId(row.classroom_id), Secret::new(row.code)))
            .collect())
    }

    /// Uses up a code and keeps the new terminal; `None` when no classroom waits for this code.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn pair(
        &self,
        code: &Secret,
        token_hash: &str,
        now: OffsetDateTime,
    ) -> Result<Option<TerminalRow>> {
        let transaction = self.db.begin().await?;
        let Some(waiting) = pairing_code::Entity::find()
            .filter(pairing_code::Column::Code.eq(code.reveal()))
            .filter(pairing_code::Column::ExpiresMs.gt(ms(now)))
            .one(&transaction)
            .await?
        else {
            return Ok(None);
        };
        // Two boxes that type the same code at once: the one whose delete counts has it.
        let used = pairing_code::Entity::delete_many()
            .filter(pairing_code::Column::ClassroomId.eq(waiting.classroom_id))
            .filter(pairing_code::Column::Code.eq(code.reveal()))
            .exec(&transaction)
            .await?;
        if used.rows_affected != 1 {
            return Ok(None);
        }
        let row = terminal::ActiveModel {
            id: Set(TerminalId::new().0),
            classroom_id: Set(waiting.classroom_id),
            token_hash: Set(token_hash.to_owned()),
            paired_ms: Set(ms(now)),
            seen_ms: Set(Some(ms(now))),
            revoked_ms: Set(None),
        }
        .insert(&transaction)
        .await?;
        transaction.commit().await?;
        Ok(Some(row.into()))
    }

    /// Keeps a terminal that was not seen yet.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_terminal(
        &self,
        id: TerminalId,
        classroom: ClassroomId,
        token_hash: &str,
        now: OffsetDateTime,
    ) -> Result<TerminalRow> {
        let row = terminal::ActiveModel {
            id: Set(id.0),
            classroom_id: Set(classroom.0),
            token_hash: Set(token_hash.to_owned()),
            paired_ms: Set(ms(now)),
            seen_ms: Set(None),
            revoked_ms: Set(None),
        }
        .insert(&self.db)
        .await?;
        Ok(row.into())
    }

    /// The terminal of a cookie; `None` when there is none or it was revoked.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn terminal_by_token(&self, token_hash: &str) -> Result<Option<TerminalRow>> {
        let row = terminal::Entity::find()
            .filter(terminal::Column::TokenHash.eq(token_hash))
            .filter(terminal::Column::RevokedMs.is_null())
            .one(&self.db)
            .await?;
        Ok(row.map(Into::into))
    }

    /// A terminal that was not revoked.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn terminal(&self, id: TerminalId) -> Result<Option<TerminalRow>> {
        let row = terminal::Entity::find_by_id(id.0)
            .filter(terminal::Column::RevokedMs.is_null())
            .one(&self.db)
            .await?;
        Ok(row.map(Into::into))
    }

    /// Terminals that were not revoked, oldest first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn terminals(&self) -> Result<Vec<TerminalRow>> {
        let rows = terminal::Entity::find()
            .filter(terminal::Column::RevokedMs.is_null())
            .order_by_asc(terminal::Column::PairedMs)
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Ids of revoked terminals.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn revoked_terminals(&self) -> Result<Vec<TerminalId>> {
        let rows = terminal::Entity::find()
            .filter(terminal::Column::RevokedMs.is_not_null())
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().map(|row| TerminalId(row.id)).collect())
    }

    /// Revokes a terminal; `false` when it was revoked before or is not there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn revoke_terminal(&self, id: TerminalId, now: OffsetDateTime) -> Result<bool> {
        let done = terminal::Entity::update_many()
            .col_expr(terminal::Column::RevokedMs, Expr::value(ms(now)))
            .filter(terminal::Column::Id.eq(id.0))
            .filter(terminal::Column::RevokedMs.is_null())
            .exec(&self.db)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Keeps when a terminal was last seen.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn terminal_seen(&self, id: TerminalId, now: OffsetDateTime) -> Result<()> {
        terminal::Entity::update_many()
            .col_expr(terminal::Column::SeenMs, Expr::value(ms(now)))
            .filter(terminal::Column::Id.eq(id.0))
            .exec(&self.db)
            .await?;
        Ok(())
    }
}
