//! One error for all use cases; `http::error` maps it to a status.

use crate::domain::lesson::Refused;
use crate::service::tokens::TokenError;
use crate::store::StoreError;

/// Why a use case failed. All but the last two are the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is signed in.
    #[error("sign in first")]
    SignedOut,
    /// Account or password is wrong; which, is not told.
    #[error("the account or the password is wrong")]
    WrongPassword,
    /// The device is not paired, or its pairing was revoked.
    #[error("this device is not paired with a classroom; ask an administrator for a pairing code")]
    NotPaired,
    /// The pairing code is wrong, used or too old.
    #[error("the pairing code is wrong, was used before or is too old; ask for a new one")]
    WrongCode,
    /// The bearer token will not do.
    #[error("the token cannot be used: {0}")]
    Token(#[from] TokenError),
    /// Not this person's or device's to do.
    #[error("not allowed: {0}")]
    Forbidden(&'static str),
    /// There is no such thing (or it is not for these eyes).
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The lesson is not open yet.
    #[error("the lesson is not open yet")]
    NotOpen,
    /// The lesson is over.
    #[error("the lesson is over")]
    LessonOver,
    /// The lesson was cancelled.
    #[error("the lesson was cancelled")]
    LessonCancelled,
    /// The lesson cannot take this step.
    #[error(transparent)]
    Step(#[from] Refused),
    /// Something in the request has a wrong form.
    #[error("{what} is wrong: {allowed}")]
    Invalid {
        /// Which value.
        what: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Too many failures.
    #[error("too many failed attempts; try again in {retry_after_s} s")]
    TooMany {
        /// When it may be tried again.
        retry_after_s: u64,
    },
    /// The store failed: our fault.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something else of ours failed.
    #[error("internal: {0}")]
    Internal(&'static str),
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;
