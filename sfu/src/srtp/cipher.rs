//! One direction of one protocol (RTP or RTCP) under session keys.

use std::hint::black_box;

use aws_lc_rs::aead::{self, AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;

use super::INDEX_LEN;

const KEY_LEN: usize = 16;
const SALT_LEN: usize = 14;
const GCM_TAG: usize = 16;
const SHA1_TAG: usize = 10;
/// SRTCP: this bit of the index word says that the packet is encrypted.
const ENCRYPTED: u32 = 0x8000_0000;

/// Labels of RFC 3711 §4.3: encryption, authentication, salt.
pub(super) const RTP_LABELS: [u8; 3] = [0, 1, 2];
/// The same for SRTCP.
pub(super) const RTCP_LABELS: [u8; 3] = [3, 4, 5];

/// Protection profiles the engine speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// AEAD_AES_128_GCM, 0x0007.
    Gcm,
    /// AES128_CM_HMAC_SHA1_80, 0x0001.
    Sha1,
}

impl Profile {
    /// Bytes of the master salt.
    pub(crate) fn salt_len(self) -> usize {
        match self {
            Self::Gcm => 12,
            Self::Sha1 => SALT_LEN,
        }
    }

    /// Bytes of the master key.
    pub(crate) fn key_len(self) -> usize {
        KEY_LEN
    }
}

/// Session keys and what to do with them.
pub(super) enum Cipher {
    Gcm {
        key: LessSafeKey,
        salt: Salt,
    },
    Sha1 {
        key: Box<EncryptingKey>,
        auth: Box<hmac::Key>,
        salt: [u8; SALT_LEN],
    },
}

impl Cipher {
    pub(super) fn derive(
        profile: Profile,
        master: &[u8],
        master_salt: &[u8],
        labels: [u8; 3],
    ) -> Result<Self, Unspecified> {
        // A shorter salt (RFC 7714 §12) is padded with zeros on the right.
        let mut padded = [0u8; SALT_LEN];
        padded
            .get_mut(..master_salt.len())
            .ok_or(Unspecified)?
            .copy_from_slice(master_salt);
        let prf = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, master)?)?;
        let mut key = [0u8; KEY_LEN];
        expand(&prf, &padded, labels[0], &mut key)?;
        match profile {
            Profile::Gcm => {
                let mut salt = [0u8; 12];
                expand(&prf, &padded, labels[2], &mut salt)?;
                let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
                Ok(Self::Gcm {
                    key,
                    salt: Salt::new(salt),
                })
            }
            Profile::Sha1 => {
                let mut salt = [0u8; SALT_LEN];
                expand(&prf, &padded, labels[2], &mut salt)?;
                let mut auth = [0u8; 20];
                expand(&prf, &padded, labels[1], &mut auth)?;
                Ok(Self::Sha1 {
                    key: Box::new(EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &key)?)?),
                    auth: Box::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth)),
                    salt,
                })
            }
        }
    }

    /// See [`super::Sealer::warm`].
    pub(super) fn warm(&self) {
        match self {
            Self::Gcm { key, salt } => {
                black_box((key.algorithm(), salt.low));
            }
            Self::Sha1 { salt, .. } => {
                black_box(salt[0]);
            }
        }
    }

    pub(super) fn tag_len(&self) -> usize {
        match self {
            Self::Gcm { .. } => GCM_TAG,
            Self::Sha1 { .. } => SHA1_TAG,
        }
    }

    pub(super) fn seal_rtp(
        &self,
        buffer: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), Unspecified> {
        let packet = buffer.get_mut(start..).ok_or(Unspecified)?;
        let (header, payload) = packet.split_at_mut_checked(header_len).ok_or(Unspecified)?;
        match self {
            Self::Gcm { key, salt } => {
                let nonce = salt.nonce(ssrc, index);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload)?;
                buffer.extend_from_slice(tag.as_ref());
            }
            Self::Sha1 { key, auth, salt } => {
                counter_mode(key, counter(salt, ssrc, index), payload)?;
                let tag = rtp_tag(auth, packet, index);
                buffer.extend_from_slice(&tag.as_ref()[..SHA1_TAG]);
            }
        }
        Ok(())
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, Unspecified> {
        let len = packet.len().checked_sub(self.tag_len()).ok_or(Unspecified)?;
        let (packet, tag) = packet.split_at_mut(len);
        match self {
            Self::Gcm { key, salt } => {
                let nonce = salt.nonce(ssrc, index);
                let (header, payload) = packet.split_at_mut_checked(header_len).ok_or(Unspecified)?;
                key.open_in_place_separate_tag(nonce, Aad::from(&*header), tag, payload)?;
            }
            Self::Sha1 { key, auth, salt } => {
                let expected = rtp_tag(auth, packet, index);
                verify_slices_are_equal(&expected.as_ref()[..SHA1_TAG], tag)?;
                let payload = packet.get_mut(header_len..).ok_or(Unspecified)?;
                counter_mode(key, counter(salt, ssrc, index), payload)?;
            }
        }
        Ok(len)
    }

    pub(super) fn seal_rtcp(
        &self,
        buffer: &mut Vec<u8>,
        start: usize,
        index: u32,
    ) -> Result<(), Unspecified> {
        let word = (index | ENCRYPTED).to_be_bytes();
        let packet = buffer.get_mut(start..).ok_or(Unspecified)?;
        let (header, payload) = packet.split_at_mut_checked(8).ok_or(Unspecified)?;
        let ssrc = ssrc_of(header);
        match self {
            Self::Gcm { key, salt } => {
                let mut aad = [0u8; 12];
                aad[..8].copy_from_slice(header);
                aad[8..].copy_from_slice(&word);
                let nonce = salt.nonce(ssrc, u64::from(index));
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), payload)?;
                buffer.extend_from_slice(tag.as_ref());
                buffer.extend_from_slice(&word);
            }
            Self::Sha1 { key, auth, salt } => {
                counter_mode(key, counter(salt, ssrc, u64::from(index)), payload)?;
                buffer.extend_from_slice(&word);
                let tag = hmac::sign(auth, &buffer[start..]);
                buffer.extend_from_slice(&tag.as_ref()[..SHA1_TAG]);
            }
        }
        Ok(())
    }

    /// The index an SRTCP packet states; the caller checked its length.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> u32 {
        let end = match self {
            Self::Gcm { .. } => packet.len(),
            Self::Sha1 { .. } => packet.len().saturating_sub(SHA1_TAG),
        };
        word_before(packet, end) & !ENCRYPTED
    }

    pub(super) fn open_rtcp(&self, packet: &mut [u8]) -> Result<usize, Unspecified> {
        match self {
            Self::Gcm { key, salt } => {
                let total = packet.len();
                let word = word_before(packet, total);
                let len = total.checked_sub(INDEX_LEN + GCM_TAG).ok_or(Unspecified)?;
                // What is sent in the clear is not accepted.
                if word & ENCRYPTED == 0 || len < 8 {
                    return Err(Unspecified);
                }
                let (body, rest) = packet.split_at_mut(len);
                let (header, payload) = body.split_at_mut(8);
                let mut aad = [0u8; 12];
                aad[..8].copy_from_slice(header);
                aad[8..].copy_from_slice(&word.to_be_bytes());
                let nonce = salt.nonce(ssrc_of(header), u64::from(word & !ENCRYPTED));
                key.open_in_place_separate_tag(nonce, Aad::from(aad), &rest[..GCM_TAG], payload)?;
                Ok(len)
            }
            Self::Sha1 { key, auth, salt } => {
                let signed = packet.len().checked_sub(SHA1_TAG).ok_or(Unspecified)?;
                let len = signed.checked_sub(INDEX_LEN).ok_or(Unspecified)?;
                let word = word_before(packet, signed);
                if word & ENCRYPTED == 0 || len < 8 {
                    return Err(Unspecified);
                }
                let (body, tag) = packet.split_at_mut(signed);
                let expected = hmac::sign(auth, body);
                verify_slices_are_equal(&expected.as_ref()[..SHA1_TAG], tag)?;
                let ssrc = ssrc_of(body);
                let index = u64::from(word & !ENCRYPTED);
                counter_mode(key, counter(salt, ssrc, index), &mut body[8..len])?;
                Ok(len)
            }
        }
    }
}

/// RFC 3711 §4.3.1 with a key derivation rate of 0.
fn expand(prf: &EncryptingKey, salt: &[u8; SALT_LEN], label: u8, out: &mut [u8]) -> Result<(), Unspecified> {
    let mut iv = [0u8; 16];
    iv[..SALT_LEN].copy_from_slice(salt);
    iv[7] ^= label;
    out.fill(0);
    counter_mode(prf, iv, out)
}

fn counter_mode(key: &EncryptingKey, iv: [u8; 16], data: &mut [u8]) -> Result<(), Unspecified> {
    key.less_safe_encrypt(data, EncryptionContext::Iv128(iv.into()))
        .map(drop)
}

/// RFC 3711 §4.1.1.
fn counter(salt: &[u8; SALT_LEN], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0u8; 16];
    iv[..SALT_LEN].copy_from_slice(salt);
    for (at, byte) in iv[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
        *at ^= byte;
    }
    for (at, byte) in iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
        *at ^= byte;
    }
    iv
}

/// The salt of a nonce (RFC 7714), in words: a nonce put together from bytes would be waited for by who reads it whole.
#[derive(Clone, Copy)]
pub(super) struct Salt {
    high: u64,
    low: u32,
}

impl Salt {
    fn new([a, b, c, d, e, f, g, h, i, j, k, l]: [u8; 12]) -> Self {
        Self {
            high: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            low: u32::from_be_bytes([i, j, k, l]),
        }
    }

    /// RFC 7714 §8.1 with the 48 bits of a packet's index, and §9.1 with the 31 bits of SRTCP's.
    fn nonce(self, ssrc: u32, index: u64) -> Nonce {
        let high = self.high ^ (u64::from(ssrc) << 16 | index >> 32 & 0xffff);
        let low = self.low ^ index as u32;
        let mut nonce = [0u8; 12];
        nonce[..8].copy_from_slice(&high.to_be_bytes());
        nonce[8..].copy_from_slice(&low.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}

/// RFC 3711 §4.2: over the packet and the rollover counter.
fn rtp_tag(auth: &hmac::Key, packet: &[u8], index: u64) -> hmac::Tag {
    let rollover = ((index >> 16) & 0xffff_ffff) as u32;
    let mut context = hmac::Context::with_key(auth);
    context.update(packet);
    context.update(&rollover.to_be_bytes());
    context.sign()
}

/// The sender of an RTCP packet.
pub(super) fn ssrc_of(header: &[u8]) -> u32 {
    word_before(header, 8)
}

fn word_before(packet: &[u8], end: usize) -> u32 {
    end.checked_sub(4)
        .and_then(|start| packet.get(start..end))
        .and_then(|word| word.try_into().ok())
        .map_or(0, u32::from_be_bytes)
}

const _: () = assert!(aead::NONCE_LEN == 12);
