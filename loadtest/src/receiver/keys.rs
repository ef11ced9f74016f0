//! DTLS of a receiver, and the SRTP that comes of it. Either end may begin; the other's certificate is the one its SDP named.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::BytesMut;
use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::dtls::state::State;
use rtc::shared::TransportProtocol;
use rtc::srtp::context::Context;
use rtc::srtp::protection_profile::ProtectionProfile;

/// RFC 5764 §4.2.
const EXPORTER: &str = "EXTRACTOR-dtls_srtp";
/// A flight is sent again after so long.
const FLIGHT_INTERVAL: Duration = Duration::from_millis(300);
/// `rtc-dtls` tells associations apart by address; a receiver has one, wherever its packets go.
const OTHER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// The certificate of all receivers of a process, and what is agreed by it.
#[derive(Clone)]
pub struct Passport {
    pub(super) crypto: Arc<dyn RTCCryptoProvider>,
    pub(super) fingerprint: String,
    client: Arc<HandshakeConfig>,
    server: Arc<HandshakeConfig>,
}

impl std::fmt::Debug for Passport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passport").finish_non_exhaustive()
    }
}

impl Passport {
    /// Makes a certificate.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn new() -> anyhow::Result<Self> {
        let crypto = rtc::crypto::default_provider().context("no cryptography")?;
        let certificate =
            Certificate::generate_self_signed(vec!["tongke-loadtest".to_owned()], crypto.crypto())?;
        let der = certificate.certificate.first().context("no certificate")?;
        let fingerprint = fingerprint(crypto.as_ref(), der.as_ref())?;
        let config = |client: bool| {
            ConfigBuilder::default()
                .with_crypto_provider(Arc::clone(&crypto))
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(crate::peer::SRTP.to_vec())
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                .with_extended_master_secret(ExtendedMasterSecretType::Require)
                // Who it is, is said by the fingerprint.
                .with_insecure_skip_verify(true)
                .with_flight_interval(FLIGHT_INTERVAL)
                .build(client, None)
                .map(Arc::new)
        };
        Ok(Self {
            client: config(true)?,
            server: config(false)?,
            fingerprint,
            crypto,
        })
    }
}

impl Passport {
    /// How a handshake is begun.
    ///
    /// # Errors
    ///
    /// When there is no cryptography.
    pub fn client_hello(&self) -> anyhow::Result<Vec<u8>> {
        let mut dtls = Dtls::new(Instant::now(), self, "", true)?;
        Ok(dtls.poll().context("nothing to begin with")?.to_vec())
    }
}

/// SHA-256 as `a=fingerprint` has it.
fn fingerprint(crypto: &dyn RTCCryptoProvider, certificate: &[u8]) -> anyhow::Result<String> {
    let hash = crypto.crypto().hash(HashAlgorithm::Sha256, certificate)?;
    let mut out = String::new();
    for byte in hash {
        let colon = if out.is_empty() { "" } else { ":" };
        // Writing to a String cannot fail.
        let _ = write!(out, "{colon}{byte:02X}");
    }
    Ok(out)
}

/// What a handshake gives.
pub(super) struct Keys {
    /// For what comes.
    pub(super) opener: Context,
    /// For what we send.
    pub(super) sealer: Context,
    /// How much longer a sealed packet is.
    pub(super) tag: usize,
}

/// A handshake, and the association that it makes.
pub(super) struct Dtls {
    endpoint: Endpoint,
    passport: Passport,
    /// Of the certificate the other end has to show.
    expected: String,
    began: bool,
    closed: bool,
}

impl Dtls {
    /// We begin, if `begin`; otherwise the other end does.
    pub(super) fn new(
        now: Instant,
        passport: &Passport,
        expected: &str,
        begin: bool,
    ) -> anyhow::Result<Self> {
        let server = (!begin).then(|| Arc::clone(&passport.server));
        let mut endpoint = Endpoint::new(OTHER, TransportProtocol::UDP, server);
        if begin {
            endpoint.connect(now, OTHER, Arc::clone(&passport.client), None)?;
        }
        Ok(Self {
            endpoint,
            passport: passport.clone(),
            expected: expected.to_owned(),
            began: begin,
            closed: false,
        })
    }

    /// Takes a datagram; the keys, when that ended the handshake.
    ///
    /// # Errors
    ///
    /// When there can be no handshake any more, or the other end has closed.
    pub(super) fn take(&mut self, now: Instant, datagram: &[u8]) -> anyhow::Result<Option<Keys>> {
        let events = self
            .endpoint
            .read(now, OTHER, None, BytesMut::from(datagram))
            .context("the DTLS handshake failed")?;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => return self.keys().map(Some),
                EndpointEvent::PeerClosed => {
                    self.closed = true;
                    anyhow::bail!("the other end closed");
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Whether the other end has closed.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    fn keys(&self) -> anyhow::Result<Keys> {
        let state = self.endpoint.get_connection_state(OTHER);
        let state: &State = state.context("the association is gone")?;
        let certificate = state
            .peer_certificates
            .first()
            .context("the other end has no certificate")?;
        let shown = fingerprint(self.passport.crypto.as_ref(), certificate)?;
        anyhow::ensure!(
            shown == self.expected,
            "the certificate is not the one the SDP names"
        );
        let profile = profile(state.srtp_protection_profile())?;
        let (key, salt) = (profile.key_len(), profile.salt_len());
        let material = state.export_keying_material(EXPORTER, &[], 2 * (key + salt))?;
        let material = material.into_bytes();
        let (keys, salts) = material.split_at(2 * key);
        let context = |of_client: bool| {
            let at = usize::from(!of_client);
            let (key, salt) = (&keys[at * key..][..key], &salts[at * salt..][..salt]);
            Context::new(key, salt, profile, None, None, self.passport.crypto.crypto())
        };
        Ok(Keys {
            opener: context(!self.began)?,
            sealer: context(self.began)?,
            tag: profile.rtp_auth_tag_len() + profile.aead_auth_tag_len(),
        })
    }

    /// When [`Self::timeout`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.endpoint.poll_timeout(&OTHER)
    }

    /// Sends again what is due.
    ///
    /// # Errors
    ///
    /// When it was sent too often.
    pub(super) fn timeout(&mut self, now: Instant) -> anyhow::Result<()> {
        if self.deadline().is_some_and(|due| due <= now) {
            self.endpoint.handle_timeout(OTHER, now)?;
        }
        Ok(())
    }

    /// The next datagram to send.
    pub(super) fn poll(&mut self) -> Option<BytesMut> {
        self.endpoint.poll_transmit().map(|sent| sent.message)
    }

    /// Says goodbye.
    pub(super) fn close(&mut self, now: Instant) {
        self.endpoint.stop(now, OTHER);
    }
}

fn profile(agreed: SrtpProtectionProfile) -> anyhow::Result<ProtectionProfile> {
    Ok(match agreed {
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => ProtectionProfile::AeadAes256Gcm,
        _ => anyhow::bail!("no SRTP was agreed on"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Carries datagrams until both have keys, or one refuses.
    fn shake(one: &mut Dtls, other: &mut Dtls) -> anyhow::Result<(Keys, Keys)> {
        let now = Instant::now();
        let (mut first, mut second) = (None, None);
        for _ in 0..20 {
            while let Some(datagram) = one.poll() {
                second = other.take(now, &datagram)?.or(second);
            }
            while let Some(datagram) = other.poll() {
                first = one.take(now, &datagram)?.or(first);
            }
            if let (Some(first), Some(second)) = (first.take(), second.take()) {
                return Ok((first, second));
            }
        }
        anyhow::bail!("no end of it")
    }

    fn ends(expected: &str) -> (Dtls, Dtls) {
        let (here, there) = (Passport::new().expect("made"), Passport::new().expect("made"));
        let now = Instant::now();
        let expected = if expected.is_empty() {
            &there.fingerprint
        } else {
            expected
        };
        (
            Dtls::new(now, &here, expected, true).expect("begun"),
            Dtls::new(now, &there, &here.fingerprint, false).expect("begun"),
        )
    }

    #[test]
    fn what_one_end_seals_the_other_opens() {
        let (mut one, mut other) = ends("");
        let (mut one, mut other) = shake(&mut one, &mut other).expect("agreed");
        let packet = [&[0x80, 102, 0, 7, 0, 0, 0, 0, 0, 0, 0, 5], &[9; 100][..]].concat();
        let sealed = one.sealer.encrypt_rtp(&packet).expect("sealed");
        assert_eq!(sealed.len(), packet.len() + one.tag);
        assert_eq!(other.opener.decrypt_rtp(&sealed).expect("opened"), packet);
        let mut forged = sealed.clone();
        forged[20] ^= 1;
        assert!(other.opener.decrypt_rtp(&forged).is_err());
        let sealed = other.sealer.encrypt_rtp(&packet).expect("sealed");
        assert_eq!(one.opener.decrypt_rtp(&sealed).expect("opened"), packet);
    }

    #[test]
    fn another_certificate_than_the_named_one_is_refused() {
        let (mut one, mut other) = ends("AA:BB");
        assert!(shake(&mut one, &mut other).is_err());
    }
}
