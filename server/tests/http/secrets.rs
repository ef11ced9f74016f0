//! Names, passwords, codes, cookies and tokens do not reach a log, at any level.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::harness::{MORNING, Server};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_of_a_person_or_a_key_is_logged() {
    let captured = Captured::default();
    let writer = captured.clone();
    let logs = tracing_subscriber::fmt()
        .with_env_filter("trace,hyper=off,reqwest=off,h2=off,rustls=off")
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(logs);
    let server = Server::start().await;
    let code = server.code(0);
    let mut device = server.paired(0).await;
    let mut teacher = server.signed_in("teacher").await;
    teacher
        .sign_in("teacher", "wrong-password")
        .await
        .is(401, "wrong_password");
    let grant = teacher.post("/api/v1/lessons/demo/join", json!({})).await.body;
    let token = grant["token"].as_str().expect("a token").to_owned();
    device.get(&format!("/hls/demo/master.m3u8?token={token}")).await;
    let claims = server
        .running
        .app
        .services
        .tokens
        .verify(&token, MORNING)
        .expect("valid");
    tracing::info!(?claims, "shown");
    let mut secrets = vec![
        code,
        token,
        "tongke-teacher".to_owned(),
        "wrong-password".to_owned(),
    ];
    secrets.extend(["王秀英", "三年级(2)班", "天山第六小学"].map(str::to_owned));
    secrets.extend([&device, &teacher].iter().flat_map(|client| client.secrets()));
    server.stop().await;
    let log = String::from_utf8_lossy(&captured.0.lock().expect("no panic")).into_owned();
    assert!(log.contains("stopped"), "the log was captured: {log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}
