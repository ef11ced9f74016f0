use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;

use super::*;

/// A client as a browser is one.
fn client(identity: &Identity, now: Instant) -> Endpoint {
    let crypto = identity.crypto.crypto();
    let certificate = Certificate::generate_self_signed(vec!["client".to_owned()], crypto).unwrap();
    let config = ConfigBuilder::default()
        .with_crypto_provider(Arc::clone(&identity.crypto))
        .with_certificates(vec![certificate])
        .with_cipher_suites(vec![CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256])
        .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_insecure_skip_verify(true)
        .build(true, None)
        .unwrap();
    let mut client = Endpoint::new(PEER, TransportProtocol::UDP, None);
    client.connect(now, PEER, Arc::new(config), None).unwrap();
    client
}

/// What a client sends now.
fn sent(client: &mut Endpoint) -> Vec<BytesMut> {
    std::iter::from_fn(|| client.poll_transmit())
        .map(|sent| sent.message)
        .collect()
}

/// Both until nothing is on the way, without our first flight where it is `lost`; what the server came to, and the client's last hello.
fn exchange(server: &mut Dtls, client: &mut Endpoint, now: Instant, lost: bool) -> (Progress, BytesMut) {
    let (mut progress, mut hello) = (Progress::None, BytesMut::new());
    loop {
        let came = sent(client);
        for datagram in &came {
            if handshake_type(datagram) == Some(CLIENT_HELLO) {
                hello.clone_from(datagram);
            }
            let next = server.handle(now, datagram);
            if !matches!(next, Progress::None) {
                progress = next;
            }
        }
        while let Some(datagram) = server.poll_transmit() {
            if !(lost && handshake_type(&datagram) == Some(SERVER_HELLO)) {
                client
                    .read(now, PEER, None, BytesMut::from(&datagram[..]))
                    .unwrap();
            }
        }
        if came.is_empty() {
            return (progress, hello);
        }
    }
}

#[test]
fn a_flight_that_was_lost_is_repeated_though_the_client_repeats_its_hello() {
    let now = Instant::now();
    let identity = Identity::generate().unwrap();
    let (mut server, mut client) = (Dtls::new(&identity), client(&identity, now));
    let (progress, mut hello) = exchange(&mut server, &mut client, now, true);
    assert!(matches!(progress, Progress::None));
    // As a record of its own number, as a repeated one has.
    hello[10] += 1;
    assert!(matches!(server.handle(now, &hello), Progress::None));
    let due = server.poll_timeout().expect("it waits for an answer");
    assert_eq!(due, now + FLIGHT_INTERVAL);
    assert!(matches!(server.handle_timeout(due), Progress::None));
    let again = server.poll_transmit().expect("the flight again");
    assert_eq!(handshake_type(&again), Some(SERVER_HELLO));
    // The next time it waits longer.
    assert_eq!(server.poll_timeout(), Some(due + 2 * FLIGHT_INTERVAL));
    client.read(due, PEER, None, BytesMut::from(&again[..])).unwrap();
    let (progress, _) = exchange(&mut server, &mut client, due, false);
    assert!(matches!(progress, Progress::Connected(_)));
}
