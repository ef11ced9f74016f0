//! What operators and pages ask.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::harness::{MORNING, Server};

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_metrics() {
    let server = Server::start().await;
    let mut client = server.client();
    assert_eq!(client.get("/healthz").await.status, 200);
    assert_eq!(client.get("/readyz").await.status, 200);
    let metrics = client.get("/metrics").await.body;
    let text = metrics.as_str().expect("text");
    assert!(
        text.contains("tongke_lessons{state=\"open\"} 1") && text.contains("tongke_sfu_test 1"),
        "{text}"
    );
    let names = text.lines().filter(|line| !line.starts_with('#'));
    assert!(
        names.into_iter().all(|line| line.starts_with("tongke_")),
        "{text}"
    );
    server.running.app.stop.cancel();
    client.get("/readyz").await.is(503, "not_ready");
    assert_eq!(client.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_of_a_safe_page() {
    let server = Server::start().await;
    for path in ["/", "/healthz", "/api/v1/session", "/lessons/x"] {
        let answer = server.client().get(path).await;
        for name in [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
            "x-request-id",
        ] {
            assert!(answer.headers.contains_key(name), "{path} {name}");
        }
    }
    assert_eq!(server.client().get("/assets/none.js").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_authority_makes_a_certificate_its_bearer_trusts() {
    let data = tempfile::tempdir().expect("a directory");
    let server = Server::start_with(data, time::OffsetDateTime::now_utc(), |config| {
        config.tls = server::config::Tls::Local;
    })
    .await;
    let https = server.running.https.expect("an address");
    let authority = server.client().get("/ca.pem").await.body;
    let pem = authority.as_str().expect("PEM").to_owned();
    let trusted = Some(pem.clone());
    let health = over_tls(
        https,
        trusted.clone(),
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    );
    assert!(health.await.expect("an answer").starts_with("HTTP/1.1 200"));
    let body = r#"{"account":"teacher","password":"tongke-teacher"}"#;
    let sign_in = format!(
        "POST /api/v1/session HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = over_tls(https, trusted, &sign_in).await.expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("; Secure"),
        "{answer}"
    );
    assert!(
        over_tls(https, None, &sign_in).await.is_err(),
        "others do not trust it"
    );
    // The authority stays the same over restarts.
    let data = server.stop().await;
    let server = Server::start_with(data, time::OffsetDateTime::now_utc(), |config| {
        config.tls = server::config::Tls::Local;
    })
    .await;
    assert_eq!(
        server.client().get("/ca.pem").await.body.as_str(),
        Some(pem.as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_one_server() {
    let server = Server::start().await;
    let config = server::config::Config {
        data: server.data.path().to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        ..server::config::Config::default()
    };
    let clock = Arc::new(server::clock::ManualClock::new(MORNING));
    let refused = server::app::start(config, clock, async |_: &_, _: &_| anyhow::bail!("not reached")).await;
    let shown = format!("{:#}", refused.expect_err("in use"));
    assert!(shown.contains("in use by another server"), "{shown}");
}

/// Sends a request to `localhost` over TLS, trusting one authority or none. It says no ALPN, like a client of the relay.
async fn over_tls(to: SocketAddr, authority: Option<String>, request: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = authority {
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate"))
            .expect("an authority");
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let socket = tokio::net::TcpStream::connect(to).await?;
    let mut tls = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await?;
    tls.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // A server that closes without close_notify has still answered.
    let _ = tls.read_to_end(&mut answer).await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
