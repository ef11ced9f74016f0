//! The relay on the port of HTTPS, over real TLS.

use std::sync::Arc;
use std::time::Duration;

use protocol::id::PeerId;
use server::config::Tls;
use server::service::relay::Door;
use sfu::testing::turn::{Ask, Client, Got};
use sfu::turn::Login;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::harness::{ENGINE, Server};

const LONG: Duration = Duration::from_secs(60);
const NUMBER: u16 = 0x4000;

async fn server() -> Server {
    let data = tempfile::tempdir().expect("a directory");
    let server = Server::start_with(data, time::OffsetDateTime::now_utc(), |config| {
        config.tls = Tls::Local;
    })
    .await;
    server.engine.set_read_timeout(Some(LONG)).expect("set");
    server
}

/// What a page that came by HTTPS is told.
fn login(server: &Server, peer: PeerId) -> Login {
    let app = &server.running.app;
    let until = app.services.clock.now() + time::Duration::hours(1);
    let door = Door {
        host: "localhost".to_owned(),
        port: Some(443),
    };
    let told = app.services.relay.servers(&door, peer, until);
    assert_eq!(told[0].urls, ["turns:localhost:443?transport=tcp"]);
    Login {
        username: told[0].username.clone(),
        password: told[0].credential.clone(),
    }
}

/// A client over TLS that trusts the authority.
struct Line {
    tls: TlsStream<TcpStream>,
    client: Client,
    got: Vec<Got>,
}

impl Line {
    async fn open(server: &Server, login: Login) -> Self {
        let pem = server.running.app.authority.clone().expect("an authority");
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate"))
            .expect("trusted");
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(server.running.https.expect("an address"))
            .await
            .expect("connected");
        let tls = tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect("localhost".try_into().expect("a name"), socket)
            .await
            .expect("TLS");
        Self {
            tls,
            client: Client::new(login),
            got: Vec::new(),
        }
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.tls.write_all(bytes).await.expect("written");
    }

    /// The next message; `None` when the server closed the connection.
    async fn next(&mut self) -> Option<Got> {
        let mut bytes = vec![0; 16 << 10];
        while self.got.is_empty() {
            let read = tokio::time::timeout(LONG, self.tls.read(&mut bytes));
            match read.await.expect("in time") {
                Ok(0) | Err(_) => return None,
                Ok(some) => self.got = self.client.receive(&bytes[..some]),
            }
        }
        Some(self.got.remove(0))
    }

    /// The code of the answer; 0 where it was granted.
    async fn ask(&mut self, ask: Ask) -> u16 {
        let request = self.client.request(ask);
        self.say(&request).await;
        let answer = self.next().await.expect("an answer");
        answer.code().expect("no data")
    }

    async fn allocated(server: &Server, peer: PeerId) -> Self {
        let mut line = Self::open(server, login(server, peer)).await;
        assert_eq!(line.ask(Ask::Allocate).await, 401);
        assert_eq!(line.ask(Ask::Allocate).await, 0);
        line
    }
}

async fn metric(server: &Server, name: &str) -> u64 {
    let metrics = server.client().get("/metrics").await.body;
    let text = metrics.as_str().expect("text").to_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().expect("a number"))
}

async fn reaches(server: &Server, name: &str, least: u64) {
    let waits = async {
        while metric(server, name).await < least {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waits).await.expect(name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_and_the_engine_exchange_datagrams_over_tls() {
    let server = server().await;
    let mut line = Line::allocated(&server, PeerId::new()).await;
    assert_eq!(line.ask(Ask::Permit(ENGINE)).await, 0);
    line.say(&Client::indication(ENGINE, b"check")).await;
    let mut bytes = [0; 1_500];
    let (length, from) = server.engine.recv_from(&mut bytes).expect("a datagram");
    assert_eq!(
        (&bytes[..length], from.ip()),
        (b"check".as_slice(), sfu::turn::RELAYED_FROM)
    );
    server.engine.send_to(b"answer", from).expect("sent");
    assert_eq!(line.next().await, Some(Got::Data(ENGINE, b"answer".to_vec())));
    assert_eq!(line.ask(Ask::Bind(NUMBER, ENGINE)).await, 0);
    for round in 0..50_u8 {
        let data = vec![round; 1 + usize::from(round) * 20];
        line.say(&Client::channel(NUMBER, &data)).await;
        let (length, from) = server.engine.recv_from(&mut bytes).expect("a datagram");
        assert_eq!(bytes[..length], data);
        server.engine.send_to(&data, from).expect("sent");
        assert_eq!(line.next().await, Some(Got::Channel(NUMBER, data)));
    }
    assert_eq!(metric(&server, "tongke_turn_allocations").await, 1);
    assert_eq!(metric(&server, "tongke_turn_received_total").await, 51);
    assert_eq!(metric(&server, "tongke_turn_sent_total").await, 51);
    assert_eq!(line.ask(Ask::Refresh(0)).await, 0);
    assert_eq!(metric(&server, "tongke_turn_allocations").await, 0);
    drop(line);
    reaches(&server, "tongke_turn_closed_total{reason=\"client\"}", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_reached_and_nobody_else_is_let_in() {
    let server = server().await;
    let mut wrong = login(&server, PeerId::new());
    wrong.password = "guessed".to_owned();
    let mut stranger = Line::open(&server, wrong).await;
    assert_eq!(stranger.ask(Ask::Allocate).await, 401);
    assert_eq!(stranger.ask(Ask::Allocate).await, 401);
    let mut line = Line::allocated(&server, PeerId::new()).await;
    let here = server.engine.local_addr().expect("an address");
    for peer in [
        here,
        server.running.http,
        "198.51.100.1:53".parse().expect("an address"),
    ] {
        assert_eq!(line.ask(Ask::Permit(peer)).await, 403, "{peer}");
        assert_eq!(line.ask(Ask::Bind(NUMBER, peer)).await, 403, "{peer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_turn_after_all_is_closed_and_counted() {
    let server = server().await;
    let mut line = Line::allocated(&server, PeerId::new()).await;
    line.say(b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(line.next().await, None);
    reaches(&server, "tongke_turn_closed_total{reason=\"malformed\"}", 1).await;
    assert_eq!(metric(&server, "tongke_turn_connections").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_has_so_many_allocations_and_no_more() {
    let server = server().await;
    let peer = PeerId::new();
    let mut lines = Vec::new();
    for _ in 0..server::turn::MOST_OF_USER {
        lines.push(Line::allocated(&server, peer).await);
    }
    let mut one_more = Line::open(&server, login(&server, peer)).await;
    assert_eq!(one_more.ask(Ask::Allocate).await, 401);
    assert_eq!(one_more.ask(Ask::Allocate).await, 486);
    drop(lines.pop());
    reaches(&server, "tongke_turn_closed_total{reason=\"client\"}", 1).await;
    assert_eq!(one_more.ask(Ask::Allocate).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_takes_nothing_gets_whole_datagrams_or_none() {
    let server = server().await;
    let mut line = Line::allocated(&server, PeerId::new()).await;
    assert_eq!(line.ask(Ask::Bind(NUMBER, ENGINE)).await, 0);
    line.say(&Client::channel(NUMBER, b"hello")).await;
    let mut bytes = [0; 1_500];
    let (_, from) = server.engine.recv_from(&mut bytes).expect("a datagram");
    // Nobody reads: TCP fills, then TLS, then the backlog.
    let dropped = "tongke_turn_dropped_total{reason=\"slow\"}";
    let mut sent = 0_u32;
    while metric(&server, dropped).await < 100 {
        for _ in 0..200 {
            sent += 1;
            let datagram = [sent.to_be_bytes().as_slice(), &[7; 1_196]].concat();
            server.engine.send_to(&datagram, from).expect("sent");
        }
    }
    server.engine.send_to(b"sound", from).expect("sent");
    let mut last = 0;
    loop {
        match line.next().await {
            Some(Got::Channel(NUMBER, data)) if data == b"sound" => break,
            Some(Got::Channel(NUMBER, data)) => {
                let (number, rest) = data.split_first_chunk().expect("a number");
                let number = u32::from_be_bytes(*number);
                assert!(number > last && rest == [7; 1_196], "{number} after {last}");
                last = number;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(last < sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_not_wanted_nobody_is_told_and_nobody_is_answered() {
    let data = tempfile::tempdir().expect("a directory");
    let server = Server::start_with(data, time::OffsetDateTime::now_utc(), |config| {
        config.tls = Tls::Local;
        config.turn = false;
    })
    .await;
    let door = Door {
        host: "localhost".to_owned(),
        port: None,
    };
    let app = &server.running.app;
    assert_eq!(
        app.services
            .relay
            .servers(&door, PeerId::new(), app.services.clock.now()),
        []
    );
    let nobody = Login {
        username: String::new(),
        password: String::new(),
    };
    let mut line = Line::open(&server, nobody).await;
    let request = line.client.request(Ask::Binding);
    line.say(&request).await;
    line.say(b"\r\n\r\n").await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(LONG, line.tls.read_to_end(&mut answer))
        .await
        .expect("in time");
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
        "{answer:?}"
    );
}
