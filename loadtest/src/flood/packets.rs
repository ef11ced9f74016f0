//! What is sent: made before, so that sending costs little.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _};
use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::ATTR_USERNAME;
use rtc::stun::fingerprint::FingerprintAttr;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use rtc::stun::textattrs::Username;

use crate::receiver::{Passport, Whereabouts};

/// So many different packets are sent over and over.
const PACKETS: usize = 1_024;
/// Handshakes are begun so often; each takes keys of its own.
const HELLOS: usize = 32;

/// A kind of packet.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Random bytes of any length, from strangers.
    Garbage,
    /// STUN whose lengths lie, from strangers.
    BrokenStun,
    /// Checks of a connection that is there, sealed with another password, from strangers.
    ForgedStun,
    /// Beginnings of DTLS handshakes, from strangers.
    Hello,
    /// RTP and RTCP of streams that are there, with wrong tags, from strangers.
    Media,
    /// Beginnings of DTLS handshakes, from the address of somebody who watches.
    InsideHello,
    /// RTP and RTCP with wrong tags, from the address of somebody who watches.
    InsideMedia,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Garbage,
        Self::BrokenStun,
        Self::ForgedStun,
        Self::Hello,
        Self::Media,
        Self::InsideHello,
        Self::InsideMedia,
    ];

    /// Sent from an address that is a viewer's.
    #[must_use]
    pub fn inside(self) -> bool {
        matches!(self, Self::InsideHello | Self::InsideMedia)
    }

    /// Packets of it; `whereabouts` is what a viewer was told.
    ///
    /// # Errors
    ///
    /// When a handshake cannot be begun.
    pub fn packets(
        self,
        whereabouts: &Whereabouts,
        passport: &Passport,
        rng: &mut StdRng,
    ) -> anyhow::Result<Vec<Vec<u8>>> {
        let many = |rng: &mut StdRng, one: &dyn Fn(&mut StdRng) -> Vec<u8>| {
            (0..PACKETS).map(|_| one(rng)).collect::<Vec<_>>()
        };
        Ok(match self {
            Self::Garbage => many(rng, &|rng| noise(rng, 0, 1_200)),
            Self::BrokenStun => many(rng, &broken_stun),
            Self::ForgedStun => {
                let crypto = rtc::crypto::default_provider()?;
                (0..PACKETS)
                    .filter_map(|number| forged_stun(&whereabouts.ufrag, number, &crypto))
                    .collect()
            }
            Self::Hello | Self::InsideHello => (0..HELLOS)
                .map(|_| passport.client_hello())
                .collect::<anyhow::Result<_>>()?,
            Self::Media | Self::InsideMedia => many(rng, &|rng| media(rng, &whereabouts.ssrcs)),
        })
    }
}

fn noise(rng: &mut StdRng, least: usize, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(least..most)];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// The head of a check, and then anything.
fn broken_stun(rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = noise(rng, 20, 200);
    bytes[..2].copy_from_slice(&[0, 1]);
    // Half of the lengths are right, so that the attributes are looked at.
    if rng.random_bool(0.5) {
        bytes.truncate(20 + (bytes.len() - 20) / 4 * 4);
        let length = u16::try_from(bytes.len() - 20).unwrap_or(0);
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
    }
    bytes[4..8].copy_from_slice(&0x2112_a442_u32.to_be_bytes());
    bytes
}

/// A check as a viewer makes it, but for the password.
fn forged_stun(ufrag: &str, number: usize, crypto: &Arc<dyn RTCCryptoProvider>) -> Option<Vec<u8>> {
    let name = Username::new(ATTR_USERNAME, format!("{ufrag}:flood"));
    let password = format!("another password {number}");
    let seal = MessageIntegrity::new_short_term_integrity_with_provider(password, crypto.crypto());
    let setters: Vec<Box<dyn Setter + '_>> = vec![
        Box::new(TransactionId::new()),
        Box::new(BINDING_REQUEST),
        Box::new(name),
        Box::new(seal),
        Box::new(FingerprintAttr),
    ];
    let mut message = Message::new();
    message.build(&setters).ok()?;
    Some(message.raw)
}

/// One in eight is a report.
fn media(rng: &mut StdRng, ssrcs: &[u32]) -> Vec<u8> {
    let ssrc = match ssrcs {
        [] => rng.random(),
        known => known[rng.random_range(0..known.len())],
    };
    if rng.random_bool(0.125) {
        let mut bytes = noise(rng, 60, 200);
        bytes[..4].copy_from_slice(&[0x81, 201, 0, 7]);
        bytes[4..8].copy_from_slice(&ssrc.to_be_bytes());
        return bytes;
    }
    let mut bytes = noise(rng, 100, 1_200);
    bytes[..2].copy_from_slice(&[0x80, 102]);
    bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rtc::stun::fingerprint::FINGERPRINT;

    #[test]
    fn each_is_what_it_is_called() {
        let whereabouts = Whereabouts {
            ufrag: "abcd".to_owned(),
            ssrcs: vec![7],
            ..Whereabouts::default()
        };
        let passport = Passport::new().expect("made");
        let mut rng = StdRng::seed_from_u64(1);
        for kind in Kind::ALL {
            let packets = kind.packets(&whereabouts, &passport, &mut rng).expect("made");
            assert!(packets.len() >= HELLOS, "{kind:?}");
            for packet in &packets {
                let first = packet.first().copied();
                match kind {
                    Kind::Garbage => assert!(packet.len() < 1_200),
                    Kind::BrokenStun => assert_eq!(first, Some(0)),
                    Kind::ForgedStun => {
                        let mut message = Message::new();
                        message.unmarshal_binary(packet).expect("well-formed");
                        FINGERPRINT.check(&message).expect("right");
                    }
                    // A handshake record (RFC 6347 §4.1), of a ClientHello.
                    Kind::Hello | Kind::InsideHello => assert_eq!((packet[0], packet[13]), (22, 1)),
                    Kind::Media | Kind::InsideMedia => {
                        let at = if packet[1] == 201 { 4 } else { 8 };
                        assert_eq!(packet[at..at + 4], [0, 0, 0, 7]);
                    }
                }
            }
        }
    }
}
