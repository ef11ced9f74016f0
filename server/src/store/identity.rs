//! People, their roles, their sign-ins; small facts of the installation.

use protocol::api::UserRole;
use protocol::id::{RegionId, SchoolId, UserId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set, TransactionTrait};
use time::OffsetDateTime;

use super::entity::{session, setting, user, user_role};
use super::{Result, Store, ms, of_word, word_of};
use crate::redact::{Name, Secret};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// Id.
    pub id: UserId,
    /// Account name.
    pub account: Name,
    /// Full name.
    pub name: Name,
    /// Argon2 hash, as a PHC string.
    pub password_hash: Secret,
    /// The region the person's rights are for.
    pub region: RegionId,
    /// The person's school.
    pub school: Option<SchoolId>,
    /// What the person may do.
    pub roles: Vec<UserRole>,
}

impl Store {
    /// Adds a person. The id is returned.
    ///
    /// # Errors
    ///
    /// When the database fails or the account is taken.
    pub async fn add_user(&self, new: &UserRow) -> Result<()> {
        let transaction = self.db.begin().await?;
        user::ActiveModel {
            id: Set(new.id.0),
            account: Set(new.account.reveal().to_owned()),
            name: Set(new.name.reveal().to_owned()),
            password_hash: Set(new.password_hash.reveal().to_owned()),
            region_id: Set(new.region.0),
            school_id: Set(new.school.map(|school| school.0)),
        }
        .insert(&transaction)
        .await?;
        for role in &new.roles {
            user_role::ActiveModel {
                user_id: Set(new.id.0),
                role: Set(word_of(role)),
            }
            .insert(&transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The person of an account.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn user_by_account(&self, account: &str) -> Result<Option<UserRow>> {
        let row = user::Entity::find()
            .filter(user::Column::Account.eq(account))
            .one(&self.db)
            .await?;
        self.with_roles(row).await
    }

    /// A person.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn user(&self, id: UserId) -> Result<Option<UserRow>> {
        let row = user::Entity::find_by_id(id.0).one(&self.db).await?;
        self.with_roles(row).await
    }

    async fn with_roles(&self, row: Option<user::Model>) -> Result<Option<UserRow>> {
        let Some(row) = row else { return Ok(None) };
        let roles = user_role::Entity::find()
            .filter(user_role::Column::UserId.eq(row.id))
            .all(&self.db)
            .await?
            .into_iter()
            .map(|row| of_word("user_role.role", row.role))
            .collect::<Result<_>>()?;
        Ok(Some(UserRow {
            id: UserId(row.id),
            account: Name::new(row.account),
            name: Name::new(row.name),
            password_hash: Secret::new(row.password_hash),
            region: RegionId(row.region_id),
            school: row.school_id.map(SchoolId),
            roles,
        }))
    }

    /// Keeps a sign-in by the hash of its cookie, and forgets those that expired.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_session(
        &self,
        token_hash: &str,
        user: UserId,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<()> {
        session::Entity::delete_many()
            .filter(session::Column::ExpiresMs.lte(ms(now)))
            .exec(&self.db)
            .await?;
        session::ActiveModel {
            token_hash: Set(token_hash.to_owned()),
            user_id: Set(user.0),
            created_ms: Set(ms(now)),
            expires_ms: Set(ms(expires_at)),
        }
        .insert(&self.db)
        .await?;
        Ok(())
    }

    /// Whose sign-in it is; `None` when there is none or it expired.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn session_user(&self, token_hash: &str, now: OffsetDateTime) -> Result<Option<UserRow>> {
        let row = session::Entity::find_by_id(token_hash.to_owned())
            .filter(session::Column::ExpiresMs.gt(ms(now)))
            .one(&self.db)
            .await?;
        match row {
            Some(row) => self.user(UserId(row.user_id)).await,
            None => Ok(None),
        }
    }

    /// Forgets a sign-in.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_session(&self, token_hash: &str) -> Result<()> {
        session::Entity::delete_by_id(token_hash.to_owned())
            .exec(&self.db)
            .await?;
        Ok(())
    }

    /// A small fact of the installation.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        Ok(setting::Entity::find_by_id(name.to_owned())
            .one(&self.db)
            .await?
            .map(|row| row.value))
    }

    /// Keeps a small fact of the installation.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        let row = setting::ActiveModel {
            name: Set(name.to_owned()),
            value: Set(value.to_owned()),
        };
        setting::Entity::insert(row)
            .on_conflict(
                OnConflict::column(setting::Column::Name)
                    .update_column(setting::Column::Value)
                    .to_owned(),
            )
            .exec_without_returning(&self.db)
            .await?;
        Ok(())
    }
}
