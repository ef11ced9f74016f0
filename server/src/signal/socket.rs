//! One socket from its `hello` to its end.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, close_code};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use protocol::id::LessonId;
use protocol::signal::{ClientMessage, ErrorCode, ServerMessage, VERSION};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

use super::limit::{Limit, Verdict};
use crate::room::ids::peer_id;
use crate::room::{Entry, Refusal, SocketId};
use crate::rooms::{Command, OUTBOX, Rooms, refusal_of};
use crate::service::relay::{Door, FOR_A_JOIN};

/// So long may a client take to say `hello`.
const HELLO: Duration = Duration::from_secs(10);
/// So often the server asks whether the other end is there.
const PING: Duration = Duration::from_secs(3);
/// Without a word for so long the line is dead.
const DEAD: Duration = Duration::from_secs(9);
/// So long may one message take to go out.
const SEND: Duration = Duration::from_secs(9);
/// Longest token.
const TOKEN_MAX: usize = 4_096;

/// Why a socket is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// The peer closed it by itself.
    Clean,
    /// The line is gone.
    Lost,
    /// The server closes it.
    Closed,
}

/// What goes out, and what comes in.
struct Socket<O, I> {
    rooms: Rooms,
    door: Door,
    id: SocketId,
    sink: O,
    stream: I,
    limit: Limit,
    heard: Instant,
}

/// A seat that was given.
struct Seat {
    lesson: LessonId,
    outbox: mpsc::Receiver<ServerMessage>,
}

/// Serves a socket until it is over.
pub(super) async fn serve<O, I>(rooms: Rooms, door: Door, sink: O, stream: I)
where
    O: Sink<Message> + Unpin,
    I: Stream<Item = Result<Message, axum::Error>> + Unpin,
{
    rooms.metrics().sockets.inc();
    let (id, now) = (rooms.next_socket(), Instant::now());
    let mut socket = Socket {
        rooms,
        door,
        id,
        sink,
        stream,
        limit: Limit::new(now),
        heard: now,
    };
    match socket.hello().await {
        Ok(mut seat) => {
            let over = socket.talk(&mut seat).await;
            tracing::debug!(lesson = %seat.lesson, ?over, "a socket is over");
            let closed = Command::Closed {
                socket: id,
                clean: over == Over::Clean,
            };
            // A room that is gone has no seat to give up.
            let _ = socket.rooms.tell(seat.lesson, closed).await;
            if over == Over::Closed {
                socket.close(close_code::NORMAL).await;
            }
        }
        Err(Some(refusal)) => {
            socket.rooms.metrics().closed.with_label_values(&["hello"]).inc();
            if socket.refuse(refusal, true).await.is_some() {
                socket.close(close_code::POLICY).await;
            }
        }
        Err(None) => {}
    }
}

impl<O, I> Socket<O, I>
where
    O: Sink<Message> + Unpin,
    I: Stream<Item = Result<Message, axum::Error>> + Unpin,
{
    /// Waits for the `hello` and asks for the seat. The error is for the peer, if it is still there.
    async fn hello(&mut self) -> Result<Seat, Option<Refusal>> {
        let malformed = |why: &str| Some(Refusal::new(ErrorCode::Malformed, why));
        let first = timeout(HELLO, async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Binary(_))) => return Err(malformed("messages are JSON text")),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(None),
                }
            }
        })
        .await;
        let text = match first {
            Ok(text) => text?,
            Err(_) => return Err(malformed("no `hello` within 10 s")),
        };
        self.heard = Instant::now();
        self.rooms.metrics().received.inc();
        let message = serde_json::from_str(&text);
        let Ok(ClientMessage::Hello {
            version,
            token,
            instance,
            take_over,
            revision,
            wish,
        }) = message
        else {
            // Another version's `hello` may look different: it is told so rather than that it cannot be read.
            return Err(match version_of(&text) {
                Some(version) if version != u64::from(VERSION) => Some(wrong_version()),
                _ => malformed("the first message is a `hello`"),
            });
        };
        if version != VERSION {
            return Err(Some(wrong_version()));
        }
        if token.len() > TOKEN_MAX {
            return Err(Some(Refusal::new(
                ErrorCode::TokenInvalid,
                "it is not a token for this",
            )));
        }
        let services = self.rooms.services();
        let claims = services
            .tokens
            .verify(&token, services.clock.now())
            .map_err(|error| Some(refusal_of(&error.into())))?;
        let lesson = claims.lesson;
        tracing::debug!(%lesson, revision, "hello");
        let who = Rooms::candidate(claims, &instance);
        let (peer, until) = (peer_id(lesson, &who.seat), services.clock.now() + FOR_A_JOIN);
        let ice_servers = services.relay.servers(&self.door, peer, until);
        let entry = Entry {
            socket: self.id,
            who,
            instance,
            take_over,
            wish,
            ice_servers,
        };
        self.join(lesson, entry).await.map_err(Some)
    }

    async fn join(&mut self, lesson: LessonId, entry: Entry) -> Result<Seat, Refusal> {
        let (sender, outbox) = mpsc::channel(OUTBOX);
        let (reply, answer) = oneshot::channel();
        let join = Command::Join {
            entry: Box::new(entry),
            outbox: sender,
            reply,
        };
        self.rooms
            .tell(lesson, join)
            .await
            .map_err(|error| refusal_of(&error))?;
        match answer.await {
            Ok(result) => result.map(|()| Seat { lesson, outbox }),
            Err(_) => Err(Refusal::new(
                ErrorCode::Internal,
                "the room is closing; try again",
            )),
        }
    }

    async fn talk(&mut self, seat: &mut Seat) -> Over {
        let mut ping = interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = seat.outbox.recv() => match message {
                    Some(message) => {
                        if self.send(&message).await.is_none() {
                            return Over::Lost;
                        }
                    }
                    None => return Over::Closed,
                },
                message = self.stream.next() => {
                    self.heard = Instant::now();
                    if let Some(over) = self.take(seat, message).await {
                        return over;
                    }
                }
                _ = ping.tick() => {
                    if self.heard.elapsed() >= DEAD {
                        self.rooms.metrics().closed.with_label_values(&["dead"]).inc();
                        return Over::Lost;
                    }
                    let asked = self.sink.send(Message::Ping(Vec::new().into()));
                    if !matches!(timeout_at(self.heard + DEAD, asked).await, Ok(Ok(()))) {
                        return Over::Lost;
                    }
                }
            }
        }
    }

    async fn take(&mut self, seat: &Seat, message: Option<Result<Message, axum::Error>>) -> Option<Over> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return None,
            Some(Ok(Message::Binary(_))) => {
                return self.trouble(ErrorCode::Malformed, "messages are JSON text").await;
            }
            Some(Ok(Message::Close(frame))) => return Some(over_by(frame.as_ref())),
            Some(Err(_)) | None => return Some(Over::Lost),
        };
        self.rooms.metrics().received.inc();
        match self.limit.message(Instant::now()) {
            Verdict::Take => {}
            Verdict::Drop => return None,
            verdict => {
                return self
                    .tell_off(verdict, ErrorCode::TooFast, "too many messages")
                    .await;
            }
        }
        match serde_json::from_str(&text) {
            Ok(message) => {
                let command = Command::Message {
                    socket: self.id,
                    message: Box::new(message),
                };
                self.rooms
                    .tell(seat.lesson, command)
                    .await
                    .err()
                    .map(|_| Over::Closed)
            }
            // Serde's words may repeat what the peer sent, but only to the peer itself.
            Err(error) => self.trouble(ErrorCode::Malformed, &error.to_string()).await,
        }
    }

    async fn trouble(&mut self, code: ErrorCode, why: &str) -> Option<Over> {
        let verdict = self.limit.bad();
        let verdict = if verdict == Verdict::Drop {
            Verdict::Refuse
        } else {
            verdict
        };
        self.tell_off(verdict, code, why).await
    }

    async fn tell_off(&mut self, verdict: Verdict, code: ErrorCode, why: &str) -> Option<Over> {
        let close = verdict == Verdict::Close;
        let said = self.refuse(Refusal::new(code, why), close).await;
        if close {
            self.rooms.metrics().closed.with_label_values(&["flood"]).inc();
            return Some(Over::Closed);
        }
        if said.is_none() { Some(Over::Lost) } else { None }
    }

    async fn refuse(&mut self, refusal: Refusal, fatal: bool) -> Option<()> {
        let Refusal { code, message } = refusal;
        self.send(&ServerMessage::Error {
            id: None,
            code,
            message,
            fatal,
        })
        .await
    }

    /// `None` when the line is gone or too slow.
    async fn send(&mut self, message: &ServerMessage) -> Option<()> {
        let text = match serde_json::to_string(message) {
            Ok(text) => Utf8Bytes::from(text),
            Err(error) => {
                tracing::error!(%error, "a message could not be written");
                return None;
            }
        };
        timeout(SEND, self.sink.send(Message::Text(text)))
            .await
            .ok()?
            .ok()
    }

    /// Says goodbye and waits a moment for the other end to say it too, so that what was sent before arrives.
    async fn close(&mut self, code: u16) {
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::default(),
        };
        let goodbye = async {
            if self.sink.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.stream.next().await {}
            }
        };
        let _ = timeout(Duration::from_secs(2), goodbye).await;
    }
}

/// A page that goes away says 1001, a program that is done 1000 or nothing; any other code is a line that failed.
fn over_by(frame: Option<&CloseFrame>) -> Over {
    match frame.map(|frame| frame.code) {
        None | Some(close_code::NORMAL | close_code::AWAY | close_code::STATUS) => Over::Clean,
        Some(_) => Over::Lost,
    }
}

fn wrong_version() -> Refusal {
    Refusal::new(
        ErrorCode::Version,
        format!("this server speaks version {VERSION}: reload the page"),
    )
}

fn version_of(text: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    (value.get("type")?.as_str()? == "hello").then(|| value.get("version")?.as_u64())?
}
