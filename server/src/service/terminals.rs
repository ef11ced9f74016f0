//! Classrooms, their pairing codes and their paired devices.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use protocol::api;
use protocol::id::{ClassroomId, TerminalId};
use protocol::signal::LessonState;
use rand::Rng;
use time::{Duration, OffsetDateTime};
use tokio::sync::broadcast;

use super::access;
use super::events::Events;
use super::lessons::Lessons;
use super::limiter::Limiter;
use super::tokens::Tokens;
use super::{Error, Result};
use crate::domain::event::EventKind;
use crate::redact::Secret;
use crate::store::{LessonFilter, Store, TerminalRow, UserRow};

/// How long a pairing code waits: a box may be carried to another village first.
const CODE_WAITS: Duration = Duration::hours(72);
const WINDOW: Duration = Duration::minutes(10);
/// Wrong codes from one address within [`WINDOW`].
const PER_ADDRESS: u32 = 10;
/// Wrong codes from everywhere: a million codes must not be tried out by many addresses together.
const IN_ALL: u32 = 300;
/// Upcoming lessons a terminal is told of.
const UPCOMING: usize = 3;
/// How far ahead they are looked for.
const AHEAD: Duration = Duration::days(14);
/// Tries to find a code no other classroom waits for.
const CODE_TRIES: usize = 16;
/// How many revocations a slow reader may be behind.
const REVOCATIONS: usize = 64;

/// Use cases of terminals.
#[derive(Debug)]
pub struct Terminals {
    store: Store,
    events: Events,
    tokens: Arc<Tokens>,
    lessons: Arc<Lessons>,
    revoked: broadcast::Sender<TerminalId>,
    by_address: Limiter<IpAddr>,
    in_all: Limiter<()>,
}

impl Terminals {
    /// Over the store.
    #[must_use]
    pub fn new(store: Store, events: Events, tokens: Arc<Tokens>, lessons: Arc<Lessons>) -> Self {
        Self {
            store,
            events,
            tokens,
            lessons,
            revoked: broadcast::Sender::new(REVOCATIONS),
            by_address: Limiter::new(PER_ADDRESS, WINDOW),
            in_all: Limiter::new(IN_ALL, WINDOW),
        }
    }

    /// Pairs a device with the classroom that waits for this code; returns the cookie's value, of which only the hash is kept.
    ///
    /// # Errors
    ///
    /// [`Error::WrongCode`], or [`Error::TooMany`] after too many of those.
    pub async fn pair(
        &self,
        code: &str,
        address: IpAddr,
        now: OffsetDateTime,
    ) -> Result<(Secret, TerminalRow)> {
        let retry_after_s = self
            .by_address
            .wait_s(&address, now)
            .max(self.in_all.wait_s(&(), now));
        if retry_after_s > 0 {
            return Err(Error::TooMany { retry_after_s });
        }
        let digits: String = code
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .take(7)
            .collect();
        let well_formed = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit());
        let token = fresh_token()?;
        let paired = match well_formed {
            true => self.store.pair(&Secret::new(digits), &hash(&token), now).await?,
            false => None,
        };
        let Some(terminal) = paired else {
            self.by_address.failed(address, now);
            self.in_all.failed((), now);
            return Err(Error::WrongCode);
        };
        self.by_address.succeeded(&address);
        self.events
            .log(EventKind::TerminalPaired, None, terminal.classroom, now)
            .await?;
        Ok((token, terminal))
    }

    /// Keeps a device that an administrator placed in a classroom; `token` is its cookie's value.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(super) async fn keep(
        &self,
        id: TerminalId,
        classroom: ClassroomId,
        token: &Secret,
        now: OffsetDateTime,
    ) -> Result<TerminalRow> {
        let row = self.store.add_terminal(id, classroom, &hash(token), now).await?;
        self.events
            .log(EventKind::TerminalPaired, None, classroom, now)
            .await?;
        Ok(row)
    }

    /// The device of a cookie.
    ///
    /// # Errors
    ///
    /// [`Error::NotPaired`] when there is none or it was revoked.
    pub async fn whose(&self, token: &Secret) -> Result<TerminalRow> {
        self.store
            .terminal_by_token(&hash(token))
            .await?
            .ok_or(Error::NotPaired)
    }

    /// Whether a device is still paired.
    ///
    /// # Errors
    ///
    /// [`Error::NotPaired`] when it was revoked.
    pub async fn get(&self, id: TerminalId) -> Result<TerminalRow> {
        self.store.terminal(id).await?.ok_or(Error::NotPaired)
    }

    /// Devices that are revoked from now on. Whoever lags looks at its own anew.
    #[must_use]
    pub fn revocations(&self) -> broadcast::Receiver<TerminalId> {
        self.revoked.subscribe()
    }

    /// What a device is told, and that it was seen.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn state(&self, terminal: TerminalRow, now: OffsetDateTime) -> Result<api::TerminalState> {
        self.store.terminal_seen(terminal.id, now).await?;
        let places = self.store.places().await?;
        let classroom = places
            .classroom_body(terminal.classroom)
            .ok_or(Error::NotPaired)?;
        let rows = self
            .lessons
            .list(&LessonFilter {
                classroom: Some(terminal.classroom),
                to: Some(now + AHEAD),
                states: Some(vec![LessonState::Scheduled, LessonState::Open, LessonState::Live]),
                ..LessonFilter::default()
            })
            .await?;
        // One that is live goes before one that is only open.
        let current = rows
            .iter()
            .find(|row| row.state == LessonState::Live)
            .or_else(|| rows.iter().find(|row| row.state == LessonState::Open))
            .cloned();
        let upcoming = rows
            .into_iter()
            .filter(|row| row.ends_at > now && current.as_ref().is_none_or(|current| current.id != row.id))
            .take(UPCOMING)
            .collect();
        Ok(api::TerminalState {
            terminal: terminal.id,
            classroom,
            now,
            current: match current {
                Some(row) => Some(self.lessons.body(row, &places).await?),
                None => None,
            },
            upcoming: self.lessons.bodies(upcoming, &places).await?,
        })
    }

    /// Classrooms with their codes and devices, for an administrator of their region.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] when the person is none.
    pub async fn classrooms(
        &self,
        person: &UserRow,
        now: OffsetDateTime,
    ) -> Result<Vec<api::ClassroomDetail>> {
        let places = self.store.places().await?;
        access::may_manage(person, person.region, &places)?;
        let codes = self.store.pairing_codes(now).await?;
        let terminals = self.store.terminals().await?;
        let mut details: Vec<_> = places
            .classrooms()
            .filter(|row| {
                places
                    .region_of_classroom(row.id)
                    .is_some_and(|region| places.within(region, person.region))
            })
            .filter_map(|row| places.classroom_body(row.id))
            .map(|classroom| api::ClassroomDetail {
                pairing_code: codes
                    .iter()
                    .find(|(id, _)| *id == classroom.id)
                    .map(|(_, code)| code.reveal().to_owned()),
                terminals: terminals
                    .iter()
                    .filter(|terminal| terminal.classroom == classroom.id)
                    .map(|row| api::Terminal {
                        id: row.id,
                        paired_at: row.paired_at,
                        seen_at: row.seen_at,
                    })
                    .collect(),
                classroom,
            })
            .collect();
        details.sort_by(|a, b| {
            (&a.classroom.school.name, &a.classroom.name).cmp(&(&b.classroom.school.name, &b.classroom.name))
        });
        Ok(details)
    }

    /// A new pairing code in place of the one before.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] when the person does not manage the classroom, [`Error::NotFound`].
    pub async fn new_code(
        &self,
        person: &UserRow,
        classroom: ClassroomId,
        now: OffsetDateTime,
    ) -> Result<api::ClassroomDetail> {
        let places = self.store.places().await?;
        let region = places
            .region_of_classroom(classroom)
            .ok_or(Error::NotFound("classroom"))?;
        access::may_manage(person, region, &places)?;
        self.make_code(classroom, now).await?;
        self.classrooms(person, now)
            .await?
            .into_iter()
            .find(|detail| detail.classroom.id == classroom)
            .ok_or(Error::NotFound("classroom"))
    }

    /// Makes and keeps a code no other classroom waits for.
    pub(crate) async fn make_code(&self, classroom: ClassroomId, now: OffsetDateTime) -> Result<Secret> {
        let taken = self.store.pairing_codes(OffsetDateTime::UNIX_EPOCH).await?;
        for _ in 0..CODE_TRIES {
            let code = Secret::new(format!("{:06}", rand::rng().random_range(0..1_000_000)));
            if taken.iter().all(|(id, other)| *id == classroom || *other != code) {
                self.store
                    .set_pairing_code(classroom, &code, now + CODE_WAITS)
                    .await?;
                return Ok(code);
            }
        }
        Err(Error::Internal("no pairing code is free"))
    }

    /// Revokes a device, for an administrator of its region.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] when the person does not manage the classroom, [`Error::NotFound`].
    pub async fn revoke(&self, person: &UserRow, id: TerminalId, now: OffsetDateTime) -> Result<()> {
        let row = self
            .store
            .terminal(id)
            .await?
            .ok_or(Error::NotFound("terminal"))?;
        let places = self.store.places().await?;
        let region = places
            .region_of_classroom(row.classroom)
            .ok_or(Error::NotFound("terminal"))?;
        access::may_manage(person, region, &places)?;
        self.unpair(row, now).await
    }

    /// The device gives its pairing up, or it is taken from it.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn unpair(&self, terminal: TerminalRow, now: OffsetDateTime) -> Result<()> {
        if self.store.revoke_terminal(terminal.id, now).await? {
            self.tokens.set_revoked([terminal.id]);
            self.events
                .log(EventKind::TerminalRevoked, None, terminal.classroom, now)
                .await?;
            self.lessons.terminal_revoked(terminal.id);
            // Nobody may be listening.
            let _ = self.revoked.send(terminal.id);
        }
        Ok(())
    }
}

/// 256 random bits in hex, for a cookie.
pub(crate) fn fresh_token() -> Result<Secret> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::Internal("no randomness from the system"))?;
    Ok(Secret::new(hex(&bytes)))
}

/// SHA-256 of a cookie's value in hex: a fast hash is right for 256 random bits.
pub(super) fn hash(token: &Secret) -> String {
    hex(digest(&SHA256, token.reveal().as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
