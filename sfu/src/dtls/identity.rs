//! The engine's certificate and the configurations made of it.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest as hash};
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;

use super::FLIGHT_INTERVAL;

/// The engine's certificate, made anew with each start, and one configuration per SRTP profile.
#[derive(Clone)]
pub(crate) struct Identity {
    /// SHA-256 of the certificate.
    pub(crate) fingerprint: [u8; 32],
    /// The cryptography everything here uses.
    pub(crate) crypto: Arc<dyn RTCCryptoProvider>,
    pub(super) gcm: Arc<HandshakeConfig>,
    pub(super) sha1: Arc<HandshakeConfig>,
}

impl Identity {
    /// Makes a key (ECDSA P-256) and a certificate.
    pub(crate) fn generate() -> Result<Self, rtc_shared::error::Error> {
        let crypto: Arc<dyn RTCCryptoProvider> = Arc::new(rtc_crypto::providers::AwsLcRsProvider::new());
        let certificate = Certificate::generate_self_signed(vec!["tongke".to_owned()], crypto.crypto())?;
        let fingerprint = certificate
            .certificate
            .first()
            .map_or([0; 32], |der| digest(der.as_ref()));
        let config = |profile| {
            ConfigBuilder::default()
                .with_crypto_provider(Arc::clone(&crypto))
                .with_certificates(vec![certificate.clone()])
                .with_cipher_suites(vec![CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256])
                .with_srtp_protection_profiles(vec![profile])
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                .with_extended_master_secret(ExtendedMasterSecretType::Require)
                .with_insecure_skip_verify(true)
                .with_flight_interval(FLIGHT_INTERVAL)
                .build(false, None)
                .map(Arc::new)
        };
        Ok(Self {
            fingerprint,
            gcm: config(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm)?,
            sha1: config(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80)?,
            crypto,
        })
    }
}

/// SHA-256 of a certificate.
pub(super) fn digest(certificate: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(hash(&SHA256, certificate).as_ref());
    out
}
