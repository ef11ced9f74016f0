//! ICE of a receiver (RFC 8445), as much as it needs: it asks at all addresses of the other end, takes the first pair that works,
//! and keeps asking there.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::crypto::RTCCryptoProvider;
use rtc::ice::attributes::control::{AttrControlled, AttrControlling};
use rtc::ice::attributes::priority::PriorityAttr;
use rtc::ice::attributes::use_candidate::UseCandidateAttr;
use rtc::stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc::stun::fingerprint::{FINGERPRINT, FingerprintAttr};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc::stun::textattrs::Username;
use rtc::stun::xoraddr::XorMappedAddress;

use super::sdp::{Credentials, Description};

/// Between checks at first: nomination is part of each join.
const CHECK_EVERY: Duration = Duration::from_millis(20);
/// And after some have been made: a server may be overrun, or a line be cut.
const CHECK_SLOWLY_EVERY: Duration = Duration::from_millis(100);
const QUICK_CHECKS: u32 = 10;
/// Between checks of a pair that works.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(1);
/// Checks that may still be answered.
const ASKED_MAX: usize = 64;
/// Of a host candidate (RFC 8445 §5.1.2), as a check's own would be.
const PRIORITY: u32 = 1_862_270_975;

/// Whether a datagram is STUN, by its first byte (RFC 7983).
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(0..=3))
}

/// See the module.
pub(super) struct Ice {
    ours: Credentials,
    theirs: Credentials,
    /// The other end is lite, or answered us: we choose.
    controlling: bool,
    targets: Vec<SocketAddr>,
    asked: VecDeque<([u8; 12], SocketAddr)>,
    checks: u32,
    /// The pair that works.
    pub(super) selected: Option<SocketAddr>,
    next: Instant,
    crypto: Arc<dyn RTCCryptoProvider>,
}

impl Ice {
    /// Begins to ask now.
    pub(super) fn new(
        now: Instant,
        ours: Credentials,
        theirs: &Description,
        offered: bool,
        crypto: Arc<dyn RTCCryptoProvider>,
    ) -> Self {
        Self {
            ours,
            theirs: theirs.credentials.clone(),
            controlling: offered || theirs.lite,
            targets: theirs.candidates.clone(),
            asked: VecDeque::new(),
            checks: 0,
            selected: None,
            next: now,
            crypto,
        }
    }

    /// When [`Self::checks`] is due.
    pub(super) fn deadline(&self) -> Instant {
        self.next
    }

    /// Checks to send now.
    pub(super) fn checks(&mut self, now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
        if now < self.next {
            return Vec::new();
        }
        self.checks += 1;
        self.next = now
            + match self.selected {
                Some(_) => KEEPALIVE_EVERY,
                None if self.checks < QUICK_CHECKS => CHECK_EVERY,
                None => CHECK_SLOWLY_EVERY,
            };
        let targets = self
            .selected
            .map_or_else(|| self.targets.clone(), |one| vec![one]);
        let ask = |target: SocketAddr| Some((target, self.ask(target)?));
        targets.into_iter().filter_map(ask).collect()
    }

    fn ask(&mut self, target: SocketAddr) -> Option<Vec<u8>> {
        let id = TransactionId::new();
        if self.asked.len() >= ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back((id.0, target));
        let name = format!("{}:{}", self.theirs.ufrag, self.ours.ufrag);
        let mut setters: Vec<Box<dyn Setter + '_>> = vec![
            Box::new(id),
            Box::new(BINDING_REQUEST),
            Box::new(Username::new(ATTR_USERNAME, name)),
            Box::new(PriorityAttr(PRIORITY)),
        ];
        if self.controlling {
            setters.push(Box::new(AttrControlling(1)));
            setters.push(Box::new(UseCandidateAttr::new()));
        } else {
            setters.push(Box::new(AttrControlled(1)));
        }
        self.seal(setters, &self.theirs.pwd)
    }

    fn seal<'a>(&'a self, mut setters: Vec<Box<dyn Setter + 'a>>, password: &str) -> Option<Vec<u8>> {
        let crypto = self.crypto.crypto();
        setters.push(Box::new(
            MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), crypto),
        ));
        setters.push(Box::new(FingerprintAttr));
        let mut message = Message::new();
        message.build(&setters).ok()?;
        Some(message.raw)
    }

    /// Takes a datagram; an answer to send, when it asks.
    pub(super) fn take(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut message = Message::new();
        message.unmarshal_binary(datagram).ok()?;
        FINGERPRINT.check(&message).ok()?;
        let by = if message.typ == BINDING_REQUEST {
            &self.ours.pwd
        } else {
            &self.theirs.pwd
        };
        MessageIntegrity::check(&mut message, by.as_bytes(), self.crypto.crypto()).ok()?;
        if message.typ == BINDING_REQUEST {
            if !self.controlling && message.contains(ATTR_USE_CANDIDATE) {
                self.selected.get_or_insert(from);
            }
            return self.seal(
                vec![
                    Box::new(message.transaction_id),
                    Box::new(BINDING_SUCCESS),
                    Box::new(XorMappedAddress {
                        ip: from.ip(),
                        port: from.port(),
                    }),
                ],
                &self.ours.pwd,
            );
        }
        let asked = self
            .asked
            .iter()
            .find(|(id, _)| *id == message.transaction_id.0)
            .map(|(_, target)| *target);
        if message.typ == BINDING_SUCCESS && self.controlling {
            // The first that works; a later one is not better on one and the same line.
            self.selected = self.selected.or(asked);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(name: &str) -> Credentials {
        Credentials {
            ufrag: name.to_owned(),
            pwd: format!("{name}-and-a-long-password"),
            fingerprint: String::new(),
        }
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// One that offered, and one that answered.
    fn ends(now: Instant) -> (Ice, Ice) {
        let crypto = rtc::crypto::default_provider().expect("cryptography");
        let says = |name: &str, port| Description {
            credentials: end(name),
            candidates: vec![address(port)],
            ..Description::default()
        };
        let offers = Ice::new(now, end("one"), &says("other", 2), true, Arc::clone(&crypto));
        let answers = Ice::new(now, end("other"), &says("one", 1), false, crypto);
        (offers, answers)
    }

    #[test]
    fn the_pair_that_works_is_taken_by_both() {
        let now = Instant::now();
        let (mut one, mut other) = ends(now);
        let (target, ask) = one.checks(now).pop().expect("a check");
        assert_eq!(target, address(2));
        assert!(is_stun(&ask) && one.checks(now).is_empty());
        let answer = other.take(address(1), &ask).expect("an answer");
        assert_eq!(other.selected, Some(address(1)), "it was nominated");
        assert_eq!(one.take(address(2), &answer), None);
        assert_eq!(one.selected, Some(address(2)));
        let later = one.deadline();
        assert_eq!(one.checks(later).len(), 1);
        assert_eq!(one.deadline() - later, KEEPALIVE_EVERY);
    }

    #[test]
    fn what_is_not_authentic_or_was_not_asked_changes_nothing() {
        let now = Instant::now();
        let (mut one, mut other) = ends(now);
        let (_, ask) = one.checks(now).pop().expect("a check");
        let mut forged = ask.clone();
        forged[30] ^= 1;
        assert_eq!(other.take(address(1), &forged), None);
        assert_eq!(other.take(address(1), &ask[..10]), None);
        assert_eq!(other.selected, None);
        let answer = other.take(address(1), &ask).expect("an answer");
        let (mut stranger, _) = ends(now);
        assert_eq!(stranger.take(address(2), &answer), None);
        assert_eq!(stranger.selected, None, "it asked nothing of the kind");
    }

    #[test]
    fn checks_slow_down_and_those_that_may_be_answered_are_bounded() {
        let mut now = Instant::now();
        let (mut one, _) = ends(now);
        let start = now;
        for _ in 0..200 {
            assert_eq!(one.checks(now).len(), 1);
            now = one.deadline();
        }
        assert_eq!(one.asked.len(), ASKED_MAX);
        let quick = CHECK_EVERY * (QUICK_CHECKS - 1);
        assert_eq!(now - start, quick + CHECK_SLOWLY_EVERY * (200 - QUICK_CHECKS + 1));
    }
}
