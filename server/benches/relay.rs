//! CPU of the relay per datagram to a client, by TLS on loopback: `cargo bench -p tongke-server --bench relay [-- CLIENTS SECONDS]`. What
//! the engine itself needs comes on top, as by UDP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::id::PeerId;
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use server::clock::SystemClock;
use server::metrics::Metrics;
use server::output;
use server::turn::{Acceptor, Turn};
use sfu::testing::turn::{Ask, Client};
use sfu::turn::{Credentials, Realm};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A camera of 1.5 Mbit/s: frames a second, datagrams of a frame, bytes of one.
const FRAMES: u32 = 25;
const BURST: usize = 6;
const DATAGRAM: usize = 1_200;
const NUMBER: u16 = 0x4000;
const ENGINE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)), 10_000);

fn main() {
    let words: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let [clients, seconds] = words
        .get(..2)
        .and_then(|two| two.try_into().ok())
        .unwrap_or([100, 10]);
    let relay = runtime("relay");
    let others = runtime("others");
    let engine = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let credentials = Credentials::new(b"key");
    let candidates = [(ENGINE, engine.local_addr().expect("its address"))];
    let (address, authority) = relay.block_on(serve(Realm::new(credentials.clone(), candidates)));
    let lines: Vec<SocketAddr> = (0..clients)
        .map(|_| {
            others.block_on(join(address, &authority, &credentials));
            engine.recv_from(&mut [0; 100]).expect("its first word").1
        })
        .collect();
    let before = cpu();
    let sent = feed(&engine, &lines, Duration::from_secs(seconds));
    let (user, kernel) = cpu();
    #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
    let each = |after: u64, before: u64| (after - before) as f64 / sent as f64;
    let (user, kernel) = (each(user, before.0), each(kernel, before.1));
    output::line(format!(
        "{clients} clients, {sent} datagrams: {:.2} µs each, {user:.2} of them in user mode",
        user + kernel
    ));
}

fn runtime(name: &str) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()
        .expect("a runtime")
}

async fn serve(realm: Realm) -> (SocketAddr, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
    let config = axum_server::tls_rustls::RustlsConfig::from_der(vec![cert.to_vec()], key)
        .await
        .expect("TLS");
    let metrics = Metrics::new().expect("its table is right").turn;
    let turn = Arc::new(Turn::new(realm, Arc::new(SystemClock), metrics));
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.set_nonblocking(true).expect("set");
    let address = listener.local_addr().expect("its address");
    let server = axum_server::from_tcp(listener).expect("a listener");
    let server = server.acceptor(Acceptor::new(config, Some(turn)));
    tokio::spawn(server.serve(axum::Router::new().into_make_service()));
    (address, cert)
}

/// A client with a channel, that reads on and forgets.
async fn join(to: SocketAddr, authority: &CertificateDer<'static>, credentials: &Credentials) {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).expect("trusted");
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(to).await.expect("connected");
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut tls = connector
        .connect("localhost".try_into().expect("a name"), socket)
        .await
        .expect("TLS");
    let mut client = Client::new(credentials.issue(&PeerId::new().to_string(), i64::MAX));
    let mut bytes = vec![0; 64 << 10];
    for ask in [Ask::Allocate, Ask::Allocate, Ask::Bind(NUMBER, ENGINE)] {
        tls.write_all(&client.request(ask)).await.expect("written");
        let some = tls.read(&mut bytes).await.expect("an answer");
        client.receive(&bytes[..some]);
    }
    tls.write_all(&Client::channel(NUMBER, b"here"))
        .await
        .expect("written");
    tokio::spawn(async move { while tls.read(&mut bytes).await.is_ok_and(|some| some > 0) {} });
}

/// Sends frames as the engine does, each viewer's in one call; returns how many datagrams.
fn feed(engine: &std::net::UdpSocket, lines: &[SocketAddr], time: Duration) -> u64 {
    let state = UdpSocketState::new(UdpSockRef::from(engine)).expect("a socket");
    let frame = vec![7; BURST * DATAGRAM];
    let (begin, mut sent) = (Instant::now(), 0);
    for number in 0.. {
        let due = begin + Duration::from_secs(1) / FRAMES * number;
        if due >= begin + time {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for line in lines {
            let transmit = Transmit {
                destination: *line,
                ecn: None,
                contents: &frame,
                segment_size: Some(DATAGRAM),
                src_ip: None,
            };
            if state.try_send(UdpSockRef::from(engine), &transmit).is_ok() {
                sent += BURST as u64;
            }
        }
    }
    sent
}

/// Microseconds the relay's threads had of the CPU, in user and in kernel mode.
fn cpu() -> (u64, u64) {
    let mut all = (0, 0);
    for task in std::fs::read_dir("/proc/self/task").expect("Linux").flatten() {
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else {
            continue;
        };
        let Some((name, rest)) = stat.split_once(") ") else {
            continue;
        };
        let ticks: Vec<u64> = rest
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|word| word.parse().ok())
            .collect();
        if let ([user, kernel], true) = (&ticks[..], name.ends_with("(relay")) {
            // A tick is 10 ms.
            all = (all.0 + user * 10_000, all.1 + kernel * 10_000);
        }
    }
    all
}
