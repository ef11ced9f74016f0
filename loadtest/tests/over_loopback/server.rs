//! A WHIP and WHEP server made of the same off-the-shelf peer connections, and footage made of thin air.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use bytes::Bytes;
use loadtest::attend::receive::Meters;
use loadtest::media::clip::{Audio, AudioPacket, Clip, Frame, Video};
use loadtest::peer::{Identity, Peer, codecs, connected};
use loadtest::server::Server;
use loadtest::teach::feedback;
use loadtest::teach::publish::Publication;
use loadtest::teach::schedule::Schedule;

/// The token the server accepts.
pub(crate) const TOKEN: &str = "the-token";
pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Two seconds, 25 pictures (a keyframe of 20 packets and others of 3) and 50 packets of sound a second.
pub(crate) fn clip() -> Clip {
    let step = Duration::from_millis(20);
    let nal = |kind: u8, length: usize| Bytes::from([vec![0x60 | kind], vec![0xab; length]].concat());
    let frame = |index: u32| Frame {
        at: step * 2 * index,
        key: index.is_multiple_of(25),
        nals: if index.is_multiple_of(25) {
            vec![nal(7, 20), nal(8, 4), nal(5, 20_000)]
        } else {
            vec![nal(1, 3_000)]
        },
    };
    let end = Duration::from_secs(2);
    Clip {
        video: Some(Video {
            frames: (0..50).map(frame).collect(),
            profile_level_id: [66, 192, 31],
            width: 1_280,
            height: 720,
            end,
        }),
        smaller: Vec::new(),
        audio: Some(Audio {
            packets: (0..100)
                .map(|index| AudioPacket {
                    at: step * index,
                    data: Bytes::from_static(&[0xfc; 80]),
                })
                .collect(),
            end,
        }),
    }
}

/// What the server has seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Of the teacher's streams, by connection.
    pub(crate) teacher: Mutex<Vec<Meters>>,
    /// Connections, by the order they were made in.
    peers: Mutex<Vec<Option<Arc<Peer>>>>,
    /// Sessions that were ended by DELETE.
    pub(crate) deleted: AtomicU64,
}

impl Seen {
    /// Frames of pictures and of sound that came from the teacher on its last connection.
    pub(crate) fn frames(&self) -> (u64, u64) {
        let teacher = self.teacher.lock().expect("no test panics with it");
        let Some(meters) = teacher.last() else {
            return (0, 0);
        };
        let meters = meters.lock();
        let sum = |video| {
            meters
                .values()
                .filter(|meter| meter.is_video() == video)
                .map(|meter| meter.counts.frames)
                .sum()
        };
        (sum(true), sum(false))
    }

    /// Drops all connections as a server that dies does: nobody is told.
    pub(crate) async fn forget(&self) {
        let peers: Vec<_> = self
            .peers
            .lock()
            .expect("no test panics with it")
            .drain(..)
            .collect();
        for peer in peers.into_iter().flatten() {
            peer.close().await;
        }
    }
}

#[derive(Clone)]
struct App {
    seen: Arc<Seen>,
    identity: Identity,
}

/// Starts a server; it ends with the test's runtime.
pub(crate) async fn server() -> (Server, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let app = App {
        seen: Arc::clone(&seen),
        identity: Identity::new().expect("randomness"),
    };
    let router = Router::new()
        .route("/whip/{lesson}", post(whip))
        .route("/whep/{lesson}", post(whep))
        .route("/session/{number}", delete(end))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind(LOOPBACK)
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let server = Server::new(&format!("http://{address}"), None).expect("an address");
    (server, seen)
}

fn allowed(headers: &HeaderMap) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value == &format!("Bearer {TOKEN}"))
}

fn created(app: &App, peer: Arc<Peer>, answer: String) -> Response {
    let mut peers = app.seen.peers.lock().expect("no test panics with it");
    peers.push(Some(peer));
    let location = format!("/session/{}", peers.len() - 1);
    (StatusCode::CREATED, [(header::LOCATION, location)], answer).into_response()
}

async fn whip(
    State(app): State<App>,
    Path(lesson): Path<String>,
    headers: HeaderMap,
    offer: String,
) -> Response {
    if !allowed(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert_eq!(lesson, "demo");
    let meters = Meters::default();
    let engine = codecs::publishing().expect("known codecs");
    let mut peer = Peer::new(&app.identity, &[LOOPBACK], meters.chain(), engine)
        .await
        .expect("a free port");
    let answer = peer.answer(offer).await.expect("a readable offer");
    app.seen
        .teacher
        .lock()
        .expect("no test panics with it")
        .push(meters);
    created(&app, Arc::new(peer), answer)
}

async fn whep(State(app): State<App>, headers: HeaderMap, offer: String) -> Response {
    if !allowed(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let (registry, mut requests) = feedback::chain(Arc::default());
    let engine = codecs::engine().expect("known codecs");
    let mut peer = Peer::new(&app.identity, &[LOOPBACK], registry, engine)
        .await
        .expect("a free port");
    let schedule = Schedule::new(&[clip()], true, Duration::ZERO);
    let mut publication = Publication::new(schedule, Arc::default());
    for track in publication.tracks() {
        peer.send(track).await.expect("known codecs");
    }
    let answer = peer.answer(offer).await.expect("a readable offer");
    let peer = Arc::new(peer);
    let mut state = peer.state();
    tokio::spawn(async move {
        if connected(&mut state).await.is_ok() {
            // Until the connection is closed.
            let _ = publication.play(&mut requests).await;
        }
    });
    created(&app, peer, answer)
}

async fn end(State(app): State<App>, Path(number): Path<usize>) -> StatusCode {
    let peer = app
        .seen
        .peers
        .lock()
        .expect("no test panics with it")
        .get_mut(number)
        .and_then(Option::take);
    match peer {
        Some(peer) => {
            peer.close().await;
            app.seen.deleted.fetch_add(1, Ordering::Relaxed);
            StatusCode::OK
        }
        None => StatusCode::NOT_FOUND,
    }
}
