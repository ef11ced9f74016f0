//! ICE-lite (RFC 8445 §2.5): answering connectivity checks.

use std::net::SocketAddr;

use rtc_crypto::RTCCrypto;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_MESSAGE_INTEGRITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::{FINGERPRINT, FingerprintAttr};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_REQUEST, BINDING_SUCCESS, CLASS_ERROR_RESPONSE, METHOD_BINDING, Message, MessageType, Setter,
};
use rtc_stun::xoraddr::XorMappedAddress;

/// Longest STUN message taken: a check has no need of more.
const MAX_STUN: usize = 548;

/// Whether a datagram is STUN by its first byte (RFC 7983).
pub(crate) fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(0..=3))
}

/// A connectivity check that was read but not yet authenticated.
pub(crate) struct Check {
    message: Message,
    /// Our ufrag, which it is addressed to.
    pub(crate) local_ufrag: String,
    /// The peer's ufrag.
    pub(crate) remote_ufrag: String,
    /// The peer nominates this pair.
    pub(crate) nominated: bool,
}

/// What a STUN datagram is.
pub(crate) enum Incoming {
    /// A check.
    Check(Box<Check>),
    /// Something harmless that is not answered (a response, an indication).
    Other,
    /// Malformed.
    Malformed,
}

/// Reads a STUN datagram.
pub(crate) fn read(datagram: &[u8]) -> Incoming {
    if datagram.len() > MAX_STUN {
        return Incoming::Malformed;
    }
    let mut message = Message::new();
    if message.unmarshal_binary(datagram).is_err() {
        return Incoming::Malformed;
    }
    if message.typ != BINDING_REQUEST {
        return Incoming::Other;
    }
    // Both are required of a check (RFC 8445 §7.1.1), and the fingerprint comes last.
    if FINGERPRINT.check(&message).is_err() || !message.contains(ATTR_MESSAGE_INTEGRITY) {
        return Incoming::Malformed;
    }
    let Some((local_ufrag, remote_ufrag)) = username(&message) else {
        return Incoming::Malformed;
    };
    Incoming::Check(Box::new(Check {
        local_ufrag,
        remote_ufrag,
        nominated: message.contains(ATTR_USE_CANDIDATE),
        message,
    }))
}

fn username(message: &Message) -> Option<(String, String)> {
    let name = String::from_utf8(message.get(ATTR_USERNAME).ok()?).ok()?;
    let (local, remote) = name.split_once(':')?;
    Some((local.to_owned(), remote.to_owned()))
}

impl Check {
    /// Whether it was made with our password.
    pub(crate) fn authentic(&mut self, password: &str, crypto: &dyn RTCCrypto) -> bool {
        MessageIntegrity::check(&mut self.message, password.as_bytes(), crypto).is_ok()
    }

    /// The answer to send to `from`. A peer that says it is controlled too gets 487 (RFC 8445 §7.3.1.1): we are lite, so it
    /// has to control.
    pub(crate) fn answer(&self, from: SocketAddr, password: &str, crypto: &dyn RTCCrypto) -> Option<Vec<u8>> {
        let conflict = self.message.contains(ATTR_ICE_CONTROLLED);
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), crypto);
        let mut setters: Vec<Box<dyn Setter + '_>> = vec![Box::new(self.message.transaction_id)];
        if conflict {
            setters.push(Box::new(MessageType::new(METHOD_BINDING, CLASS_ERROR_RESPONSE)));
            setters.push(Box::new(rtc_stun::error_code::ErrorCodeAttribute {
                code: rtc_stun::error_code::CODE_ROLE_CONFLICT,
                reason: b"Role Conflict".to_vec(),
            }));
        } else {
            setters.push(Box::new(BINDING_SUCCESS));
            setters.push(Box::new(XorMappedAddress {
                ip: from.ip(),
                port: from.port(),
            }));
        }
        setters.push(Box::new(integrity));
        setters.push(Box::new(FingerprintAttr));
        let mut answer = Message::new();
        answer.build(&setters).ok()?;
        Some(answer.raw)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let provider = rtc_crypto::providers::AwsLcRsProvider::new();
            if bytes.len() >= 20 {
                let len = (bytes.len() - 20) as u16 & !3;
                bytes[..2].copy_from_slice(&[0, 1]);
                bytes[2..4].copy_from_slice(&len.to_be_bytes());
                bytes[4..8].copy_from_slice(&0x2112_a442u32.to_be_bytes());
            }
            if let Incoming::Check(mut check) = read(&bytes) {
                use rtc_crypto::RTCCryptoProvider as _;
                check.authentic("password", provider.crypto());
            }
        }
    }
}
