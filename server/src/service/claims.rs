//! Claims: a device on which nobody types shows a code, and an administrator says on a phone which classroom it stands in.
//! They live for minutes and in memory: after a restart of the server a device shows another code by itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::id::{ClassroomId, TerminalId, UserId};
use rand::Rng;
use time::{Duration, OffsetDateTime};
use tokio::sync::watch;

use super::access;
use super::limiter::Limiter;
use super::terminals::{Terminals, fresh_token, hash};
use super::{Error, Result};
use crate::redact::Secret;
use crate::store::{Store, TerminalRow, UserRow};

/// How long a device's code is good, and how long a device may hear of its pairing after that. docs/PROTOCOL.md says these bounds.
pub const LASTS: Duration = Duration::minutes(10);
/// How long a device's question is held back while nobody pairs it.
pub const HELD: Duration = Duration::seconds(10);
/// In which [`PER_ADDRESS`] and [`PER_PERSON`] count.
pub const WINDOW: Duration = Duration::minutes(10);
/// Claims one address may make within [`WINDOW`]: the boxes of a whole school share one.
pub const PER_ADDRESS: u32 = 60;
/// Wrong codes of one administrator within [`WINDOW`].
pub const PER_PERSON: u32 = 10;
/// Claims that are open at once; beyond, a device waits for one to lapse.
pub const MOST_OPEN: usize = 2_048;
/// Tries to find a code no other device shows.
const CODE_TRIES: usize = 16;

/// What a device is given: it shows the code, and keeps the secret to ask with.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Six digits.
    pub code: Secret,
    /// Only this device knows it.
    pub secret: Secret,
    /// When the code lapses.
    pub expires_at: OffsetDateTime,
}

/// Where a claim stands.
#[derive(Debug)]
enum State {
    /// The code is shown and nobody took it.
    Shown,
    /// It was paired; the device has not necessarily heard it yet, or may not have got the answer.
    Paired { token: Secret, terminal: TerminalId },
}

#[derive(Debug)]
struct Claim {
    /// Hash of the device's secret.
    device: String,
    expires_at: OffsetDateTime,
    state: State,
}

/// Use cases of claims.
#[derive(Debug)]
pub struct Claims {
    store: Store,
    terminals: Arc<Terminals>,
    /// By code.
    open: Mutex<HashMap<String, Claim>>,
    paired: watch::Sender<u64>,
    by_address: Limiter<IpAddr>,
    by_person: Limiter<UserId>,
}

impl Claims {
    /// None yet.
    #[must_use]
    pub fn new(store: Store, terminals: Arc<Terminals>) -> Self {
        Self {
            store,
            terminals,
            open: Mutex::default(),
            paired: watch::Sender::new(0),
            by_address: Limiter::new(PER_ADDRESS, WINDOW),
            by_person: Limiter::new(PER_PERSON, WINDOW),
        }
    }

    /// A code for a device to show; the same again while the one it has is good.
    ///
    /// # Errors
    ///
    /// [`Error::TooMany`] when its address made too many, or too many are open.
    pub fn claim(&self, had: Option<Secret>, address: IpAddr, now: OffsetDateTime) -> Result<Claimed> {
        let mut open = self.open();
        open.retain(|_, claim| claim.expires_at > now);
        if let Some(secret) = had {
            let device = hash(&secret);
            if let Some((code, claim)) = open.iter().find(|(_, claim)| claim.device == device) {
                return Ok(Claimed {
                    code: Secret::new(code),
                    secret,
                    expires_at: claim.expires_at,
                });
            }
        }
        let mut retry_after_s = self.by_address.wait_s(&address, now);
        if retry_after_s == 0 && open.len() >= MOST_OPEN {
            retry_after_s = 60;
        }
        if retry_after_s > 0 {
            return Err(Error::TooMany { retry_after_s });
        }
        self.by_address.failed(address, now);
        let secret = fresh_token()?;
        let code = (0..CODE_TRIES)
            .map(|_| format!("{:06}", rand::rng().random_range(0..1_000_000)))
            .find(|code| !open.contains_key(code))
            .ok_or(Error::Internal("no code is free"))?;
        let expires_at = now + LASTS;
        open.insert(
            code.clone(),
            Claim {
                device: hash(&secret),
                expires_at,
                state: State::Shown,
            },
        );
        Ok(Claimed {
            code: Secret::new(code),
            secret,
            expires_at,
        })
    }

    /// The device's cookie and row once it is paired; `None` while it is not. An answer that was lost may be asked for again.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the claim lapsed, or its pairing was revoked since.
    pub async fn collect(
        &self,
        secret: &Secret,
        now: OffsetDateTime,
    ) -> Result<Option<(Secret, TerminalRow)>> {
        let device = hash(secret);
        let paired = {
            let open = self.open();
            let claim = open
                .values()
                .find(|claim| claim.device == device && claim.expires_at > now)
                .ok_or(Error::NotFound("claim"))?;
            match &claim.state {
                State::Shown => return Ok(None),
                State::Paired { token, terminal } => (token.clone(), *terminal),
            }
        };
        let (token, terminal) = paired;
        match self.store.terminal(terminal).await? {
            Some(row) => Ok(Some((token, row))),
            None => {
                self.open().retain(|_, claim| claim.device != device);
                Err(Error::NotFound("claim"))
            }
        }
    }

    /// Changes whenever a device was paired.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.paired.subscribe()
    }

    /// An administrator of its region says where the device that shows `code` stands.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] when the person does not manage the classroom, [`Error::WrongCode`] when no device shows the code,
    /// [`Error::TooMany`] after too many of those.
    pub async fn pair(
        &self,
        person: &UserRow,
        code: &str,
        classroom: ClassroomId,
        now: OffsetDateTime,
    ) -> Result<TerminalRow> {
        let places = self.store.places().await?;
        // Whoever manages nothing learns nothing of codes either.
        access::may_manage(person, person.region, &places)?;
        let region = places
            .region_of_classroom(classroom)
            .ok_or(Error::NotFound("classroom"))?;
        access::may_manage(person, region, &places)?;
        let retry_after_s = self.by_person.wait_s(&person.id, now);
        if retry_after_s > 0 {
            return Err(Error::TooMany { retry_after_s });
        }
        let token = fresh_token()?;
        let terminal = TerminalId::new();
        if !self.take(code, &token, terminal, now) {
            self.by_person.failed(person.id, now);
            return Err(Error::WrongCode);
        }
        self.by_person.succeeded(&person.id);
        let row = self.terminals.keep(terminal, classroom, &token, now).await?;
        self.paired.send_modify(|round| *round += 1);
        Ok(row)
    }

    /// Uses a code up; `false` when no device shows it. Of two at once one has it.
    fn take(&self, code: &str, token: &Secret, terminal: TerminalId, now: OffsetDateTime) -> bool {
        let mut open = self.open();
        let shown = open
            .get_mut(code)
            .filter(|claim| claim.expires_at > now && matches!(claim.state, State::Shown));
        let Some(claim) = shown else { return false };
        claim.state = State::Paired {
            token: token.clone(),
            terminal,
        };
        // The device has as long as ever to hear it.
        claim.expires_at = now + LASTS;
        true
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Claim>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
