//! `/whep/{lesson}`: any WHEP player watches the teacher. The first video section gets the camera (or what there is), a second
//! the material; the first audio section the voice. When tracks come and go, the sections carry others without a new offer.

use axum::Router;
use axum::response::Response;
use tokio::sync::oneshot;

use super::exchange::{self, Offer};
use crate::rooms::sessions::Kind;
use crate::rooms::{Command, Rooms};
use crate::service::Error;

/// The routes of WHEP.
pub fn routes(rooms: Rooms) -> Router {
    exchange::routes(rooms, Kind::Whep, watch)
}

async fn watch(rooms: Rooms, offer: Offer) -> Result<Response, Error> {
    let (reply, plan) = oneshot::channel();
    let role = offer.claims.role;
    rooms.tell(offer.lesson, Command::Whep { role, reply }).await?;
    let plan = match exchange::planned(plan).await? {
        Ok(plan) => plan,
        Err(refused) => return Ok(refused),
    };
    let peer = plan.peer;
    let answer = rooms
        .engine()
        .watch(offer.lesson, peer, plan.watch, offer.sdp.clone())
        .await;
    exchange::answered(&rooms, Kind::Whep, &offer, peer, answer).await
}
