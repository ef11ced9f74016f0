//! DTLS of one connection: always the server, with our own preference of SRTP profiles (docs/adr/0001-dtls.md).

mod client_hello;
mod identity;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc_dtls::config::HandshakeConfig;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_shared::TransportProtocol;

use crate::srtp::{Opener, Profile, Sealer};
use client_hello::{ClientHelloReader, Offer};
pub(crate) use identity::Identity;
use identity::digest;

/// RFC 5764 §4.2.
const EXPORTER: &str = "EXTRACTOR-dtls_srtp";
/// Datagrams a handshake may take from its peer: bounds what fragments can make us keep.
const MAX_DATAGRAMS: u32 = 200;
/// Datagrams a second of an association that is there: a repeated flight, a goodbye.
const MAX_LATE: u32 = 20;
/// Datagrams held until the ClientHello is whole.
const MAX_HELD: usize = 8;

/// A flight is repeated after so long …
const FLIGHT_INTERVAL: Duration = Duration::from_millis(300);
/// … and after twice as long each time, so often.
const LONGEST: u32 = 3;

/// Types of handshake messages (RFC 5246 §7.4).
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// `rtc-dtls` tells associations apart by address; a connection has one, wherever its peer moves.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// What became of a datagram or a timeout.
pub(crate) enum Progress {
    /// Nothing to tell.
    None,
    /// It was one too many, and not looked at.
    Dropped,
    /// The handshake is through.
    Connected(Box<Keys>),
    /// It failed for good, or the peer closed.
    Closed(&'static str),
}

/// What a handshake gives.
pub(crate) struct Keys {
    /// The profile agreed on.
    pub(crate) profile: Profile,
    /// For what we send.
    pub(crate) sealer: Sealer,
    /// For what comes.
    pub(crate) opener: Opener,
    /// SHA-256 of the peer's certificate, to be compared with what the SDP said.
    pub(crate) fingerprint: [u8; 32],
}

/// DTLS of one connection.
pub(crate) struct Dtls {
    state: State,
    datagrams: u32,
    /// Our first flight was sent: a ClientHello that comes now is a repeated one.
    answered: bool,
    /// How often our flight was repeated since anything came.
    repeated: u32,
    /// Datagrams of this second, once the handshake is through.
    late: Option<(Instant, u32)>,
}

enum State {
    /// Waiting for the whole ClientHello.
    Hello {
        reader: ClientHelloReader,
        held: Vec<BytesMut>,
        gcm: Arc<HandshakeConfig>,
        sha1: Arc<HandshakeConfig>,
    },
    /// The handshake runs, or ran.
    Running {
        endpoint: Box<Endpoint>,
        profile: Profile,
        done: bool,
    },
    Closed,
}

impl Dtls {
    /// A server that waits for a ClientHello.
    pub(crate) fn new(identity: &Identity) -> Self {
        Self {
            state: State::Hello {
                reader: ClientHelloReader::default(),
                held: Vec::new(),
                gcm: Arc::clone(&identity.gcm),
                sha1: Arc::clone(&identity.sha1),
            },
            datagrams: 0,
            answered: false,
            repeated: 0,
            late: None,
        }
    }

    /// Takes a datagram of the peer.
    pub(crate) fn handle(&mut self, now: Instant, datagram: &[u8]) -> Progress {
        if let State::Running { done: true, .. } = &self.state {
            return if self.late_again(now) <= MAX_LATE {
                self.feed(now, BytesMut::from(datagram))
            } else {
                Progress::Dropped
            };
        }
        self.datagrams += 1;
        if self.datagrams > MAX_DATAGRAMS {
            return self.fail("too many DTLS datagrams");
        }
        if let State::Hello {
            reader,
            held,
            gcm,
            sha1,
        } = &mut self.state
        {
            let profile = match reader.read(datagram) {
                Offer::Profile(profile) => profile,
                Offer::Incomplete => {
                    if held.len() < MAX_HELD {
                        held.push(BytesMut::from(datagram));
                    }
                    return Progress::None;
                }
                Offer::Unusable => {
                    // Anyone can write one bad datagram; the peer's retransmission gets a new reader.
                    *reader = ClientHelloReader::default();
                    held.clear();
                    return Progress::None;
                }
            };
            let config = match profile {
                Profile::Gcm => Arc::clone(gcm),
                Profile::Sha1 => Arc::clone(sha1),
            };
            let mut held = std::mem::take(held);
            held.push(BytesMut::from(datagram));
            let endpoint = Box::new(Endpoint::new(PEER, TransportProtocol::UDP, Some(config)));
            self.state = State::Running {
                endpoint,
                profile,
                done: false,
            };
            let mut progress = Progress::None;
            for datagram in held {
                if matches!(progress, Progress::None) {
                    progress = self.feed(now, datagram);
                }
            }
            return progress;
        }
        // `rtc-dtls` stops its timer at whatever comes: a ClientHello that is repeated because our flight was lost would keep us
        // from repeating that, and both sides would wait for each other.
        if self.answered && handshake_type(datagram) == Some(CLIENT_HELLO) {
            return Progress::None;
        }
        self.feed(now, BytesMut::from(datagram))
    }

    /// How many came this second, with this one.
    fn late_again(&mut self, now: Instant) -> u32 {
        let fresh = |since: &Instant| now.saturating_duration_since(*since) < Duration::from_secs(1);
        let (since, count) = self.late.filter(|(since, _)| fresh(since)).unwrap_or((now, 0));
        self.late = Some((since, count.saturating_add(1)));
        count.saturating_add(1)
    }

    fn feed(&mut self, now: Instant, datagram: BytesMut) -> Progress {
        let State::Running { endpoint, done, .. } = &mut self.state else {
            return Progress::None;
        };
        let was_done = *done;
        self.repeated = 0;
        match endpoint.read(now, PEER, None, datagram) {
            Ok(events) => {
                for event in events {
                    match event {
                        EndpointEvent::HandshakeComplete => {
                            *done = true;
                            return self.keys();
                        }
                        EndpointEvent::PeerClosed => {
                            self.state = State::Closed;
                            return Progress::Closed("the peer closed");
                        }
                        _ => {}
                    }
                }
                Progress::None
            }
            // After the handshake a bad record is dropped (RFC 6347 §4.1.2.7).
            Err(_) if was_done => Progress::None,
            Err(error) => {
                tracing::debug!(%error, "DTLS handshake failed");
                Progress::Closed("the DTLS handshake failed")
            }
        }
    }

    fn keys(&mut self) -> Progress {
        let State::Running {
            endpoint, profile, ..
        } = &self.state
        else {
            return Progress::None;
        };
        let profile = *profile;
        let keys = endpoint.get_connection_state(PEER).and_then(|state| {
            let certificate = state.peer_certificates.first()?;
            let (key, salt) = (profile.key_len(), profile.salt_len());
            let material = state
                .export_keying_material(EXPORTER, &[], 2 * (key + salt))
                .ok()?
                .into_bytes();
            // Client key, server key, client salt, server salt.
            let (keys, salts) = material.split_at(2 * key);
            Some(Keys {
                profile,
                opener: Opener::new(profile, &keys[..key], &salts[..salt]).ok()?,
                sealer: Sealer::new(profile, &keys[key..], &salts[salt..]).ok()?,
                fingerprint: digest(certificate),
            })
        });
        match keys {
            Some(keys) => Progress::Connected(Box::new(keys)),
            None => self.fail("the DTLS handshake gave no keys"),
        }
    }

    fn fail(&mut self, reason: &'static str) -> Progress {
        self.state = State::Closed;
        Progress::Closed(reason)
    }

    /// Retransmits what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Progress {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return Progress::None;
        }
        self.repeated += 1;
        if let State::Running { endpoint, done, .. } = &mut self.state
            && endpoint.handle_timeout(PEER, now).is_err()
            && !*done
            && endpoint.get_connection_state(PEER).is_some()
        {
            return self.fail("the DTLS handshake timed out");
        }
        Progress::None
    }

    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            // Once it is through, a flight is only repeated when the peer repeats its own.
            State::Running {
                endpoint,
                done: false,
                ..
            } => {
                // Each time after twice as long (RFC 6347 §4.2.4.1): `rtc-dtls` gives up after seven times.
                let more = FLIGHT_INTERVAL * ((1 << self.repeated.min(LONGEST)) - 1);
                endpoint.poll_timeout(&PEER).map(|due| due + more)
            }
            _ => None,
        }
    }

    /// The next datagram to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        let State::Running { endpoint, .. } = &mut self.state else {
            return None;
        };
        let datagram = endpoint.poll_transmit()?.message.freeze();
        self.answered |= handshake_type(&datagram) == Some(SERVER_HELLO);
        Some(datagram)
    }

    /// Says goodbye; what to send is polled.
    pub(crate) fn close(&mut self, now: Instant) {
        if let State::Running {
            endpoint, done: true, ..
        } = &mut self.state
        {
            endpoint.stop(now, PEER);
        }
    }
}

/// The type of the handshake message that a datagram in clear begins with (RFC 6347 §4.1, §4.2.2).
fn handshake_type(datagram: &[u8]) -> Option<u8> {
    const HANDSHAKE: u8 = 22;
    let (header, message) = datagram.split_first_chunk::<13>()?;
    let clear = header[0] == HANDSHAKE && header[3..5] == [0, 0];
    message.first().copied().filter(|_| clear)
}

#[cfg(test)]
mod tests;
