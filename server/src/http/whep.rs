//! `/whep/{lesson}`: any WHEP player watches the teacher. The first video section gets the camera (or what there is), a second
//! the material; the first audio section the voice. When tracks come and go, the sections carry others without a new offer.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{patch, post};
use tokio::sync::oneshot;

use super::exchange::{self, BODY_MAX, Offer};
use crate::rooms::sessions::{Kind, Session};
use crate::rooms::{Command, Rooms};
use crate::service::Error;

/// The routes of WHEP.
pub fn routes(rooms: Rooms) -> Router {
    Router::new()
        .route("/whep/{lesson}", post(watch).options(exchange::options))
        .route(
            "/whep/{lesson}/{session}",
            patch(change).delete(end).options(exchange::options),
        )
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(exchange::cors())
        .with_state(rooms)
}

async fn watch(
    State(rooms): State<Rooms>,
    Path(lesson): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match exchange::offer(&rooms, &lesson, &headers, &body) {
        Ok(offer) => begin(&rooms, offer).await.unwrap_or_else(exchange::failed),
        Err(refused) => *refused,
    }
}

async fn begin(rooms: &Rooms, offer: Offer) -> Result<Response, Error> {
    exchange::still_on(rooms, offer.lesson).await?;
    let (reply, plan) = oneshot::channel();
    rooms
        .tell(
            offer.lesson,
            Command::Whep {
                role: offer.claims.role,
                reply,
            },
        )
        .await?;
    let plan = match plan.await {
        Ok(Ok(plan)) => plan,
        Ok(Err(refused)) => return Ok(exchange::refused(refused)),
        Err(_) => return Err(Error::Internal("the room closed")),
    };
    let peer = plan.peer;
    match rooms
        .engine()
        .watch(offer.lesson, peer, plan.watch, offer.sdp.clone())
        .await
    {
        Ok(answer) => {
            let session = Session {
                kind: Kind::Whep,
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
    exchange::patch(&rooms, Kind::Whep, &session, &headers, &body).await
}

async fn end(State(rooms): State<Rooms>, Path((_, session)): Path<(String, String)>) -> Response {
    exchange::end(&rooms, Kind::Whep, &session).await
}
