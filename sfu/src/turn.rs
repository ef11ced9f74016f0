//! TURN (RFC 8656) for peers whose network lets nothing through but TLS: one [`Session`] for each connection, sans-IO. What a client
//! asks for is answered here; the one who has the sockets carries out the [`Step`]s.
//!
//! It is no relay to anywhere: its only peers are the engine's own candidates.
//!
//! - `allocation`: what a client was given, with its permissions and channels.
//! - `credentials`: names and passwords that end by themselves.
//! - `frames`: messages in a stream of bytes.
//! - `message`: reading and answering STUN.
//! - `session`: one client.

mod allocation;
mod credentials;
mod frames;
mod message;
mod session;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rtc_crypto::RTCCryptoProvider;

pub use credentials::{Credentials, Login};
pub use frames::{LONGEST, Malformed};
pub use session::{FRESH, IDLE, LIFETIME, LONGEST_LIFETIME, Over, Refused, Session, Step};

/// Where the sockets of allocations are bound. The whole of 127/8 is this machine's, and nothing else of it comes from here: the
/// engine knows relayed paths by it, and nobody outside can send with it.
pub const RELAYED_FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 84, 78));

/// The realm of the credentials (RFC 8489 §9.2).
const REALM: &str = "tongke";

/// What all sessions share.
pub struct Realm {
    credentials: Credentials,
    /// The engine's candidates, and where each is reached on this machine.
    peers: HashMap<SocketAddr, SocketAddr>,
    crypto: Arc<dyn RTCCryptoProvider>,
}

impl std::fmt::Debug for Realm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Realm")
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}

impl Realm {
    /// A relay to these candidates; see [`crate::Engine::candidates`]. Only IPv4 is relayed to: the addresses of allocations are.
    #[must_use]
    pub fn new(
        credentials: Credentials,
        candidates: impl IntoIterator<Item = (SocketAddr, SocketAddr)>,
    ) -> Self {
        let relayed = |(told, _): &(SocketAddr, SocketAddr)| told.is_ipv4();
        Self {
            credentials,
            peers: candidates.into_iter().filter(relayed).collect(),
            crypto: Arc::new(rtc_crypto::providers::AwsLcRsProvider::new()),
        }
    }

    /// Whether there is anything to relay to.
    #[must_use]
    pub fn reaches_something(&self) -> bool {
        !self.peers.is_empty()
    }

    fn is_of_a_peer(&self, ip: IpAddr) -> bool {
        self.peers.keys().any(|peer| peer.ip() == ip)
    }
}

/// Whether a connection whose first byte this is speaks TURN: what comes first is a STUN message (RFC 7983).
#[must_use]
pub fn begins_like_turn(byte: u8) -> bool {
    byte <= 3
}
