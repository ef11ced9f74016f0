//! `/api/v1/probe`: how a line is, for those who look after it. Public: a school's network person has no account.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::api::{ErrorBody, ProbeAnswer, ProbeOffer, ProbeState};
use protocol::id::PeerId;
use rand::RngCore as _;

use super::exchange::unusable;
use super::extract::Address;
use crate::app::App;
use crate::probes::{LASTS, Probes, Refused};
use crate::service::relay::Door;
use crate::service::{Error, Result};

/// Bytes of [`segment`]: half a second of a camera.
const SEGMENT_BYTES: u32 = 96 * 1024;

/// `/hls/probe/index.m3u8`: a playlist as replays and delayed viewing have it, for whoever wants to know whether one passes.
pub(super) async fn playlist() -> impl IntoResponse {
    let text =
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.5,\nsegment.m4s\n#EXT-X-ENDLIST\n";
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.apple.mpegurl"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text)
}

/// `/hls/probe/segment.m4s`: what looks like media to whoever filters it, but nobody plays.
pub(super) async fn segment() -> impl IntoResponse {
    let box_of = |kind: &[u8; 4], bytes: u32| [&bytes.to_be_bytes()[..], kind].concat();
    let mut body = box_of(b"styp", 16);
    body.extend(*b"msdh\0\0\0\0");
    body.extend(box_of(b"mdat", SEGMENT_BYTES - 16));
    // What a proxy could not make smaller.
    body.resize(SEGMENT_BYTES as usize, 0);
    rand::rng().fill_bytes(&mut body[24..]);
    let headers = [
        (header::CONTENT_TYPE, "video/mp4"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body)
}

fn probes(app: &App) -> Result<&Arc<Probes>> {
    app.probes.as_ref().ok_or(Error::NotFound("probe"))
}

/// Begins a measurement by media: the engine sends padding to whoever answers its ICE checks, as fast as passes, for 20 s at most.
#[utoipa::path(post, path = "/api/v1/probe", tag = "probe", request_body = ProbeOffer, responses(
    (status = CREATED, body = ProbeAnswer),
    (status = BAD_REQUEST, body = ErrorBody, description = "the SDP cannot be read"),
    (status = NOT_ACCEPTABLE, body = ErrorBody, description = "no section that can be used"),
    (status = TOO_MANY_REQUESTS, body = ErrorBody, description = "too many, here or in all; Retry-After says when"),
))]
pub(super) async fn create(
    State(app): State<App>,
    Address(address): Address,
    door: Door,
    Json(ProbeOffer { sdp }): Json<ProbeOffer>,
) -> Result<Response> {
    let now = app.services.clock.now();
    let begun = probes(&app)?.begin(address, sdp, now).await;
    let result = if begun.is_ok() { "begun" } else { "refused" };
    app.metrics.probes.with_label_values(&[result]).inc();
    match begun {
        Ok(mut answer) => {
            answer.ice_servers = app.services.relay.servers(&door, PeerId::new(), now + LASTS);
            Ok((StatusCode::CREATED, Json(answer)).into_response())
        }
        Err(Refused::Bound(error)) => Err(error),
        Err(Refused::Engine(error)) => Ok(unusable(&error)),
    }
}

/// What a measurement has found so far.
#[utoipa::path(get, path = "/api/v1/probe/{id}", tag = "probe",
    params(("id" = String, Path, description = "of the answer")), responses(
    (status = OK, body = ProbeState),
    (status = NOT_FOUND, body = ErrorBody, description = "it is over"),
))]
pub(super) async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<ProbeState>> {
    Ok(Json(probes(&app)?.state(&id).await?))
}

/// Ends a measurement.
#[utoipa::path(delete, path = "/api/v1/probe/{id}", tag = "probe",
    params(("id" = String, Path, description = "of the answer")), responses((status = NO_CONTENT)))]
pub(super) async fn remove(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode> {
    probes(&app)?.end(&id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes bytes and forgets them, so that a page can tell how fast they went: at most 256 KiB.
#[utoipa::path(post, path = "/api/v1/probe/upload", tag = "probe",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = NO_CONTENT),
    (status = TOO_MANY_REQUESTS, body = ErrorBody, description = "too many; Retry-After says when"),
))]
pub(super) async fn upload(
    State(app): State<App>,
    Address(address): Address,
    _: Bytes,
) -> Result<StatusCode> {
    probes(&app)?.upload(address, app.services.clock.now())?;
    Ok(StatusCode::NO_CONTENT)
}
