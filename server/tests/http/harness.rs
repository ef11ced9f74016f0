//! A server with a demo district and no media, and clients of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use protocol::id::{LessonId, TerminalId};
use protocol::signal::Recording;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use server::app::{self, Media, Running};
use server::clock::ManualClock;
use server::config::Config;
use server::replay::ReplayStore;
use server::service::Rooms;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// A Monday morning in class.
pub(crate) const MORNING: OffsetDateTime = datetime!(2026-11-23 02:00 UTC);

/// Where clients are told that the engine is.
pub(crate) const ENGINE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)), 10_000);

/// Remembers what the rooms were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) ended: Mutex<Vec<LessonId>>,
    pub(crate) revoked: Mutex<Vec<TerminalId>>,
}

impl Rooms for Told {
    fn end_lesson(&self, lesson: LessonId) {
        self.ended.lock().expect("no panic").push(lesson);
    }

    fn live_recording(&self, _: LessonId) -> Option<Recording> {
        None
    }

    fn terminal_revoked(&self, terminal: TerminalId) {
        self.revoked.lock().expect("no panic").push(terminal);
    }

    fn shutdown(&self, _: tokio::time::Instant) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    fn metrics_text(&self) -> String {
        "tongke_sfu_test 1\n".to_owned()
    }

    fn ready(&self) -> bool {
        true
    }
}

pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) clock: ManualClock,
    pub(crate) told: Arc<Told>,
    pub(crate) data: tempfile::TempDir,
    /// What the relay takes for a socket of the engine.
    pub(crate) engine: std::net::UdpSocket,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a directory"), MORNING).await
    }

    pub(crate) async fn start_in(data: tempfile::TempDir, now: OffsetDateTime) -> Self {
        Self::start_with(data, now, |_| {}).await
    }

    pub(crate) async fn start_with(
        data: tempfile::TempDir,
        now: OffsetDateTime,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let clock = ManualClock::new(now);
        let told = Arc::new(Told::default());
        let mut config = Config {
            data: data.path().to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            tls_listen: ([127, 0, 0, 1], 0).into(),
            demo: true,
            ..Config::default()
        };
        change(&mut config);
        let rooms = told.clone();
        let engine = std::net::UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
        let candidates = vec![(ENGINE, engine.local_addr().expect("its address"))];
        let running = app::start(config, Arc::new(clock.clone()), async |config: &Config, _: &_| {
            let replays = Arc::new(ReplayStore::new(config.data.join("recordings")));
            Ok(Media {
                rooms,
                replays,
                probes: None,
                candidates,
                routes: Router::new(),
            })
        })
        .await
        .expect("a server");
        Self {
            running,
            clock,
            told,
            data,
            engine,
        }
    }

    /// Stops it and gives the data directory back.
    pub(crate) async fn stop(self) -> tempfile::TempDir {
        self.running.stop().await;
        self.data
    }

    pub(crate) fn client(&self) -> Client {
        Client {
            base: format!("http://{}", self.running.http),
            // A connection of its own for each request: the server closes one whose body it refused, and a request on its way there
            // would be lost.
            http: reqwest::Client::builder()
                .pool_max_idle_per_host(0)
                .build()
                .expect("a client"),
            cookies: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// A client that is signed in with an account of the demo.
    pub(crate) async fn signed_in(&self, account: &str) -> Client {
        let mut client = self.client();
        let answer = client.sign_in(account, &format!("tongke-{account}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        client
    }

    /// A client that is paired with the n-th classroom of the demo lesson.
    pub(crate) async fn paired(&self, number: usize) -> Client {
        let code = self.code(number);
        let mut client = self.client();
        let answer = client.pair(&code).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        client
    }

    pub(crate) fn code(&self, number: usize) -> String {
        self.running.demo.as_ref().expect("a demo").codes[number]
            .2
            .reveal()
            .to_owned()
    }

    pub(crate) fn demo_lesson(&self) -> LessonId {
        self.running.app.services.lessons.resolve("demo").expect("a demo")
    }
}

/// Waits until something is so; the bound is for a test that fails.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let patience = std::time::Duration::from_secs(60);
    let met = async {
        while !check().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(patience, met).await.is_ok(),
        "waited in vain: {what}"
    );
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The code of a refusal.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.code()),
            (status, code),
            "{:?}",
            self.body
        );
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    base: String,
    http: reqwest::Client,
    cookies: Vec<String>,
    headers: Vec<(&'static str, String)>,
}

impl Client {
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same browser, after the server came back at another address.
    pub(crate) fn at(mut self, server: &Server) -> Self {
        self.base = format!("http://{}", server.running.http);
        self
    }

    /// Values of its cookies.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.cookies
            .iter()
            .filter_map(|pair| Some(pair.split_once('=')?.1.to_owned()))
            .collect()
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if !self.cookies.is_empty() {
            request = request.header(COOKIE, self.cookies.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        for cookie in response.headers().get_all(SET_COOKIE) {
            let pair = cookie
                .to_str()
                .expect("text")
                .split(';')
                .next()
                .unwrap_or_default()
                .to_owned();
            let name = pair.split('=').next().unwrap_or_default().to_owned();
            self.cookies.retain(|kept| !kept.starts_with(&format!("{name}=")));
            if !pair.ends_with('=') {
                self.cookies.push(pair);
            }
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            headers,
            body,
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        let request = self.request(Method::POST, path).json(&body);
        self.send(request).await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Answer {
        let request = self.request(Method::DELETE, path);
        self.send(request).await
    }

    pub(crate) async fn sign_in(&mut self, account: &str, password: &str) -> Answer {
        let body = serde_json::json!({ "account": account, "password": password });
        self.post("/api/v1/session", body).await
    }

    pub(crate) async fn pair(&mut self, code: &str) -> Answer {
        self.post("/api/v1/terminal/pair", serde_json::json!({ "code": code }))
            .await
    }

    /// The raw answer, for streams.
    pub(crate) async fn stream(&self, path: &str) -> reqwest::Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }
}

pub(crate) const MINUTE: Duration = Duration::minutes(1);
