//! The client's side of TURN, for tests.

use std::net::SocketAddr;

use rtc_crypto::RTCCryptoProvider as _;
use rtc_crypto::providers::AwsLcRsProvider;
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_TRANSPORT,
    ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc_stun::error_code::ErrorCodeAttribute;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_INDICATION, CLASS_REQUEST, Getter as _, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND,
    METHOD_CREATE_PERMISSION, METHOD_REFRESH, METHOD_SEND, Message, MessageType, Method, Setter as _,
    TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;

use crate::turn::Login;

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// Its own address.
    Binding,
    /// An allocation.
    Allocate,
    /// That it lasts so many seconds more.
    Refresh(u32),
    /// To speak to an address.
    Permit(SocketAddr),
    /// A channel to a peer.
    Bind(u16, SocketAddr),
}

impl Ask {
    fn method(self) -> Method {
        match self {
            Self::Binding => METHOD_BINDING,
            Self::Allocate => METHOD_ALLOCATE,
            Self::Refresh(_) => METHOD_REFRESH,
            Self::Permit(_) => METHOD_CREATE_PERMISSION,
            Self::Bind(..) => METHOD_CHANNEL_BIND,
        }
    }
}

/// What a client was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// An answer: the code of a refusal, and what it says else.
    Answer {
        /// Absent where it was granted.
        code: Option<u16>,
        /// XOR-RELAYED-ADDRESS.
        relayed: Option<SocketAddr>,
        /// XOR-MAPPED-ADDRESS.
        mapped: Option<SocketAddr>,
        /// LIFETIME in seconds.
        lifetime_s: Option<u32>,
    },
    /// A datagram of a peer.
    Data(SocketAddr, Vec<u8>),
    /// A datagram by a channel.
    Channel(u16, Vec<u8>),
}

impl Got {
    /// The code of a refusal, 0 where it was granted.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Answer { code, .. } => Some(code.unwrap_or(0)),
            _ => None,
        }
    }
}

/// A client with a name, its password, and what it was told so far.
#[derive(Debug)]
pub struct Client {
    login: Login,
    realm: Option<(String, String)>,
    input: Vec<u8>,
}

impl Client {
    /// Knows nothing of the server.
    #[must_use]
    pub fn new(login: Login) -> Self {
        Self {
            login,
            realm: None,
            input: Vec::new(),
        }
    }

    /// A request, sealed as soon as the server said its realm.
    ///
    /// # Panics
    ///
    /// Never for what it is given in tests.
    #[must_use]
    pub fn request(&self, ask: Ask) -> Vec<u8> {
        let mut message = begin(MessageType::new(ask.method(), CLASS_REQUEST));
        match ask {
            Ask::Binding => return message.raw,
            Ask::Allocate => message.add(ATTR_REQUESTED_TRANSPORT, &[17, 0, 0, 0]),
            Ask::Refresh(seconds) => message.add(ATTR_LIFETIME, &seconds.to_be_bytes()),
            Ask::Permit(peer) => hide(&mut message, peer),
            Ask::Bind(number, peer) => {
                let [a, b] = number.to_be_bytes();
                message.add(ATTR_CHANNEL_NUMBER, &[a, b, 0, 0]);
                hide(&mut message, peer);
            }
        }
        let Some((realm, nonce)) = &self.realm else {
            return message.raw;
        };
        let Login { username, password } = self.login.clone();
        message.add(ATTR_USERNAME, username.as_bytes());
        message.add(ATTR_REALM, realm.as_bytes());
        message.add(ATTR_NONCE, nonce.as_bytes());
        let provider = AwsLcRsProvider::new();
        MessageIntegrity::new_long_term_integrity_with_provider(
            username,
            realm.clone(),
            password,
            provider.crypto(),
        )
        .and_then(|integrity| integrity.add_to(&mut message))
        .expect("it is short");
        message.raw
    }

    /// A datagram for a peer without a channel.
    #[must_use]
    pub fn indication(peer: SocketAddr, data: &[u8]) -> Vec<u8> {
        let mut message = begin(MessageType::new(METHOD_SEND, CLASS_INDICATION));
        hide(&mut message, peer);
        message.add(ATTR_DATA, data);
        message.raw
    }

    /// A datagram by a channel.
    ///
    /// # Panics
    ///
    /// When it is longer than one can be.
    #[must_use]
    pub fn channel(number: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).expect("a datagram");
        let mut bytes = [number.to_be_bytes(), length.to_be_bytes()].concat();
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// Takes what the server sent, in any pieces; gives what is whole.
    ///
    /// # Panics
    ///
    /// When it is no TURN.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Got> {
        self.input.extend_from_slice(bytes);
        let mut all = Vec::new();
        while let Some(([a, b, c, d], _)) = self.input.split_first_chunk::<4>() {
            let (kind, length) = (
                u16::from_be_bytes([*a, *b]),
                usize::from(u16::from_be_bytes([*c, *d])),
            );
            let stun = kind < 0x4000;
            let taken = if stun {
                20 + length
            } else {
                4 + length.next_multiple_of(4)
            };
            if self.input.len() < taken {
                break;
            }
            let bytes: Vec<u8> = self.input.drain(..taken).collect();
            all.push(if stun {
                self.read(&bytes)
            } else {
                Got::Channel(kind, bytes[4..4 + length].to_vec())
            });
        }
        all
    }

    fn read(&mut self, bytes: &[u8]) -> Got {
        let mut message = Message::new();
        message.unmarshal_binary(bytes).expect("a message");
        let text = |kind| String::from_utf8(message.get(kind).unwrap_or_default()).unwrap_or_default();
        if message.contains(ATTR_NONCE) {
            self.realm = Some((text(ATTR_REALM), text(ATTR_NONCE)));
        }
        if let (Some(peer), Ok(data)) = (shown(&message, ATTR_XOR_PEER_ADDRESS), message.get(ATTR_DATA)) {
            return Got::Data(peer, data);
        }
        let mut refusal = ErrorCodeAttribute::default();
        let refused = refusal.get_from(&message).is_ok();
        let lifetime = message
            .get(ATTR_LIFETIME)
            .ok()
            .and_then(|value| value.try_into().ok());
        Got::Answer {
            code: refused.then_some(refusal.code.0),
            relayed: shown(&message, ATTR_XOR_RELAYED_ADDRESS),
            mapped: shown(&message, ATTR_XORMAPPED_ADDRESS),
            lifetime_s: lifetime.map(u32::from_be_bytes),
        }
    }
}

fn begin(kind: MessageType) -> Message {
    let mut message = Message::new();
    message.typ = kind;
    message.transaction_id = TransactionId::new();
    message.write_header();
    message
}

fn hide(message: &mut Message, peer: SocketAddr) {
    let hidden = XorMappedAddress {
        ip: peer.ip(),
        port: peer.port(),
    };
    hidden
        .add_to_as(message, ATTR_XOR_PEER_ADDRESS)
        .expect("it is short");
}

fn shown(message: &Message, kind: AttrType) -> Option<SocketAddr> {
    let mut address = XorMappedAddress::default();
    address.get_from_as(message, kind).ok()?;
    Some(SocketAddr::new(address.ip, address.port))
}
