//! SRTP and SRTCP in place: AEAD_AES_128_GCM (RFC 7714) and AES128_CM_HMAC_SHA1_80 (RFC 3711).
//!
//! Nothing is allocated per packet. The sender says its rollover counter, because it chose the sequence numbers; the receiver
//! guesses it and remembers only what was authenticated.

mod cipher;
mod replay;

use std::collections::HashMap;

use aws_lc_rs::error::Unspecified;

pub(crate) use cipher::Profile;
use cipher::{Cipher, RTCP_LABELS, RTP_LABELS};
use replay::Window;
pub(crate) use replay::extend;

/// Sources a receiver keeps state for; more are refused, so that a peer cannot grow it for ever.
const MAX_SOURCES: usize = 128;
/// SRTCP: the E flag and index.
const INDEX_LEN: usize = 4;

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// Too short to hold what the profile needs.
    Short,
    /// The tag is wrong.
    Forged,
    /// Seen before, or older than the replay window.
    Replayed,
    /// More sources than a peer may have.
    Sources,
}

impl From<Unspecified> for OpenError {
    fn from(_: Unspecified) -> Self {
        Self::Forged
    }
}

/// Protects what we send to one peer.
pub(crate) struct Sealer {
    rtp: Cipher,
    rtcp: Cipher,
    rtcp_index: u32,
}

impl Sealer {
    /// From the master key and salt of our direction.
    pub(crate) fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, Unspecified> {
        Ok(Self {
            rtp: Cipher::derive(profile, key, salt, RTP_LABELS)?,
            rtcp: Cipher::derive(profile, key, salt, RTCP_LABELS)?,
            rtcp_index: 0,
        })
    }

    /// Protects the RTP packet that is `buffer[start..]`, whose payload begins `header_len` after `start`. `index` is its
    /// extended sequence number (rollover counter and sequence number).
    pub(crate) fn seal_rtp(
        &self,
        buffer: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), Unspecified> {
        self.rtp.seal_rtp(buffer, start, header_len, ssrc, index)
    }

    /// Has the memory fetched that sealing will need.
    pub(crate) fn warm(&self) {
        self.rtp.warm();
    }

    /// Protects the compound RTCP packet that is `buffer[start..]`.
    pub(crate) fn seal_rtcp(&mut self, buffer: &mut Vec<u8>, start: usize) -> Result<(), Unspecified> {
        let index = self.rtcp_index;
        self.rtcp_index = (index + 1) & 0x7fff_ffff;
        self.rtcp.seal_rtcp(buffer, start, index)
    }
}

/// Opens what one peer sends us.
pub(crate) struct Opener {
    rtp: Cipher,
    rtcp: Cipher,
    sources: HashMap<u32, Window>,
    /// By the packet's sender: libsrtp counts its reports per source.
    reporters: HashMap<u32, Window>,
}

impl Opener {
    /// From the master key and salt of the peer's direction.
    pub(crate) fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, Unspecified> {
        Ok(Self {
            rtp: Cipher::derive(profile, key, salt, RTP_LABELS)?,
            rtcp: Cipher::derive(profile, key, salt, RTCP_LABELS)?,
            sources: HashMap::new(),
            reporters: HashMap::new(),
        })
    }

    /// Opens an RTP packet in place. Returns its extended sequence number and its length without the tag.
    pub(crate) fn open_rtp(
        &mut self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        sequence: u16,
    ) -> Result<(u64, usize), OpenError> {
        if packet.len() < header_len + self.rtp.tag_len() {
            return Err(OpenError::Short);
        }
        let known = self.sources.get(&ssrc);
        if known.is_none() && self.sources.len() >= MAX_SOURCES {
            return Err(OpenError::Sources);
        }
        let index = known.map_or(u64::from(sequence), |window| window.guess(sequence));
        if known.is_some_and(|window| window.seen(index)) {
            return Err(OpenError::Replayed);
        }
        let len = self.rtp.open_rtp(packet, header_len, ssrc, index)?;
        self.sources.entry(ssrc).or_default().accept(index);
        Ok((index, len))
    }

    /// Opens a compound RTCP packet in place and returns its length without tag and index.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, OpenError> {
        if packet.len() < 8 + self.rtcp.tag_len() + INDEX_LEN {
            return Err(OpenError::Short);
        }
        let index = u64::from(self.rtcp.rtcp_index(packet));
        let ssrc = cipher::ssrc_of(packet);
        let known = self.reporters.get(&ssrc);
        if known.is_some_and(|window| window.seen(index)) {
            return Err(OpenError::Replayed);
        }
        if known.is_none() && self.reporters.len() >= MAX_SOURCES {
            return Err(OpenError::Sources);
        }
        let len = self.rtcp.open_rtcp(packet)?;
        self.reporters.entry(ssrc).or_default().accept(index);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = [7; 16];

    fn pair(profile: Profile) -> (Sealer, Opener) {
        let salt = &[9u8; 14][..profile.salt_len()];
        (
            Sealer::new(profile, &KEY, salt).unwrap(),
            Opener::new(profile, &KEY, salt).unwrap(),
        )
    }

    fn rtp(sequence: u16) -> Vec<u8> {
        let mut packet = vec![0x80, 96];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2]);
        packet.extend_from_slice(b"a payload of some length");
        packet
    }

    #[test]
    fn opens_what_was_sealed_across_a_rollover_and_once_only() {
        for profile in [Profile::Gcm, Profile::Sha1] {
            let (sealer, mut opener) = pair(profile);
            for index in 65_000u64..66_000 {
                let sequence = u16::try_from(index & 0xffff).unwrap();
                let plain = rtp(sequence);
                let mut sealed = vec![1, 2, 3];
                sealed.extend_from_slice(&plain);
                sealer.seal_rtp(&mut sealed, 3, 12, 2, index).unwrap();
                let sealed = &sealed[3..];
                assert_eq!(sealed.len(), plain.len() + sealer.rtp.tag_len());
                let mut received = sealed.to_vec();
                let (got, len) = opener.open_rtp(&mut received, 12, 2, sequence).unwrap();
                assert_eq!((got, &received[..len]), (index, &plain[..]));
                let mut again = sealed.to_vec();
                assert_eq!(
                    opener.open_rtp(&mut again, 12, 2, sequence),
                    Err(OpenError::Replayed)
                );
            }
        }
    }

    #[test]
    fn refuses_a_changed_byte_anywhere() {
        for profile in [Profile::Gcm, Profile::Sha1] {
            let (mut sealer, mut opener) = pair(profile);
            let mut sealed = rtp(5);
            sealer.seal_rtp(&mut sealed, 0, 12, 2, 5).unwrap();
            for at in 12..sealed.len() {
                let mut forged = sealed.clone();
                forged[at] ^= 1;
                assert_eq!(opener.open_rtp(&mut forged, 12, 2, 5), Err(OpenError::Forged));
            }
            let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 2];
            sealer.seal_rtcp(&mut report, 0).unwrap();
            for at in 0..report.len() {
                let mut forged = report.clone();
                forged[at] ^= 1;
                assert!(opener.open_rtcp(&mut forged).is_err());
            }
            let len = opener.open_rtcp(&mut report).unwrap();
            assert_eq!(&report[..len], &[0x80, 201, 0, 1, 0, 0, 0, 2]);
        }
    }

    #[test]
    fn reports_are_counted_per_source() {
        // libsrtp counts the reports of each source from 0 under the same keys.
        let (mut first, mut opener) = pair(Profile::Gcm);
        let (mut second, _) = pair(Profile::Gcm);
        for (sealer, source) in [(&mut first, 1u8), (&mut second, 2)] {
            let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, source];
            sealer.seal_rtcp(&mut report, 0).unwrap();
            let mut again = report.clone();
            assert!(opener.open_rtcp(&mut report).is_ok());
            assert_eq!(opener.open_rtcp(&mut again), Err(OpenError::Replayed));
        }
    }

    /// Against another implementation, in both directions and across a rollover.
    #[test]
    fn another_implementation_reads_it_and_is_read() {
        use rtc_crypto::RTCCryptoProvider as _;
        use rtc_srtp::context::Context;
        use rtc_srtp::protection_profile::ProtectionProfile;

        let provider = rtc_crypto::providers::AwsLcRsProvider::new();
        for (profile, other) in [
            (Profile::Gcm, ProtectionProfile::AeadAes128Gcm),
            (Profile::Sha1, ProtectionProfile::Aes128CmHmacSha1_80),
        ] {
            let (mut sealer, mut opener) = pair(profile);
            let salt = &[9u8; 14][..profile.salt_len()];
            let context = || Context::new(&KEY, salt, other, None, None, provider.crypto()).unwrap();
            let (mut sending, mut receiving) = (context(), context());
            for index in 65_500u64..65_600 {
                let sequence = u16::try_from(index & 0xffff).unwrap();
                let plain = rtp(sequence);
                let mut ours = plain.clone();
                sealer.seal_rtp(&mut ours, 0, 12, 2, index).unwrap();
                assert_eq!(&receiving.decrypt_rtp(&ours).unwrap()[..], plain);
                let mut theirs = sending.encrypt_rtp(&plain).unwrap().to_vec();
                let (_, len) = opener.open_rtp(&mut theirs, 12, 2, sequence).unwrap();
                assert_eq!(theirs[..len], plain);
            }
            let plain = [0x80, 201, 0, 1, 0, 0, 0, 2];
            let mut ours = plain.to_vec();
            sealer.seal_rtcp(&mut ours, 0).unwrap();
            assert_eq!(receiving.decrypt_rtcp(&ours).unwrap()[..], plain);
            let mut theirs = sending.encrypt_rtcp(&plain).unwrap().to_vec();
            let len = opener.open_rtcp(&mut theirs).unwrap();
            assert_eq!(theirs[..len], plain);
        }
    }
}
