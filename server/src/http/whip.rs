//! `/whip/{lesson}`: a teacher publishes with OBS, GStreamer or any other WHIP client (RFC 9725). The first video section is
//! the camera, a second the screen; the first audio section the microphone, a second the sound of the screen.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{patch, post};
use protocol::signal::Role;
use tokio::sync::oneshot;

use super::exchange::{self, BODY_MAX, Offer};
use crate::rooms::sessions::{Kind, Session};
use crate::rooms::{Command, Rooms};
use crate::service::Error;

/// The routes of WHIP.
pub fn routes(rooms: Rooms) -> Router {
    Router::new()
        .route("/whip/{lesson}", post(publish).options(exchange::options))
        .route(
            "/whip/{lesson}/{session}",
            patch(change).delete(end).options(exchange::options),
        )
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(exchange::cors())
        .with_state(rooms)
}

async fn publish(
    State(rooms): State<Rooms>,
    Path(lesson): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match exchange::offer(&rooms, &lesson, &headers, &body) {
        Ok(offer) if offer.claims.role != Role::Teacher => {
            Error::Forbidden("only a teacher's token publishes").into_response()
        }
        Ok(offer) => begin(&rooms, offer).await.unwrap_or_else(exchange::failed),
        Err(refused) => *refused,
    }
}

async fn begin(rooms: &Rooms, offer: Offer) -> Result<Response, Error> {
    exchange::still_on(rooms, offer.lesson).await?;
    let (reply, plan) = oneshot::channel();
    let sections = exchange::sections(&offer.sdp);
    rooms
        .tell(offer.lesson, Command::Whip { sections, reply })
        .await?;
    let plan = match plan.await {
        Ok(Ok(plan)) => plan,
        Ok(Err(refused)) => return Ok(exchange::refused(refused)),
        Err(_) => return Err(Error::Internal("the room closed")),
    };
    let (engine, peer) = (rooms.engine(), plan.peer);
    if let Some(old) = plan.replaces {
        engine.remove(old).await;
    }
    match engine
        .publish(offer.lesson, peer, plan.tracks, offer.sdp.clone())
        .await
    {
        Ok(answer) => {
            let tracks = answer.tracks.iter().map(|track| track.track).collect();
            rooms
                .tell(offer.lesson, Command::WhipReady { peer, tracks })
                .await?;
            let session = Session {
                kind: Kind::Whip,
                lesson: offer.lesson,
                peer,
                ice_session: answer.ice_session,
                client_ufrag: String::new(),
            };
            Ok(exchange::created(rooms, session, &offer.sdp, answer.sdp))
        }
        Err(error) => {
            rooms.tell(offer.lesson, Command::ToolEnded { peer }).await?;
            Ok(exchange::unusable(&error))
        }
    }
}

async fn change(
    State(rooms): State<Rooms>,
    Path((_, session)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    exchange::patch(&rooms, Kind::Whip, &session, &headers, &body).await
}

async fn end(State(rooms): State<Rooms>, Path((_, session)): Path<(String, String)>) -> Response {
    exchange::end(&rooms, Kind::Whip, &session).await
}
