//! A server's live side with the demo district, and a client of its signalling.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use protocol::id::{ClassroomId, LessonId, TerminalId, UserId};
use protocol::media::Source;
use protocol::signal::{
    Action, ClientMessage, ErrorCode, PublishWish, RecordingState, Role, Room, ServerMessage, VERSION,
    WatchRule, Who, Wish,
};
use server::clock::SystemClock;
use server::config::Config;
use server::media::recorder::Settings;
use server::rooms::{Metrics, Rooms};
use server::service::Services;
use server::service::tokens::{JoinClaims, Seat};
use server::store::Store;
use sfu::{Engine, EngineConfig};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// What a condition may take on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A recorder that reads frames and says what a recorder says, in the shell.
const FAKE_RECORDER: &str = r#"#!/bin/bash
while [ $# -gt 0 ]; do case "$1" in --dir) dir="$2"; shift 2;; *) shift;; esac; done
echo $$ >"$dir/pid"
[ -f "$dir/journal.ndjson" ] && resumed=true || resumed=false
echo begin >>"$dir/journal.ndjson"
echo "{\"type\":\"ready\",\"resumed\":$resumed}"
cat <&0 >>"$dir/input" & reader=$!
bytes=$(stat -c %s "$dir/bytes" 2>/dev/null || echo 0)
while :; do
  printf x >>"$dir/bytes"; bytes=$((bytes+1))
  echo "{\"type\":\"progress\",\"bytes\":$bytes,\"duration_ms\":$bytes,\"free_bytes\":9,\"disk\":\"ok\"}"
  if grep -aq '"finish"' "$dir/input"; then
    echo "{\"type\":\"finished\",\"duration_ms\":$bytes,\"bytes\":$bytes}"; touch "$dir/finished"; exit 0
  fi
  if ! kill -0 $reader 2>/dev/null; then touch "$dir/whole"; exit 0; fi
  sleep 0.1
done
"#;

pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) services: Services,
    pub(crate) rooms: Arc<dyn server::service::Rooms>,
    pub(crate) lesson: LessonId,
    task: tokio::task::JoinHandle<()>,
}

/// The data directory of a server and of the one after its restart.
pub(crate) struct Data(tempfile::TempDir);

impl Data {
    pub(crate) fn new() -> Self {
        let data = Self(tempfile::tempdir().expect("a directory"));
        let program = data.recorder();
        std::fs::write(&program, FAKE_RECORDER).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("executable");
        data
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn recorder(&self) -> PathBuf {
        self.path().join("recorder.sh")
    }

    pub(crate) fn recording(&self, lesson: LessonId) -> PathBuf {
        self.path().join("recordings").join(lesson.to_string())
    }
}

impl Server {
    pub(crate) async fn start(data: &Data) -> Self {
        // Shown by `cargo test` for tests that fail.
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
            .try_init();
        let config = Config {
            data: data.path().to_path_buf(),
            ..Config::default()
        };
        let store = Store::open(data.path()).await.expect("a store");
        let services = Services::new(&config, data.path(), store, Arc::new(SystemClock))
            .await
            .expect("the use cases");
        let demo = server::demo::start(&services).await.expect("the demo");
        let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
        let engine = EngineConfig {
            bind: vec![localhost],
            announce: vec![localhost],
            threads: 1,
            ..EngineConfig::default()
        };
        let (engine, events) = Engine::start(engine).expect("the engine");
        let recorders = Settings {
            program: data.recorder(),
            recordings: data.path().join("recordings"),
            reserve_bytes: 0,
        };
        let metrics = Metrics::new().expect("metrics");
        let rooms = Rooms::start(services.clone(), engine, events, recorders, metrics)
            .await
            .expect("the rooms");
        let routes = server::signal::routes(rooms.clone())
            .merge(server::http::whip::routes(rooms.clone()))
            .merge(server::http::whep::routes(rooms.clone()));
        let rooms: Arc<dyn server::service::Rooms> = Arc::new(rooms);
        services.lessons.attach_rooms(&rooms);
        let listener = tokio::net::TcpListener::bind((localhost, 0))
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("served");
        });
        Self {
            address,
            services,
            rooms,
            lesson: demo.lesson,
            task,
        }
    }

    pub(crate) async fn stop(self) {
        self.rooms.shutdown(tokio::time::Instant::now() + LONG).await;
        self.task.abort();
        self.services.store.clone().close().await.expect("closed");
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn token_for(&self, lesson: LessonId, role: Role, seat: Seat, life: time::Duration) -> String {
        let claims = JoinClaims {
            lesson,
            role,
            seat,
            name: "👩‍🏫 三年级(2)班".to_owned(),
            school: "天山第六小学".to_owned(),
            expires_at: OffsetDateTime::now_utc() + life,
        };
        self.services.tokens.issue(&claims).expect("a token")
    }

    pub(crate) fn token(&self, role: Role, seat: Seat) -> String {
        self.token_for(self.lesson, role, seat, time::Duration::minutes(5))
    }

    pub(crate) fn teacher(&self) -> String {
        self.token(Role::Teacher, Seat::User(UserId(uuid::Uuid::nil())))
    }

    pub(crate) async fn classrooms(&self) -> Vec<ClassroomId> {
        let classrooms = self
            .services
            .lessons
            .attendees(self.lesson)
            .await
            .expect("classrooms");
        classrooms.into_iter().map(|classroom| classroom.id).collect()
    }

    pub(crate) fn classroom(&self, classroom: ClassroomId) -> String {
        self.token(
            Role::Classroom,
            Seat::Terminal {
                terminal: TerminalId(classroom.0),
                classroom,
            },
        )
    }

    pub(crate) async fn socket(&self) -> Client {
        let (socket, _) = connect_async(format!("ws://{}/signal", self.address))
            .await
            .expect("a socket");
        Client {
            socket,
            room: None,
            peer: None,
        }
    }

    /// A client that said `hello` and was welcomed.
    pub(crate) async fn join(&self, token: String, wish: Wish) -> Client {
        let mut client = self.socket().await;
        client.hello(token, wish).await;
        client
            .until("a welcome", |message| {
                matches!(message, ServerMessage::Welcome { .. })
            })
            .await;
        client
    }
}

pub(crate) fn publishes() -> Wish {
    let publish = [Source::Camera, Source::Microphone].map(|source| PublishWish { source, muted: false });
    let watch = [Who::Teacher, Who::Stage, Who::Classrooms].map(|who| WatchRule {
        who,
        sources: Vec::new(),
        height: 360,
        priority: 1,
    });
    Wish {
        decodes: 0,
        publish: publish.to_vec(),
        watch: watch.to_vec(),
    }
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What changes made of the snapshot, but for peers, which are replaced as they come.
    pub(crate) room: Option<Room>,
    pub(crate) peer: Option<protocol::id::PeerId>,
}

impl Client {
    pub(crate) async fn say(&mut self, message: &ClientMessage) {
        self.say_text(&serde_json::to_string(message).expect("JSON"))
            .await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("sent");
    }

    pub(crate) async fn hello(&mut self, token: String, wish: Wish) {
        let instance = "tab".to_owned();
        self.say(&ClientMessage::Hello {
            version: VERSION,
            token,
            instance,
            take_over: true,
            revision: 0,
            wish,
        })
        .await;
    }

    pub(crate) async fn act(&mut self, action: Action) -> Result<(), ErrorCode> {
        self.say(&ClientMessage::Act { id: 5, action }).await;
        let answers = |message: &ServerMessage| {
            matches!(
                message,
                ServerMessage::Done { id: 5 } | ServerMessage::Error { id: Some(5), .. }
            )
        };
        match self.until("an answer", answers).await {
            ServerMessage::Error { code, .. } => Err(code),
            _ => Ok(()),
        }
    }

    /// The next message; `None` at the end of the socket.
    pub(crate) async fn next(&mut self) -> Option<ServerMessage> {
        loop {
            match tokio::time::timeout(LONG, self.socket.next())
                .await
                .expect("a message in time")?
            {
                Ok(Message::Text(text)) => {
                    let message = serde_json::from_str(&text).expect("a message of the server");
                    self.note(&message);
                    return Some(message);
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn note(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::Welcome { room, peer, .. } => {
                self.room = Some(room.clone());
                self.peer = Some(*peer);
            }
            ServerMessage::Change { change, .. } => {
                let room = self.room.as_mut().expect("a change follows a welcome");
                if let Some(lesson) = &change.lesson {
                    room.lesson = lesson.clone();
                }
                if let Some(recording) = change.recording {
                    room.recording = recording;
                }
                room.peers.retain(|peer| {
                    !change.gone.contains(&peer.id) && change.peers.iter().all(|other| other.id != peer.id)
                });
                room.peers.extend(change.peers.iter().cloned());
            }
            _ => {}
        }
    }

    /// Reads on until a message will do.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&ServerMessage) -> bool,
    ) -> ServerMessage {
        loop {
            let message = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the socket ended before {what}"));
            if wanted(&message) {
                return message;
            }
        }
    }

    /// Reads on until the lamp shows a state; returns those it showed on the way.
    pub(crate) async fn lamp(&mut self, state: RecordingState) -> Vec<RecordingState> {
        let mut shown = Vec::new();
        loop {
            let now = self.room.as_ref().expect("welcomed").recording.state;
            if shown.last() != Some(&now) {
                shown.push(now);
            }
            if now == state {
                return shown;
            }
            self.next().await.expect("the lamp changes");
        }
    }

    /// The fatal error that ends the socket.
    pub(crate) async fn refused(&mut self) -> Option<ErrorCode> {
        let mut code = None;
        while let Some(message) = self.next().await {
            if let ServerMessage::Error {
                code: fatal,
                fatal: true,
                ..
            } = message
            {
                code = Some(fatal);
            }
        }
        code
    }

    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.expect("closed");
    }
}

/// Waits for a condition of the world.
pub(crate) async fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + LONG;
    while !holds() {
        assert!(tokio::time::Instant::now() < end, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
