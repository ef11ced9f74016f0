//! `/whip/{lesson}`: a teacher publishes with OBS, GStreamer or any other WHIP client (RFC 9725). The first video section is
//! the camera, a second the screen; the first audio section the microphone, a second the sound of the screen.

use axum::Router;
use axum::response::Response;
use protocol::signal::Role;
use tokio::sync::oneshot;

use super::exchange::{self, Offer};
use crate::rooms::sessions::Kind;
use crate::rooms::{Command, Rooms};
use crate::service::Error;

/// The routes of WHIP.
pub fn routes(rooms: Rooms) -> Router {
    exchange::routes(rooms, Kind::Whip, publish)
}

async fn publish(rooms: Rooms, offer: Offer) -> Result<Response, Error> {
    if offer.claims.role != Role::Teacher {
        return Err(Error::Forbidden("only a teacher's token publishes"));
    }
    let (reply, plan) = oneshot::channel();
    let sections = exchange::sections(&offer.sdp);
    let ask = Command::Whip { sections, reply };
    rooms.tell(offer.lesson, ask).await?;
    let plan = match exchange::planned(plan).await? {
        Ok(plan) => plan,
        Err(refused) => return Ok(refused),
    };
    let (engine, peer) = (rooms.engine(), plan.peer);
    if let Some(old) = plan.replaces {
        engine.remove(old).await;
    }
    let answer = engine
        .publish(offer.lesson, peer, plan.tracks, offer.sdp.clone())
        .await;
    if let Ok(answer) = &answer {
        let tracks = answer.tracks.iter().map(|track| track.track).collect();
        let ready = Command::WhipReady { peer, tracks };
        rooms.tell(offer.lesson, ready).await?;
    }
    exchange::answered(&rooms, Kind::Whip, &offer, peer, answer).await
}
