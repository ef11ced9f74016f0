//! Signalling where no WebSocket passes: what the server says as server-sent events of `GET /signal/events`, what the peer says by
//! requests to the address the first event names. The messages are the same, and so is what is done with them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};

use axum::extract::ws::Message;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use rand::Rng;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

use super::socket;
use crate::http::error::refusal;
use crate::rooms::{Rooms, lock};
use crate::service::relay::Door;

/// Lines at once.
const MOST_LINES: usize = 4_096;
/// Messages on their way, each way.
const WAITING: usize = 64;
/// A proxy that gathers answers would keep events back.
const UNBUFFERED: (&str, &str) = ("x-accel-buffering", "no");

/// The lines that are open, by the secret that names them.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    rooms: Rooms,
    open: Arc<Mutex<HashMap<String, mpsc::Sender<Message>>>>,
}

impl Lines {
    pub(super) fn new(rooms: Rooms) -> Self {
        Self {
            rooms,
            open: Arc::default(),
        }
    }

    fn find(&self, id: &str) -> Option<mpsc::Sender<Message>> {
        lock(&self.open).get(id).cloned()
    }
}

/// What the peer hears. When it goes the line does.
struct Heard {
    lines: Lines,
    id: String,
    out: mpsc::Receiver<Message>,
}

impl Drop for Heard {
    fn drop(&mut self) {
        lock(&self.lines.open).remove(&self.id);
    }
}

impl Heard {
    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.out.recv().await? {
                Message::Text(text) => return Some(Event::default().data(text.as_str())),
                Message::Ping(_) => return Some(Event::default().comment("here")),
                Message::Close(_) => return None,
                Message::Binary(_) | Message::Pong(_) => {}
            }
        }
    }
}

/// `GET /signal/events`: opens a line.
pub(super) async fn open(State(lines): State<Lines>, door: Door) -> Response {
    let (inbox, mut said) = mpsc::channel(WAITING);
    let (outbox, out) = mpsc::channel(WAITING);
    let id = format!("{:032x}", rand::rng().random::<u128>());
    {
        let mut open = lock(&lines.open);
        if open.len() >= MOST_LINES {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "full", "too many lines are open");
        }
        open.insert(id.clone(), inbox);
    }
    let said = stream::poll_fn(move |context| said.poll_recv(context)).map(Ok);
    tokio::spawn(socket::serve(
        lines.rooms.clone(),
        door,
        PollSender::new(outbox),
        said,
    ));
    let named = Event::default().event("line").data(&id);
    let heard = stream::unfold(Heard { lines, id, out }, async |mut heard| {
        let event = heard.next().await?;
        Some((event, heard))
    });
    let events = stream::once(ready(named)).chain(heard).map(Ok::<_, Infallible>);
    ([UNBUFFERED], Sse::new(events)).into_response()
}

/// `POST /signal/events/{id}`: messages of the peer, one a line.
pub(super) async fn say(State(lines): State<Lines>, Path(id): Path<String>, body: String) -> Response {
    let Some(inbox) = lines.find(&id) else {
        return gone();
    };
    for message in body.lines().filter(|line| !line.is_empty()) {
        // It waits while the ones before are taken.
        if inbox.send(Message::Text(message.into())).await.is_err() {
            return gone();
        }
    }
    StatusCode::NO_CONTENT.into_response()
}

/// `DELETE /signal/events/{id}`: the peer leaves.
pub(super) async fn close(State(lines): State<Lines>, Path(id): Path<String>) -> StatusCode {
    if let Some(inbox) = lines.find(&id) {
        // A line that is over has nobody to be told.
        let _ = inbox.send(Message::Close(None)).await;
    }
    StatusCode::NO_CONTENT
}

fn gone() -> Response {
    refusal(StatusCode::NOT_FOUND, "not_found", "the line is over")
}
