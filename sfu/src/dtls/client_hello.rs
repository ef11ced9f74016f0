//! The first flight of a DTLS client, read only for the SRTP profiles it offers.
//!
//! Chromium's ClientHello has a post-quantum key share and comes in two fragments (RFC 6347 §4.2.3), which may be lost,
//! repeated or reordered. `rtc-dtls` chooses by the client's order among what its configuration allows, so the engine reads
//! the offer first and then configures exactly one profile.

use crate::srtp::Profile;

const RECORD_HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;
const CONTENT_HANDSHAKE: u8 = 22;
const TYPE_CLIENT_HELLO: u8 = 1;
const EXTENSION_USE_SRTP: u16 = 14;
/// Longest ClientHello; Chromium's is about 1,500 bytes.
const MAX_HELLO: usize = 8 * 1024;

/// What is known of the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// Not all of it has come.
    Incomplete,
    /// The profile to use.
    Profile(Profile),
    /// It offers none that the engine speaks, or is no ClientHello.
    Unusable,
}

/// Puts the fragments of a ClientHello together.
#[derive(Debug, Default)]
pub(super) struct ClientHelloReader {
    message: Vec<u8>,
    have: Vec<bool>,
}

impl ClientHelloReader {
    /// Takes a datagram of the first flight.
    pub(super) fn read(&mut self, mut datagram: &[u8]) -> Offer {
        while let Some(header) = datagram.first_chunk::<RECORD_HEADER>() {
            let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
            let Some(record) = datagram.get(RECORD_HEADER..RECORD_HEADER + len) else {
                return Offer::Unusable;
            };
            let epoch = u16::from_be_bytes([header[3], header[4]]);
            if header[0] == CONTENT_HANDSHAKE && epoch == 0 && self.fragment(record).is_none() {
                return Offer::Unusable;
            }
            datagram = &datagram[RECORD_HEADER + len..];
        }
        if self.have.is_empty() || self.have.contains(&false) {
            return Offer::Incomplete;
        }
        match use_srtp(&self.message) {
            Some(profiles) => choose(profiles).map_or(Offer::Unusable, Offer::Profile),
            None => Offer::Unusable,
        }
    }

    fn fragment(&mut self, mut record: &[u8]) -> Option<()> {
        while !record.is_empty() {
            let header = record.first_chunk::<HANDSHAKE_HEADER>()?;
            let total = uint24(&header[1..4]);
            let offset = uint24(&header[6..9]);
            let len = uint24(&header[9..12]);
            if header[0] != TYPE_CLIENT_HELLO || total == 0 || total > MAX_HELLO || offset + len > total {
                return None;
            }
            let body = record.get(HANDSHAKE_HEADER..HANDSHAKE_HEADER + len)?;
            if self.message.len() != total {
                self.message = vec![0; total];
                self.have = vec![false; total];
            }
            self.message[offset..offset + len].copy_from_slice(body);
            self.have[offset..offset + len].fill(true);
            record = &record[HANDSHAKE_HEADER + len..];
        }
        Some(())
    }
}

fn uint24(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | usize::from(*byte))
}

/// AEAD_AES_128_GCM wherever it is offered, by our order and not the client's: it costs a fifth.
fn choose(profiles: &[u8]) -> Option<Profile> {
    let offered = |wanted: u16| profiles.chunks_exact(2).any(|id| id == wanted.to_be_bytes());
    if offered(0x0007) {
        Some(Profile::Gcm)
    } else if offered(0x0001) {
        Some(Profile::Sha1)
    } else {
        None
    }
}

/// The list of profiles of the use_srtp extension (RFC 5764 §4.1.1) of a ClientHello's body.
fn use_srtp(message: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader(message);
    reader.take(2 + 32)?;
    reader.vector8()?;
    reader.vector8()?;
    reader.vector16()?;
    reader.vector8()?;
    let mut extensions = Reader(reader.vector16()?);
    loop {
        let kind = extensions.take(2)?;
        let data = extensions.vector16()?;
        if u16::from_be_bytes([kind[0], kind[1]]) == EXTENSION_USE_SRTP {
            return Reader(data).vector16();
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let len = self.take(1)?;
        self.take(usize::from(len[0]))
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let len = self.take(2)?;
        self.take(usize::from(u16::from_be_bytes([len[0], len[1]])))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ClientHello with these profiles and `padding` bytes in another extension.
    fn hello(profiles: &[u16], padding: usize) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend_from_slice(&[0; 32]);
        body.extend_from_slice(&[0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
        let mut extensions = vec![0, 51];
        extensions.extend_from_slice(&(padding as u16).to_be_bytes());
        extensions.resize(extensions.len() + padding, 7);
        extensions.extend_from_slice(&[0, 14]);
        extensions.extend_from_slice(&(profiles.len() as u16 * 2 + 3).to_be_bytes());
        extensions.extend_from_slice(&(profiles.len() as u16 * 2).to_be_bytes());
        for profile in profiles {
            extensions.extend_from_slice(&profile.to_be_bytes());
        }
        extensions.push(0);
        body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
        body.extend_from_slice(&extensions);
        body
    }

    fn datagram(body: &[u8], offset: usize, len: usize) -> Vec<u8> {
        let mut out = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
        out.extend_from_slice(&((len + 12) as u16).to_be_bytes());
        out.push(1);
        out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&(offset as u32).to_be_bytes()[1..]);
        out.extend_from_slice(&(len as u32).to_be_bytes()[1..]);
        out.extend_from_slice(&body[offset..offset + len]);
        out
    }

    #[test]
    fn prefers_gcm_128_whatever_the_clients_order() {
        let body = hello(&[1, 8, 7], 0);
        let offer = ClientHelloReader::default().read(&datagram(&body, 0, body.len()));
        assert_eq!(offer, Offer::Profile(Profile::Gcm));
        let body = hello(&[8, 1], 0);
        let offer = ClientHelloReader::default().read(&datagram(&body, 0, body.len()));
        assert_eq!(offer, Offer::Profile(Profile::Sha1));
        let body = hello(&[8], 0);
        let offer = ClientHelloReader::default().read(&datagram(&body, 0, body.len()));
        assert_eq!(offer, Offer::Unusable);
    }

    #[test]
    fn puts_fragments_together_in_any_order() {
        let body = hello(&[1, 7], 1300);
        let (first, second) = (datagram(&body, 0, 1100), datagram(&body, 1100, body.len() - 1100));
        let mut reader = ClientHelloReader::default();
        assert_eq!(reader.read(&second), Offer::Incomplete);
        assert_eq!(reader.read(&second), Offer::Incomplete);
        assert_eq!(reader.read(&first), Offer::Profile(Profile::Gcm));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..200) {
            let _ = ClientHelloReader::default().read(&bytes);
            let body = hello(&[1, 7], 10);
            let mut broken = datagram(&body, 0, body.len());
            for (at, byte) in bytes.iter().enumerate().take(3) {
                let index = (cut * 7 + at * 31) % broken.len();
                broken[index] ^= byte;
            }
            let _ = ClientHelloReader::default().read(&broken);
        }
    }
}
