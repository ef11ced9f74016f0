//! Reading and answering STUN (RFC 8489) as far as TURN needs it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use rtc_crypto::RTCCrypto;
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM,
    ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, AttrType,
};
use rtc_stun::error_code::{CODE_BAD_REQUEST, ErrorCode, ErrorCodeAttribute};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, MAGIC_COOKIE, Message, MessageType, Setter, TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;

use super::REALM;
use super::frames::STUN_HEADER;

/// Attributes that are understood; another one that has to be is refused (RFC 8489 §6.3.1).
const KNOWN: [AttrType; 10] = [
    ATTR_USERNAME,
    ATTR_MESSAGE_INTEGRITY,
    ATTR_REALM,
    ATTR_NONCE,
    ATTR_CHANNEL_NUMBER,
    ATTR_LIFETIME,
    ATTR_XOR_PEER_ADDRESS,
    ATTR_DATA,
    ATTR_REQUESTED_TRANSPORT,
    ATTR_REQUESTED_ADDRESS_FAMILY,
];

/// Reads a message.
pub(super) fn read(bytes: &[u8]) -> Option<Message> {
    let mut message = Message::new();
    message.unmarshal_binary(bytes).ok()?;
    Some(message)
}

/// Attributes that are not understood and have to be.
pub(super) fn unknown(message: &Message) -> Vec<AttrType> {
    let unknown = |kind: &AttrType| kind.required() && !KNOWN.contains(kind);
    message
        .attributes
        .0
        .iter()
        .map(|attribute| attribute.typ)
        .filter(unknown)
        .collect()
}

/// An attribute as text.
pub(super) fn text(message: &Message, kind: AttrType) -> Option<String> {
    String::from_utf8(message.get(kind).ok()?).ok()
}

/// An attribute of four bytes.
pub(super) fn word(message: &Message, kind: AttrType) -> Option<Result<[u8; 4], ErrorCode>> {
    let value = message.get(kind).ok()?;
    Some(value.try_into().map_err(|_| CODE_BAD_REQUEST))
}

/// Every XOR-PEER-ADDRESS; an error when one cannot be read.
pub(super) fn peers(message: &Message) -> Result<Vec<SocketAddr>, ErrorCode> {
    let all = message.attributes.0.iter();
    all.filter(|attribute| attribute.typ == ATTR_XOR_PEER_ADDRESS)
        .map(|attribute| address(&attribute.value, message.transaction_id).ok_or(CODE_BAD_REQUEST))
        .collect()
}

/// An address as RFC 8489 §14.2 hides it.
fn address(value: &[u8], transaction: TransactionId) -> Option<SocketAddr> {
    let ([_, family, a, b], ip) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes([*a, *b]) ^ (MAGIC_COOKIE >> 16) as u16;
    let ip = match family {
        1 => {
            let hidden = u32::from_be_bytes(ip.try_into().ok()?);
            IpAddr::V4(Ipv4Addr::from_bits(hidden ^ MAGIC_COOKIE))
        }
        2 => {
            let mut mask = [0; 16];
            mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
            mask[4..].copy_from_slice(&transaction.0);
            let hidden = u128::from_be_bytes(ip.try_into().ok()?);
            IpAddr::V6(Ipv6Addr::from_bits(hidden ^ u128::from_be_bytes(mask)))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Where the value of an attribute lies in a message that was read.
pub(super) fn place(bytes: &[u8], wanted: AttrType) -> Option<Range<usize>> {
    let mut at = STUN_HEADER;
    loop {
        let ([a, b, c, d], _) = bytes.get(at..)?.split_first_chunk::<4>()?;
        let (kind, length) = (
            u16::from_be_bytes([*a, *b]),
            usize::from(u16::from_be_bytes([*c, *d])),
        );
        let value = at + 4..at + 4 + length;
        if kind == wanted.value() {
            return (value.end <= bytes.len()).then_some(value);
        }
        at = value.start + length.next_multiple_of(4);
    }
}

/// The key of a user (RFC 8489 §9.2.2).
pub(super) fn key(username: &str, password: &str, crypto: &dyn RTCCrypto) -> Option<Vec<u8>> {
    let (username, password) = (username.to_owned(), password.to_owned());
    MessageIntegrity::long_term_integrity_key(username, REALM.to_owned(), password, crypto).ok()
}

/// Writes the answer to a request, sealed where a key is given.
pub(super) fn succeed(
    out: &mut Vec<u8>,
    request: &Message,
    what: &[&dyn Setter],
    key: Option<(&[u8], &dyn RTCCrypto)>,
) {
    answer(out, request, true, what, key);
}

/// Writes a refusal of a request.
pub(super) fn refuse(
    out: &mut Vec<u8>,
    request: &Message,
    code: ErrorCode,
    what: &[&dyn Setter],
    key: Option<(&[u8], &dyn RTCCrypto)>,
) {
    let mut all: Vec<&dyn Setter> = vec![&code];
    // Codes that the library has no words for.
    let bare = ErrorCodeAttribute {
        code,
        reason: b"Refused".to_vec(),
    };
    if !rtc_stun::error_code::ERROR_REASONS.contains_key(&code) {
        all = vec![&bare];
    }
    all.extend_from_slice(what);
    answer(out, request, false, &all, key);
}

fn answer(
    out: &mut Vec<u8>,
    request: &Message,
    success: bool,
    what: &[&dyn Setter],
    key: Option<(&[u8], &dyn RTCCrypto)>,
) {
    let class = if success {
        CLASS_SUCCESS_RESPONSE
    } else {
        CLASS_ERROR_RESPONSE
    };
    let mut message = Message::new();
    message.transaction_id = request.transaction_id;
    message.typ = MessageType::new(request.typ.method, class);
    message.write_header();
    let mut written = what.iter().all(|setter| setter.add_to(&mut message).is_ok());
    if let Some((key, crypto)) = key {
        let integrity = MessageIntegrity::new_raw_integrity_with_provider(key.to_vec(), crypto);
        written &= integrity.add_to(&mut message).is_ok();
    }
    // What was put in is short, so it has room.
    if written {
        out.extend_from_slice(&message.raw);
    }
}

/// An address in an answer, hidden as it has to be.
pub(super) struct Address(pub(super) SocketAddr, pub(super) AttrType);

impl Setter for Address {
    fn add_to(&self, message: &mut Message) -> rtc_shared::error::Result<()> {
        let hidden = XorMappedAddress {
            ip: self.0.ip(),
            port: self.0.port(),
        };
        hidden.add_to_as(message, self.1)
    }
}

/// Bytes in an answer.
pub(super) struct Bytes<'a>(pub(super) AttrType, pub(super) &'a [u8]);

impl Setter for Bytes<'_> {
    fn add_to(&self, message: &mut Message) -> rtc_shared::error::Result<()> {
        message.add(self.0, self.1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rtc_crypto::RTCCryptoProvider as _;
    use rtc_stun::attributes::ATTR_XORMAPPED_ADDRESS;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("digits");
        digits.chunks(2).map(pair).collect()
    }

    /// RFC 5769 §2.4: a request with long-term credentials.
    const LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000\
        0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341001400 0b6578616d706c652e6f726700\
        00080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

    #[test]
    fn the_request_with_long_term_credentials_of_rfc_5769_is_authentic() {
        let provider = rtc_crypto::providers::AwsLcRsProvider::new();
        let mut message = read(&bytes(LONG_TERM)).expect("a message");
        let username = text(&message, ATTR_USERNAME).expect("a name");
        assert_eq!(username, "\u{30de}\u{30c8}\u{30ea}\u{30c3}\u{30af}\u{30b9}");
        assert_eq!(text(&message, ATTR_REALM).as_deref(), Some("example.org"));
        let key = MessageIntegrity::long_term_integrity_key(
            username,
            "example.org".to_owned(),
            "TheMatrIX".to_owned(),
            provider.crypto(),
        )
        .expect("a key");
        assert!(MessageIntegrity::check(&mut message, &key, provider.crypto()).is_ok());
        assert!(MessageIntegrity::check(&mut message, b"other", provider.crypto()).is_err());
        assert_eq!(unknown(&message), []);
    }

    #[test]
    fn the_addresses_of_rfc_5769_are_read() {
        // §2.2 and §2.3
        let transaction = TransactionId([
            0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
        ]);
        let v4 = address(&bytes("0001a147e112a643"), transaction);
        assert_eq!(v4, Some(SocketAddr::from(([192, 0, 2, 1], 32_853))));
        let v6 = address(&bytes("0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"), transaction);
        let expected = "[2001:db8:1234:5678:11:2233:4455:6677]:32853"
            .parse()
            .expect("an address");
        assert_eq!(v6, Some(expected));
        for bad in [
            "",
            "0001a147",
            "0001a147e112a6",
            "0003a147e112a643",
            "0001a147e112a64300",
        ] {
            assert_eq!(address(&bytes(bad), transaction), None, "{bad}");
        }
    }

    #[test]
    fn an_attribute_is_found_where_it_lies() {
        let message = bytes(LONG_TERM);
        let place = place(&message, ATTR_REALM).expect("a realm");
        assert_eq!(&message[place], b"example.org");
        assert_eq!(super::place(&message, ATTR_XORMAPPED_ADDRESS), None);
    }
}
