//! The signalling edge: one WebSocket per peer at `/signal`, or what stands for one at `/signal/events`. It reads and writes messages and knows when a socket is dead;
//! what the messages mean is the room's to decide.

mod events;
mod limit;
mod socket;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::{get, post};
use futures_util::StreamExt;

use crate::rooms::Rooms;
use crate::service::relay::Door;

/// Longest message of a peer: an answer of a teacher who watches a wall of classrooms.
const MESSAGE_MAX: usize = 256 << 10;

/// The routes of signalling.
pub fn routes(rooms: Rooms) -> Router {
    let lines = Router::new()
        .route("/signal/events", get(events::open))
        .route("/signal/events/{id}", post(events::say).delete(events::close))
        .with_state(events::Lines::new(rooms.clone()));
    Router::new()
        .route("/signal", get(upgrade))
        .with_state(rooms)
        .merge(lines)
}

async fn upgrade(State(rooms): State<Rooms>, door: Door, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(MESSAGE_MAX)
        .max_frame_size(MESSAGE_MAX)
        .on_upgrade(move |socket| {
            let (sink, stream) = socket.split();
            socket::serve(rooms, door, sink, stream)
        })
}
