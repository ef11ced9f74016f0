//! People and their sign-ins.

use std::net::IpAddr;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use protocol::api;
use time::{Duration, OffsetDateTime};
use tokio::sync::Semaphore;

use super::events::Events;
use super::limiter::Limiter;
use super::{Error, Result};
use crate::config::Config;
use crate::domain::event::EventKind;
use crate::redact::Secret;
use crate::store::{Store, UserRow};

/// Hashes at once: each takes 19 MiB and some tens of ms of a core that also forwards media.
const HASHES_AT_ONCE: usize = 2;
/// Failures of one account from one address, within [`WINDOW`].
const PER_ACCOUNT_AND_ADDRESS: u32 = 5;
/// Failures of one account from anywhere.
const PER_ACCOUNT: u32 = 50;
/// Failures from one address: a whole school may sit behind one.
const PER_ADDRESS: u32 = 100;
const WINDOW: Duration = Duration::minutes(5);
/// Longer ones are refused before they are hashed.
const LONGEST_ACCOUNT: usize = 128;
const LONGEST_PASSWORD: usize = 256;

/// Use cases of identity.
#[derive(Debug)]
pub struct Identity {
    store: Store,
    events: Events,
    session: Duration,
    hashing: Arc<Semaphore>,
    by_both: Limiter<(String, IpAddr)>,
    by_account: Limiter<String>,
    by_address: Limiter<IpAddr>,
}

/// A fresh sign-in.
#[derive(Debug)]
pub struct SignedIn {
    /// For the cookie; only its hash is kept.
    pub token: Secret,
    /// How long it works.
    pub lasts: Duration,
    /// Who.
    pub user: UserRow,
}

impl Identity {
    /// Over the store.
    #[must_use]
    pub fn new(config: &Config, store: Store, events: Events) -> Self {
        Self {
            store,
            events,
            session: Duration::hours(i64::from(config.session_hours)),
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            by_both: Limiter::new(PER_ACCOUNT_AND_ADDRESS, WINDOW),
            by_account: Limiter::new(PER_ACCOUNT, WINDOW),
            by_address: Limiter::new(PER_ADDRESS, WINDOW),
        }
    }

    /// Signs a person in.
    ///
    /// # Errors
    ///
    /// [`Error::WrongPassword`], or [`Error::TooMany`] after too many of those.
    pub async fn sign_in(&self, body: api::SignIn, address: IpAddr, now: OffsetDateTime) -> Result<SignedIn> {
        let api::SignIn { account, password } = body;
        if account.is_empty() || account.len() > LONGEST_ACCOUNT || password.len() > LONGEST_PASSWORD {
            return Err(Error::WrongPassword);
        }
        let both = (account.clone(), address);
        let retry_after_s = self
            .by_both
            .wait_s(&both, now)
            .max(self.by_account.wait_s(&account, now))
            .max(self.by_address.wait_s(&address, now));
        if retry_after_s > 0 {
            return Err(Error::TooMany { retry_after_s });
        }
        let user = self.store.user_by_account(&account).await?;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        if !self.matches(Secret::new(password), hash).await? {
            self.by_both.failed(both, now);
            self.by_account.failed(account, now);
            self.by_address.failed(address, now);
            return Err(Error::WrongPassword);
        }
        let user = user.ok_or(Error::WrongPassword)?;
        self.by_both.succeeded(&both);
        let token = super::terminals::fresh_token()?;
        self.store
            .add_session(&super::terminals::hash(&token), user.id, now, now + self.session)
            .await?;
        self.events.log(EventKind::SignedIn, None, user.id, now).await?;
        Ok(SignedIn {
            token,
            lasts: self.session,
            user,
        })
    }

    /// Who is signed in by this cookie.
    ///
    /// # Errors
    ///
    /// [`Error::SignedOut`] when nobody is.
    pub async fn whose(&self, token: &Secret, now: OffsetDateTime) -> Result<UserRow> {
        self.store
            .session_user(&super::terminals::hash(token), now)
            .await?
            .ok_or(Error::SignedOut)
    }

    /// Forgets a sign-in.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn sign_out(&self, token: &Secret) -> Result<()> {
        Ok(self.store.remove_session(&super::terminals::hash(token)).await?)
    }

    /// A person as clients see one.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn body(&self, user: &UserRow) -> Result<api::User> {
        let places = self.store.places().await?;
        Ok(api::User {
            id: user.id,
            account: user.account.reveal().to_owned(),
            name: user.name.reveal().to_owned(),
            roles: user.roles.clone(),
            school: user.school.map(|school| places.school_body(school)),
        })
    }

    /// Whether the password is the one of the hash. Where there is no such account the same work is done, so that the time
    /// taken does not tell.
    async fn matches(&self, password: Secret, hash: Option<Secret>) -> Result<bool> {
        let permit = self
            .hashing
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| Error::Internal("stopping"))?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            match hash {
                Some(hash) => PasswordHash::new(hash.reveal()).is_ok_and(|parsed| {
                    Argon2::default()
                        .verify_password(password.reveal().as_bytes(), &parsed)
                        .is_ok()
                }),
                None => {
                    let _ = hash_password(&password);
                    false
                }
            }
        })
        .await
        .map_err(|_| Error::Internal("hashing"))
    }
}

/// The Argon2id hash of a password, as a PHC string.
///
/// # Errors
///
/// When the system gives no randomness.
pub fn hash_password(password: &Secret) -> Result<Secret> {
    Argon2::default()
        .hash_password(password.reveal().as_bytes())
        .map(|hash| Secret::new(hash.to_string()))
        .map_err(|_| Error::Internal("hashing"))
}
