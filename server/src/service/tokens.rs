//! Join tokens and signed replay addresses: signed with a key of the data directory, so that `tongke token` works beside
//! a running server. The key never leaves the directory.

mod key;
mod tool;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use aws_lc_rs::hmac;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use protocol::id::{ClassroomId, LessonId, TerminalId, UserId};
use protocol::signal::Role;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::lessons::DEMO;
use crate::demo::DemoLessons;

pub use tool::for_tool;

/// How long a signed replay address works: longer than anybody watches at a sitting.
const REPLAY_ADDRESS: Duration = Duration::hours(12);
const JOIN: &str = "join";
const REPLAY: &str = "replay";

/// Whose place in a room a token is for. One seat has one peer for the whole lesson.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seat {
    /// A person.
    User(UserId),
    /// The terminal of a classroom.
    Terminal {
        /// The device.
        terminal: TerminalId,
        /// Where it stands.
        classroom: ClassroomId,
    },
    /// A program with a token of `tongke token`; each token has its own.
    Tool(String),
}

/// What a join token says.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinClaims {
    /// For this lesson only.
    pub lesson: LessonId,
    /// What its bearer may do.
    pub role: Role,
    /// Whose place.
    pub seat: Seat,
    /// Name of the classroom or the person.
    pub name: String,
    /// Name of the school.
    pub school: String,
    /// When it expires.
    pub expires_at: OffsetDateTime,
}

impl std::fmt::Debug for JoinClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinClaims")
            .field("lesson", &self.lesson)
            .field("role", &self.role)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of this server, or for something else.
    #[error("it is not a token for this")]
    Invalid,
    /// Too old.
    #[error("it is too old; ask for another")]
    Expired,
    /// The terminal's pairing was revoked.
    #[error("the terminal's pairing was revoked")]
    Revoked,
}

/// The token on the wire.
#[derive(Serialize, Deserialize)]
struct Wire {
    /// What for: a join token is no replay address and the other way round.
    aud: String,
    exp: i64,
    /// A lesson's id, or [`DEMO`] for whichever is the demo lesson when the token is used.
    lesson: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    join: Option<WireJoin>,
}

#[derive(Serialize, Deserialize)]
struct WireJoin {
    role: Role,
    seat: Seat,
    name: String,
    school: String,
}

/// Issues and verifies tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    derives: hmac::Key,
    /// Of every revoked terminal; few, and read per join only.
    revoked: RwLock<HashSet<TerminalId>>,
    demo: OnceLock<Arc<DemoLessons>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads the key of the data directory, or makes one.
    ///
    /// # Errors
    ///
    /// When the key cannot be read or written.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let key = key::signing_key(&data.join("token.key"))?;
        Ok(Self {
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            derives: hmac::Key::new(hmac::HMAC_SHA256, &key),
            revoked: RwLock::default(),
            demo: OnceLock::new(),
        })
    }

    /// A key for another purpose, the same over restarts; it does not tell the one it is made of.
    #[must_use]
    pub fn derived(&self, purpose: &[u8]) -> Vec<u8> {
        hmac::sign(&self.derives, purpose).as_ref().to_vec()
    }

    /// Tokens of these terminals are refused from now.
    pub fn set_revoked(&self, terminals: impl IntoIterator<Item = TerminalId>) {
        self.revoked
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(terminals);
    }

    /// `demo` stands for one of these lessons from now.
    pub(crate) fn attach_demo(&self, demo: Arc<DemoLessons>) {
        // Attached once, at start.
        let _ = self.demo.set(demo);
    }

    /// A token that says `claims`.
    ///
    /// # Errors
    ///
    /// Never for claims made by this program; kept because the signer says so.
    pub fn issue(&self, claims: &JoinClaims) -> Result<String, TokenError> {
        self.issue_named(claims.lesson.to_string(), claims)
    }

    /// As [`Tokens::issue`], for whichever is the demo lesson when the token is used; `claims.lesson` does not count.
    ///
    /// # Errors
    ///
    /// As [`Tokens::issue`].
    pub fn issue_demo(&self, claims: &JoinClaims) -> Result<String, TokenError> {
        self.issue_named(DEMO.to_owned(), claims)
    }

    fn issue_named(&self, lesson: String, claims: &JoinClaims) -> Result<String, TokenError> {
        self.sign(&Wire {
            aud: JOIN.to_owned(),
            exp: claims.expires_at.unix_timestamp(),
            lesson,
            join: Some(WireJoin {
                role: claims.role,
                seat: claims.seat.clone(),
                name: claims.name.clone(),
                school: claims.school.clone(),
            }),
        })
    }

    /// What a join token says.
    ///
    /// # Errors
    ///
    /// When it is not one, is too old or its terminal was revoked.
    pub fn verify(&self, token: &str, now: OffsetDateTime) -> Result<JoinClaims, TokenError> {
        let wire = self.read(token, JOIN, now)?;
        let lesson = self.lesson_of(&wire)?;
        let join = wire.join.ok_or(TokenError::Invalid)?;
        if let Seat::Terminal { terminal, .. } = join.seat
            && self
                .revoked
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&terminal)
        {
            return Err(TokenError::Revoked);
        }
        Ok(JoinClaims {
            lesson,
            role: join.role,
            seat: join.seat,
            name: join.name,
            school: join.school,
            expires_at: OffsetDateTime::from_unix_timestamp(wire.exp).map_err(|_| TokenError::Invalid)?,
        })
    }

    /// The value of `?token=` that opens the replay of one lesson for [`REPLAY_ADDRESS`]. The same within an hour, so that
    /// players and proxies may cache.
    ///
    /// # Errors
    ///
    /// Never for a key made by this program.
    pub fn issue_replay(&self, lesson: LessonId, now: OffsetDateTime) -> Result<String, TokenError> {
        let hour = now.unix_timestamp().div_euclid(3_600) * 3_600;
        self.sign(&Wire {
            aud: REPLAY.to_owned(),
            exp: hour + REPLAY_ADDRESS.whole_seconds(),
            lesson: lesson.to_string(),
            join: None,
        })
    }

    /// What a join token says, if it is for this lesson; one for `demo` is for every lesson that is or was the demo lesson.
    ///
    /// # Errors
    ///
    /// As [`Tokens::verify`], and when it is for another lesson.
    pub fn verify_for(
        &self,
        lesson: LessonId,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<JoinClaims, TokenError> {
        let mut claims = self.verify(token, now)?;
        if self.is_for(&self.read(token, JOIN, now)?, lesson)? {
            claims.lesson = lesson;
            Ok(claims)
        } else {
            Err(TokenError::Invalid)
        }
    }

    /// Whether a token opens the replay of a lesson: one of [`Tokens::issue_replay`], or any join token of the lesson.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn verify_replay(
        &self,
        lesson: LessonId,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<(), TokenError> {
        match self.read(token, REPLAY, now) {
            Ok(wire) if self.is_for(&wire, lesson)? => Ok(()),
            Ok(_) => Err(TokenError::Invalid),
            Err(TokenError::Invalid) => self.verify_for(lesson, token, now).map(|_| ()),
            Err(error) => Err(error),
        }
    }

    fn is_for(&self, wire: &Wire, lesson: LessonId) -> Result<bool, TokenError> {
        Ok(match self.demo.get() {
            Some(demo) if wire.lesson == DEMO => demo.has(lesson),
            _ => self.lesson_of(wire)? == lesson,
        })
    }

    fn lesson_of(&self, wire: &Wire) -> Result<LessonId, TokenError> {
        match self.demo.get() {
            Some(demo) if wire.lesson == DEMO => Ok(demo.current()),
            _ => wire.lesson.parse().map_err(|_| TokenError::Invalid),
        }
    }

    fn sign(&self, wire: &Wire) -> Result<String, TokenError> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), wire, &self.encoding)
            .map_err(|_| TokenError::Invalid)
    }

    fn read(&self, token: &str, audience: &str, now: OffsetDateTime) -> Result<Wire, TokenError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "aud"]);
        // The library would ask the machine's clock; ours is passed in.
        validation.validate_exp = false;
        let wire = jsonwebtoken::decode::<Wire>(token, &self.decoding, &validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        if wire.exp <= now.unix_timestamp() {
            Err(TokenError::Expired)
        } else {
            Ok(wire)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(seat: Seat, now: OffsetDateTime) -> JoinClaims {
        JoinClaims {
            lesson: LessonId::new(),
            role: Role::Classroom,
            seat,
            name: "三年级(2)班".to_owned(),
            school: "天山第六小学".to_owned(),
            expires_at: now + Duration::minutes(5),
        }
    }

    fn opened() -> (tempfile::TempDir, Tokens, OffsetDateTime) {
        let data = tempfile::tempdir().expect("a directory");
        let tokens = Tokens::open(data.path()).expect("a key");
        let now = OffsetDateTime::from_unix_timestamp(1_790_000_000).expect("a time");
        (data, tokens, now)
    }

    #[test]
    fn a_token_says_what_it_was_issued_for_until_it_expires() {
        let (data, tokens, now) = opened();
        let claims = claims(Seat::Tool("a".to_owned()), now);
        let token = tokens.issue(&claims).expect("a token");
        assert_eq!(tokens.verify(&token, now), Ok(claims.clone()));
        assert_eq!(tokens.verify(&token, claims.expires_at), Err(TokenError::Expired));
        let beside = Tokens::open(data.path()).expect("the same key");
        assert_eq!(beside.verify(&token, now), Ok(claims));
    }

    #[test]
    fn tokens_of_others_and_for_other_things_are_invalid() {
        let (_data, tokens, now) = opened();
        let (_other_data, other, _) = opened();
        let claims = claims(Seat::Tool("a".to_owned()), now);
        let foreign = other.issue(&claims).expect("a token");
        assert_eq!(tokens.verify(&foreign, now), Err(TokenError::Invalid));
        let replay = tokens.issue_replay(claims.lesson, now).expect("a token");
        assert_eq!(tokens.verify(&replay, now), Err(TokenError::Invalid));
        for text in ["", "x", "a.b.c", "💥"] {
            assert_eq!(tokens.verify(text, now), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn a_replay_opens_by_its_address_or_by_a_join_token_of_the_lesson() {
        let (_data, tokens, now) = opened();
        let claims = claims(Seat::Tool("a".to_owned()), now);
        let join = tokens.issue(&claims).expect("a token");
        let address = tokens.issue_replay(claims.lesson, now).expect("a token");
        for token in [&join, &address] {
            assert_eq!(tokens.verify_replay(claims.lesson, token, now), Ok(()));
            assert_eq!(
                tokens.verify_replay(LessonId::new(), token, now),
                Err(TokenError::Invalid)
            );
        }
        let late = now + REPLAY_ADDRESS + Duration::SECOND;
        assert_eq!(
            tokens.verify_replay(claims.lesson, &address, late),
            Err(TokenError::Expired)
        );
    }

    #[test]
    fn tokens_of_a_revoked_terminal_are_refused() {
        let (_data, tokens, now) = opened();
        let terminal = TerminalId::new();
        let seat = Seat::Terminal {
            terminal,
            classroom: ClassroomId::new(),
        };
        let token = tokens.issue(&claims(seat, now)).expect("a token");
        assert!(tokens.verify(&token, now).is_ok());
        tokens.set_revoked([terminal]);
        assert_eq!(tokens.verify(&token, now), Err(TokenError::Revoked));
    }

    #[test]
    fn the_key_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let (data, _, _) = opened();
        let mode = std::fs::metadata(data.path().join("token.key"))
            .expect("the key")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
