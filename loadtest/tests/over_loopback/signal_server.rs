//! A signalling server of the same off-the-shelf peer connections: welcomes whoever says `hello`, and offers the clip.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use loadtest::attend::receive::Meters;
use loadtest::peer::setup::Setup;
use loadtest::server::Server;
use loadtest::teach::feedback;
use loadtest::teach::publish::Publication;
use loadtest::teach::schedule::Schedule;
use protocol::media::MediaKind;
use protocol::signal::{ClientMessage, ErrorCode, Offer, Report, ServerMessage};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::watch;

use crate::server::{LOOPBACK, TOKEN, clip};

/// A room as a classroom is shown it.
const ROOM: &str = r#"{
  "revision": 3,
  "lesson": {
    "id": "0190b6a5-5c00-7000-8000-00000000000a", "state": "live", "title": "t", "subject": "s", "grade": "g",
    "teacher": "n", "school": "x", "starts_at": "2026-09-21T14:13:20Z", "ends_at": "2026-09-21T14:53:20Z",
    "live_since": null
  },
  "recording": { "state": "idle", "bytes": 0, "duration_ms": 0 },
  "peers": [],
  "observers": 0
}"#;

/// What the server has seen.
pub(crate) struct Seen {
    /// The instance of each `hello`, in their order.
    pub(crate) hellos: Mutex<Vec<String>>,
    /// All reports, of everybody.
    pub(crate) reports: Mutex<Vec<Report>>,
    /// What came of each peer that publishes.
    pub(crate) stage: Mutex<Vec<Meters>>,
    /// Sockets that were closed by their peers.
    pub(crate) left: AtomicU64,
    /// How often all sockets were dropped.
    drops: watch::Sender<u64>,
}

impl Seen {
    /// Breaks all sockets off, without a goodbye.
    pub(crate) fn break_off(&self) {
        self.drops.send_modify(|drops| *drops += 1);
    }
}

#[derive(Clone)]
struct App {
    seen: Arc<Seen>,
    setup: Setup,
}

/// Starts a server; it ends with the test's runtime.
pub(crate) async fn server() -> (Server, Arc<Seen>) {
    let listener = tokio::net::TcpListener::bind(LOOPBACK)
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    let server = Server::new(&format!("http://{address}"), None).expect("an address");
    let seen = Arc::new(Seen {
        hellos: Mutex::default(),
        reports: Mutex::default(),
        stage: Mutex::default(),
        left: AtomicU64::default(),
        drops: watch::Sender::new(0),
    });
    let app = App {
        seen: Arc::clone(&seen),
        setup: Setup::new(&server, None).await.expect("an address"),
    };
    let router = Router::new().route("/signal", any(upgrade)).with_state(app);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (server, seen)
}

async fn upgrade(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| async move {
        let mut drops = app.seen.drops.subscribe();
        tokio::select! {
            left = serve(&app, socket) => {
                app.seen.left.fetch_add(u64::from(left), Ordering::Relaxed);
            }
            _ = drops.changed() => {}
        }
    })
}

async fn hear(socket: &mut WebSocket) -> Option<ClientMessage> {
    loop {
        match socket.recv().await? {
            Ok(Message::Text(text)) => {
                return Some(serde_json::from_str(&text).expect("a message of the protocol"));
            }
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

async fn say(socket: &mut WebSocket, message: &ServerMessage) {
    let text = serde_json::to_string(message).expect("plain data");
    // A peer that is gone hears nothing.
    let _ = socket.send(Message::text(text)).await;
}

/// Serves a peer until it goes; says whether it was welcomed.
async fn serve(app: &App, mut socket: WebSocket) -> bool {
    let hello = hear(&mut socket).await;
    let Some(ClientMessage::Hello {
        token,
        instance,
        wish,
        ..
    }) = hello
    else {
        return false;
    };
    if token != TOKEN {
        let refusal = ServerMessage::Error {
            id: None,
            code: ErrorCode::SeatTaken,
            message: "another tab or program holds this seat".to_owned(),
            fatal: true,
        };
        say(&mut socket, &refusal).await;
        return false;
    }
    app.seen
        .hellos
        .lock()
        .expect("no test panics with it")
        .push(instance);
    let meters = Meters::default();
    let (registry, mut requests) = feedback::beside(meters.chain(), Arc::default());
    let mut peer = app.setup.peer(registry).await.expect("a free port");
    if !wish.publish.is_empty() {
        app.seen
            .stage
            .lock()
            .expect("no test panics with it")
            .push(meters);
    }
    let schedule = Schedule::new(&[clip()], true, Duration::ZERO);
    let mut publication = Publication::new(schedule, Arc::default());
    for track in publication.tracks() {
        peer.send(track).await.expect("known codecs");
    }
    for wish in &wish.publish {
        let kind = match wish.source.kind() {
            MediaKind::Audio => RtpCodecKind::Audio,
            MediaKind::Video => RtpCodecKind::Video,
        };
        peer.receive(kind).await.expect("known codecs");
    }
    let sdp = peer.offer().await.expect("an offer");
    let welcome = serde_json::json!({
        "type": "welcome", "epoch": 1, "peer": "0190b6a5-5c00-7000-8000-000000000001", "role": "classroom",
        "now": "2026-09-21T14:14:20Z",
        "room": serde_json::from_str::<serde_json::Value>(ROOM).expect("JSON"),
        "offer": Offer { negotiation: 1, fresh: true, sdp, sections: Vec::new() },
    });
    say(&mut socket, &serde_json::from_value(welcome).expect("a welcome")).await;
    let talk = async {
        while let Some(message) = hear(&mut socket).await {
            match message {
                ClientMessage::Answer { sdp, .. } => peer.accept(sdp).await.expect("an answer"),
                ClientMessage::Report { report } => {
                    app.seen
                        .reports
                        .lock()
                        .expect("no test panics with it")
                        .push(report);
                }
                ClientMessage::Ping { id } => say(&mut socket, &ServerMessage::Pong { id }).await,
                _ => {}
            }
        }
    };
    let play = async {
        if peer.up().await.is_ok() {
            // Until the peer is gone.
            let _ = publication.play(&mut requests).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = talk => {}
        () = play => {}
    }
    peer.close().await;
    true
}
