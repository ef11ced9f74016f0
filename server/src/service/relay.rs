//! Who may use the relay, and how they are told: an address on the port of HTTPS, a name and a password that end by themselves.

use std::sync::OnceLock;

use protocol::id::PeerId;
use protocol::signal::IceServer;
use sfu::turn::Credentials;
use time::{Duration, OffsetDateTime};

/// How long what a join was told is good: longer than any lesson. What is revoked earlier loses its peer, and nothing else is
/// reached by the relay.
pub const FOR_A_JOIN: Duration = Duration::hours(12);

/// By which name and port a client reached the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Door {
    /// As in an address: a name, or an IP address, of version 6 in brackets.
    pub host: String,
    /// The port, where it is that of HTTPS.
    pub port: Option<u16>,
}

/// See the module.
#[derive(Debug)]
pub struct Relay {
    credentials: Credentials,
    port: OnceLock<u16>,
}

impl Relay {
    /// With a key that only the server knows. Nobody is told of it before it [opens](Self::open).
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self {
            credentials: Credentials::new(key),
            port: OnceLock::new(),
        }
    }

    /// It is served from now, at this port.
    pub fn open(&self, port: u16) {
        // Opened once, at start.
        let _ = self.port.set(port);
    }

    /// What it is served with.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// What a peer is told; nothing while there is no relay.
    #[must_use]
    pub fn servers(&self, door: &Door, peer: PeerId, until: OffsetDateTime) -> Vec<IceServer> {
        let Some(own) = self.port.get().filter(|_| !door.host.is_empty()) else {
            return Vec::new();
        };
        let port = door.port.unwrap_or(*own);
        // A peer's id names nobody.
        let login = self.credentials.issue(&peer.to_string(), until.unix_timestamp());
        vec![IceServer {
            urls: vec![format!("turns:{}:{port}?transport=tcp", door.host)],
            username: login.username,
            credential: login.password,
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_told_of_the_door_it_came_by() {
        let relay = Relay::new(b"key");
        let (peer, until) = (PeerId::new(), OffsetDateTime::UNIX_EPOCH + FOR_A_JOIN);
        let door = |host: &str, port| Door {
            host: host.to_owned(),
            port,
        };
        let told = |door: &Door| relay.servers(door, peer, until);
        assert_eq!(told(&door("a.example", Some(443))), [], "there is none yet");
        relay.open(8443);
        let url = |door: &Door| told(door)[0].urls[0].clone();
        assert_eq!(
            url(&door("a.example", Some(443))),
            "turns:a.example:443?transport=tcp"
        );
        assert_eq!(url(&door("[::1]", None)), "turns:[::1]:8443?transport=tcp");
        assert_eq!(told(&Door::default()), []);
        let one = told(&door("a", None)).remove(0);
        assert_eq!(one.username, format!("43200:{peer}"));
        assert!(
            !format!("{one:?}").contains(&one.credential),
            "no password reaches a log"
        );
    }
}
