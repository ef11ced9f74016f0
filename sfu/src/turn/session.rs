//! One client: bytes and time in; answers, steps and the next deadline out.
//!
//! - `requests`: what a message of the client asks for.

mod requests;

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rtc_stun::attributes::{
    ATTR_DATA, ATTR_LIFETIME, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS,
};
use rtc_stun::error_code::{CODE_ALLOC_QUOTA_REACHED, CODE_INSUFFICIENT_CAPACITY};
use rtc_stun::message::{CLASS_INDICATION, METHOD_DATA, Message, MessageType, Setter, TransactionId};

use super::Realm;
use super::allocation::Allocation;
use super::frames::{self, CHANNEL_HEADER, Frame, Malformed};
use super::message::{self, Address, Bytes};

/// A connection without an allocation is closed after this.
pub const FRESH: Duration = Duration::from_secs(10);
/// Where a client does not say how long it wants its allocation (RFC 8656 §7.2).
pub const LIFETIME: Duration = Duration::from_secs(600);
/// No allocation lasts longer without being refreshed.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(3_600);
/// A client that sends no datagram for so long has another way: it is closed.
pub const IDLE: Duration = Duration::from_secs(120);
/// A nonce is good for so long.
const NONCE: Duration = Duration::from_secs(3_600);

/// What the one who has the sockets is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Bind a socket for the user of [`Session::user`], then say [`Session::opened`] or [`Session::refused`].
    Open,
    /// Close the socket.
    Close,
    /// Send a datagram from the socket.
    Send {
        /// Where to.
        to: SocketAddr,
        /// The datagram.
        data: &'a [u8],
    },
}

/// Why no socket is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The user has enough of them.
    Quota,
    /// There are enough in all, or the system gives none.
    Capacity,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It did not ask for an allocation, or gave it back.
    Unused,
    /// Its allocation was not refreshed.
    Expired,
    /// It sent nothing for long.
    Idle,
}

/// A request that was authenticated.
struct Authentic {
    username: String,
    key: Vec<u8>,
    expires_s: i64,
}

enum State {
    /// Without an allocation since then.
    Fresh(Instant),
    /// A socket was asked for.
    Opening {
        request: Box<Message>,
        who: Authentic,
        lifetime: Duration,
    },
    Allocated(Allocation),
}

/// What a message asks for, without its bytes.
enum Wanted {
    Nothing,
    Open,
    Close,
    Send { to: SocketAddr, data: Range<usize> },
}

/// See the module.
pub struct Session {
    realm: Arc<Realm>,
    client: SocketAddr,
    state: State,
    /// A moment, and what Unix time it was.
    began: (Instant, i64),
    nonce: String,
    nonce_until: Instant,
    input: Vec<u8>,
    /// So many bytes of it are done with.
    taken: usize,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Of a client that just connected, at a moment that is `unix_s` in Unix time.
    #[must_use]
    pub fn new(realm: Arc<Realm>, client: SocketAddr, now: Instant, unix_s: i64) -> Self {
        Self {
            realm,
            client: SocketAddr::new(client.ip().to_canonical(), client.port()),
            state: State::Fresh(now),
            began: (now, unix_s),
            nonce: fresh_nonce(),
            nonce_until: now + NONCE,
            input: Vec::new(),
            taken: 0,
        }
    }

    /// Bytes came from the client. [`Session::next`] says what follows.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.input.drain(..self.taken);
        self.taken = 0;
        self.input.extend_from_slice(bytes);
    }

    /// What is to be done next; `None` when more has to come first. Answers are appended to `out`.
    ///
    /// # Errors
    ///
    /// When what came is no TURN: the connection is to be closed.
    pub fn next(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<Option<Step<'_>>, Malformed> {
        loop {
            if matches!(self.state, State::Opening { .. }) {
                return Ok(None);
            }
            let at = self.taken;
            let Some(frame) = frames::first(&self.input[at..])? else {
                return Ok(None);
            };
            self.taken += frame.taken();
            let wanted = match frame {
                Frame::Stun(length) => self.stun(now, at..at + length, out)?,
                Frame::Channel { number, length } => {
                    let begin = at + CHANNEL_HEADER;
                    self.channel(now, number, begin..begin + length)
                }
            };
            match wanted {
                Wanted::Nothing => {}
                Wanted::Open => return Ok(Some(Step::Open)),
                Wanted::Close => return Ok(Some(Step::Close)),
                Wanted::Send { to, data } => {
                    let data = &self.input[data];
                    return Ok(Some(Step::Send { to, data }));
                }
            }
        }
    }

    /// Whose allocation it is or will be.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        let username = match &self.state {
            State::Fresh(_) => return None,
            State::Opening { who, .. } => &who.username,
            State::Allocated(allocation) => &allocation.username,
        };
        username.split_once(':').map(|(_, user)| user)
    }

    /// The socket that was asked for is there, at this address.
    pub fn opened(&mut self, now: Instant, relayed: SocketAddr, out: &mut Vec<u8>) {
        let State::Opening {
            request,
            who,
            lifetime,
        } = std::mem::replace(&mut self.state, State::Fresh(now))
        else {
            return;
        };
        let what: [&dyn Setter; 3] = [
            &Address(relayed, ATTR_XOR_RELAYED_ADDRESS),
            &Bytes(ATTR_LIFETIME, &seconds(lifetime)),
            &Address(self.client, ATTR_XORMAPPED_ADDRESS),
        ];
        let crypto = self.realm.crypto.crypto();
        message::succeed(out, &request, &what, Some((&who.key, crypto)));
        self.state = State::Allocated(Allocation::new(who.username, now, now + lifetime));
    }

    /// The socket that was asked for is not given.
    pub fn refused(&mut self, now: Instant, why: Refused, out: &mut Vec<u8>) {
        let State::Opening { request, who, .. } = std::mem::replace(&mut self.state, State::Fresh(now))
        else {
            return;
        };
        let code = match why {
            Refused::Quota => CODE_ALLOC_QUOTA_REACHED,
            Refused::Capacity => CODE_INSUFFICIENT_CAPACITY,
        };
        let crypto = self.realm.crypto.crypto();
        message::refuse(out, &request, code, &[], Some((&who.key, crypto)));
    }

    /// A datagram of the engine for the client. Returns whether it may have it; then it is appended to `out`.
    pub fn deliver(&mut self, now: Instant, from: SocketAddr, datagram: &[u8], out: &mut Vec<u8>) -> bool {
        let State::Allocated(allocation) = &self.state else {
            return false;
        };
        let Some((told, channel)) = allocation.sender(now, from) else {
            return false;
        };
        if let Some(number) = channel {
            frames::channel(out, number, datagram);
            return true;
        }
        let mut indication = Message::new();
        indication.transaction_id = TransactionId::new();
        indication.typ = MessageType::new(METHOD_DATA, CLASS_INDICATION);
        indication.write_header();
        indication.add(ATTR_DATA, datagram);
        let whole = Address(told, ATTR_XOR_PEER_ADDRESS)
            .add_to(&mut indication)
            .is_ok();
        if whole {
            out.extend_from_slice(&indication.raw);
        }
        whole
    }

    /// When [`Session::over`] is to be asked.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Fresh(since) => Some(*since + FRESH),
            State::Opening { .. } => None,
            State::Allocated(allocation) => Some(allocation.until.min(allocation.spoke + IDLE)),
        }
    }

    /// Whether the time of the connection is up.
    #[must_use]
    pub fn over(&self, now: Instant) -> Option<Over> {
        match &self.state {
            State::Fresh(since) => (now >= *since + FRESH).then_some(Over::Unused),
            State::Opening { .. } => None,
            State::Allocated(allocation) if now >= allocation.until => Some(Over::Expired),
            State::Allocated(allocation) => (now >= allocation.spoke + IDLE).then_some(Over::Idle),
        }
    }

    fn channel(&mut self, now: Instant, number: u16, data: Range<usize>) -> Wanted {
        let State::Allocated(allocation) = &mut self.state else {
            return Wanted::Nothing;
        };
        match allocation.by_channel(now, number) {
            Some(to) => Wanted::Send { to, data },
            None => Wanted::Nothing,
        }
    }
}

fn seconds(duration: Duration) -> [u8; 4] {
    u32::try_from(duration.as_secs())
        .unwrap_or(u32::MAX)
        .to_be_bytes()
}

fn fresh_nonce() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

#[cfg(test)]
mod tests;
