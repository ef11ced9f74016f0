//! What a message of the client asks for.

use std::ops::Range;
use std::time::{Duration, Instant};

use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM,
    ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XORMAPPED_ADDRESS,
};
use rtc_stun::error_code::{
    CODE_ADDR_FAMILY_NOT_SUPPORTED, CODE_ALLOC_MISMATCH, CODE_BAD_REQUEST, CODE_FORBIDDEN,
    CODE_INSUFFICIENT_CAPACITY, CODE_PEER_ADDR_FAMILY_MISMATCH, CODE_STALE_NONCE, CODE_UNAUTHORIZED,
    CODE_UNKNOWN_ATTRIBUTE, CODE_UNSUPPORTED_TRANS_PROTO, CODE_WRONG_CREDENTIALS, ErrorCode,
};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_INDICATION, CLASS_REQUEST, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND,
    METHOD_CREATE_PERMISSION, METHOD_REFRESH, METHOD_SEND, Message, MessageType, Setter,
};
use rtc_stun::uattrs::UnknownAttributes;

use super::{
    Authentic, LIFETIME, LONGEST_LIFETIME, Malformed, NONCE, Session, State, Wanted, fresh_nonce, seconds,
};
use crate::turn::allocation::{Allocation, Unbound};
use crate::turn::message::{self, Address, Bytes};
use crate::turn::{REALM, credentials};

/// UDP, in REQUESTED-TRANSPORT.
const UDP: u8 = 17;
/// IPv4, in REQUESTED-ADDRESS-FAMILY.
const IPV4: u8 = 1;
const CHANNELS: Range<u16> = 0x4000..0x8000;

impl Session {
    pub(super) fn stun(
        &mut self,
        now: Instant,
        place: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<Wanted, Malformed> {
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
