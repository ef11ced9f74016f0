//! One client: bytes and time in; answers, steps and the next deadline out.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM,
    ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS,
    ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS,
};
use rtc_stun::error_code::{
    CODE_ADDR_FAMILY_NOT_SUPPORTED, CODE_ALLOC_MISMATCH, CODE_ALLOC_QUOTA_REACHED, CODE_BAD_REQUEST,
    CODE_FORBIDDEN, CODE_INSUFFICIENT_CAPACITY, CODE_PEER_ADDR_FAMILY_MISMATCH, CODE_STALE_NONCE,
    CODE_UNAUTHORIZED, CODE_UNKNOWN_ATTRIBUTE, CODE_UNSUPPORTED_TRANS_PROTO, CODE_WRONG_CREDENTIALS,
    ErrorCode,
};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_INDICATION, CLASS_REQUEST, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND,
    METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND, Message, MessageType, Setter,
    TransactionId,
};
use rtc_stun::uattrs::UnknownAttributes;

use super::allocation::{Allocation, Unbound};
use super::frames::{self, CHANNEL_HEADER, Frame, Malformed};
use super::message::{self, Address, Bytes};
use super::{REALM, Realm, credentials};

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
/// UDP, in REQUESTED-TRANSPORT.
const UDP: u8 = 17;
/// IPv4, in REQUESTED-ADDRESS-FAMILY.
const IPV4: u8 = 1;
const CHANNELS: Range<u16> = 0x4000..0x8000;

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

    fn stun(&mut self, now: Instant, place: Range<usize>, out: &mut Vec<u8>) -> Result<Wanted, Malformed> {
        let mut request = message::read(&self.input[place.clone()]).ok_or(Malformed)?;
        let MessageType { method, class } = request.typ;
        match (method, class) {
            (METHOD_SEND, CLASS_INDICATION) => return Ok(self.send(now, &request, place)),
            (METHOD_BINDING, CLASS_REQUEST) => {
                let mapped = Address(self.client, ATTR_XORMAPPED_ADDRESS);
                message::succeed(out, &request, &[&mapped], None);
                return Ok(Wanted::Nothing);
            }
            (
                METHOD_ALLOCATE | METHOD_REFRESH | METHOD_CREATE_PERMISSION | METHOD_CHANNEL_BIND,
                CLASS_REQUEST,
            ) => {}
            (_, CLASS_REQUEST) => {
                message::refuse(out, &request, CODE_BAD_REQUEST, &[], None);
                return Ok(Wanted::Nothing);
            }
            // Answers and keep-alives say nothing.
            _ => return Ok(Wanted::Nothing),
        }
        let who = match self.authenticate(now, &mut request) {
            Ok(who) => who,
            Err(code) => {
                self.refuse_unknown(now, &request, code, out);
                return Ok(Wanted::Nothing);
            }
        };
        let unknown = message::unknown(&request);
        let done = if unknown.is_empty() {
            match method {
                METHOD_ALLOCATE => self.allocate(&request),
                METHOD_REFRESH => self.refresh(now, &request, &who, out),
                METHOD_CREATE_PERMISSION => self.permit(now, &request, &who, out),
                _ => self.bind(now, &request, &who, out),
            }
        } else {
            Err(CODE_UNKNOWN_ATTRIBUTE)
        };
        Ok(match done {
            Ok(Wanted::Open) => {
                let lifetime = self.lifetime(now, &request, &who);
                let request = Box::new(request);
                self.state = State::Opening {
                    request,
                    who,
                    lifetime,
                };
                Wanted::Open
            }
            Ok(wanted) => wanted,
            Err(code) => {
                let list = UnknownAttributes(unknown);
                let what: &[&dyn Setter] = if list.0.is_empty() { &[] } else { &[&list] };
                message::refuse(
                    out,
                    &request,
                    code,
                    what,
                    Some((&who.key, self.realm.crypto.crypto())),
                );
                Wanted::Nothing
            }
        })
    }

    /// Who asks (RFC 8489 §9.2.4).
    fn authenticate(&self, now: Instant, request: &mut Message) -> Result<Authentic, ErrorCode> {
        if !request.contains(ATTR_MESSAGE_INTEGRITY) {
            return Err(CODE_UNAUTHORIZED);
        }
        let said = |kind| message::text(request, kind).ok_or(CODE_BAD_REQUEST);
        let (username, realm, nonce) = (said(ATTR_USERNAME)?, said(ATTR_REALM)?, said(ATTR_NONCE)?);
        if nonce != self.nonce || now >= self.nonce_until {
            return Err(CODE_STALE_NONCE);
        }
        let named = credentials::named(&username, self.unix_s(now)).filter(|_| realm == REALM);
        let expires_s = named.ok_or(CODE_UNAUTHORIZED)?.expires_s;
        let crypto = self.realm.crypto.crypto();
        let password = self.realm.credentials.password(&username);
        let key = message::key(&username, &password, crypto).ok_or(CODE_UNAUTHORIZED)?;
        MessageIntegrity::check(request, &key, crypto).map_err(|_| CODE_UNAUTHORIZED)?;
        Ok(Authentic {
            username,
            key,
            expires_s,
        })
    }

    /// Refuses who is not known yet, and says how to become so.
    fn refuse_unknown(&mut self, now: Instant, request: &Message, code: ErrorCode, out: &mut Vec<u8>) {
        if now >= self.nonce_until {
            self.nonce = fresh_nonce();
            self.nonce_until = now + NONCE;
        }
        let realm = Bytes(ATTR_REALM, REALM.as_bytes());
        let nonce = Bytes(ATTR_NONCE, self.nonce.as_bytes());
        let what: &[&dyn Setter] = match code {
            CODE_BAD_REQUEST => &[],
            _ => &[&realm, &nonce],
        };
        message::refuse(out, request, code, what, None);
    }

    fn unix_s(&self, now: Instant) -> i64 {
        let (began, unix_s) = self.began;
        let since = now.saturating_duration_since(began).as_secs();
        unix_s.saturating_add_unsigned(since)
    }

    /// How long an allocation is given for: as asked for, within our bounds, and no longer than the name is good.
    fn lifetime(&self, now: Instant, request: &Message, who: &Authentic) -> Duration {
        let asked = message::word(request, ATTR_LIFETIME).and_then(Result::ok);
        let asked = asked.map_or(LIFETIME, |word| {
            Duration::from_secs(u32::from_be_bytes(word).into())
        });
        let left = who.expires_s.saturating_sub(self.unix_s(now)).max(1);
        asked
            .clamp(LIFETIME, LONGEST_LIFETIME)
            .min(Duration::from_secs(left.unsigned_abs()))
    }

    fn allocate(&self, request: &Message) -> Result<Wanted, ErrorCode> {
        if matches!(self.state, State::Allocated(_)) {
            return Err(CODE_ALLOC_MISMATCH);
        }
        let [transport, ..] = message::word(request, ATTR_REQUESTED_TRANSPORT).ok_or(CODE_BAD_REQUEST)??;
        if transport != UDP {
            return Err(CODE_UNSUPPORTED_TRANS_PROTO);
        }
        match message::word(request, ATTR_REQUESTED_ADDRESS_FAMILY).transpose()? {
            None | Some([IPV4, ..]) => Ok(Wanted::Open),
            Some(_) => Err(CODE_ADDR_FAMILY_NOT_SUPPORTED),
        }
    }

    /// The allocation of who asks.
    fn own(&mut self, who: &Authentic) -> Result<&mut Allocation, ErrorCode> {
        match &mut self.state {
            State::Allocated(allocation) if allocation.username == who.username => Ok(allocation),
            State::Allocated(_) => Err(CODE_WRONG_CREDENTIALS),
            _ => Err(CODE_ALLOC_MISMATCH),
        }
    }

    fn refresh(
        &mut self,
        now: Instant,
        request: &Message,
        who: &Authentic,
        out: &mut Vec<u8>,
    ) -> Result<Wanted, ErrorCode> {
        let lifetime = self.lifetime(now, request, who);
        let allocation = self.own(who)?;
        let asked = message::word(request, ATTR_LIFETIME).transpose()?;
        let given_back = asked == Some([0; 4]);
        let lifetime = if given_back { Duration::ZERO } else { lifetime };
        allocation.until = now + lifetime;
        if given_back {
            self.state = State::Fresh(now);
        }
        let what = Bytes(ATTR_LIFETIME, &seconds(lifetime));
        message::succeed(
            out,
            request,
            &[&what],
            Some((&who.key, self.realm.crypto.crypto())),
        );
        Ok(if given_back {
            Wanted::Close
        } else {
            Wanted::Nothing
        })
    }

    fn permit(
        &mut self,
        now: Instant,
        request: &Message,
        who: &Authentic,
        out: &mut Vec<u8>,
    ) -> Result<Wanted, ErrorCode> {
        self.own(who)?;
        let peers = message::peers(request)?;
        if peers.is_empty() {
            return Err(CODE_BAD_REQUEST);
        }
        for peer in &peers {
            if peer.is_ipv6() {
                return Err(CODE_PEER_ADDR_FAMILY_MISMATCH);
            }
            if !self.realm.is_of_a_peer(peer.ip()) {
                return Err(CODE_FORBIDDEN);
            }
        }
        let allocation = self.own(who)?;
        for peer in peers {
            allocation.permit(now, peer.ip());
        }
        message::succeed(out, request, &[], Some((&who.key, self.realm.crypto.crypto())));
        Ok(Wanted::Nothing)
    }

    fn bind(
        &mut self,
        now: Instant,
        request: &Message,
        who: &Authentic,
        out: &mut Vec<u8>,
    ) -> Result<Wanted, ErrorCode> {
        self.own(who)?;
        let [a, b, ..] = message::word(request, ATTR_CHANNEL_NUMBER).ok_or(CODE_BAD_REQUEST)??;
        let number = u16::from_be_bytes([a, b]);
        let [peer] = message::peers(request)?[..] else {
            return Err(CODE_BAD_REQUEST);
        };
        if !CHANNELS.contains(&number) {
            return Err(CODE_BAD_REQUEST);
        }
        if peer.is_ipv6() {
            return Err(CODE_PEER_ADDR_FAMILY_MISMATCH);
        }
        let local = *self.realm.peers.get(&peer).ok_or(CODE_FORBIDDEN)?;
        self.own(who)?
            .bind(now, number, peer, local)
            .map_err(|unbound| match unbound {
                Unbound::Taken => CODE_BAD_REQUEST,
                Unbound::Full => CODE_INSUFFICIENT_CAPACITY,
            })?;
        message::succeed(out, request, &[], Some((&who.key, self.realm.crypto.crypto())));
        Ok(Wanted::Nothing)
    }

    /// A Send indication (RFC 8656 §11.2); what may not be sent is dropped without a word.
    fn send(&mut self, now: Instant, indication: &Message, place: Range<usize>) -> Wanted {
        let (Ok(peers), State::Allocated(allocation)) = (message::peers(indication), &mut self.state) else {
            return Wanted::Nothing;
        };
        let data = message::place(&self.input[place.clone()], ATTR_DATA);
        let (Some(data), [peer]) = (data, &peers[..]) else {
            return Wanted::Nothing;
        };
        let to = self.realm.peers.get(peer).copied();
        match to.and_then(|local| allocation.by_address(now, *peer, local)) {
            Some(to) => Wanted::Send {
                to,
                data: place.start + data.start..place.start + data.end,
            },
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
