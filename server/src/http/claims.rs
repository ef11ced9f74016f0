//! `/api/v1/terminal/claim` and `/api/v1/claims`: pairing a device on which nobody types.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::api::{Claim, ClassroomDetail, ErrorBody, PairClaim, TerminalState};

use super::cookies;
use super::extract::{Address, OverTls, Person};
use crate::app::App;
use crate::service::claims::{HELD, LASTS};
use crate::service::{Error, Result};

/// A code for the device to show, until an administrator pairs it; the same again while it is good. Sets the claim's cookie.
#[utoipa::path(post, path = "/api/v1/terminal/claim", tag = "terminal", responses(
    (status = OK, body = Claim),
    (status = TOO_MANY_REQUESTS, body = ErrorBody, description = "too many codes; Retry-After says when"),
))]
pub(super) async fn create(
    State(app): State<App>,
    Address(address): Address,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<impl IntoResponse> {
    let now = app.services.clock.now();
    let had = cookies::read(&headers, cookies::CLAIM);
    let claimed = app
        .services
        .claims
        .claim(had, address, now)
        .inspect_err(|_| app.metrics.refused.with_label_values(&["claim"]).inc())?;
    let secure = extensions.get::<OverTls>().is_some();
    let body = Claim {
        code: claimed.code.reveal().to_owned(),
        expires_at: claimed.expires_at,
        now,
    };
    Ok((
        [(
            header::SET_COOKIE,
            cookies::set(cookies::CLAIM, &claimed.secret, LASTS, secure),
        )],
        Json(body),
    ))
}

/// Whether the device was paired: its state and its cookie at once when it is, or no content after 10 s. Ask again then.
#[utoipa::path(get, path = "/api/v1/terminal/claim", tag = "terminal", responses(
    (status = OK, body = TerminalState, description = "paired"),
    (status = NO_CONTENT, description = "not yet"),
    (status = NOT_FOUND, body = ErrorBody, description = "the code lapsed; ask for another"),
))]
pub(super) async fn collect(
    State(app): State<App>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response> {
    let secret = cookies::read(&headers, cookies::CLAIM).ok_or(Error::NotFound("claim"))?;
    let services = &app.services;
    let until = tokio::time::Instant::now() + HELD.unsigned_abs();
    let mut changes = services.claims.changes();
    loop {
        changes.mark_unchanged();
        let now = services.clock.now();
        if let Some((token, terminal)) = services.claims.collect(&secret, now).await? {
            let secure = extensions.get::<OverTls>().is_some();
            let state = Json(services.terminals.state(terminal, now).await?);
            let cookie = cookies::set(cookies::TERMINAL, &token, cookies::TERMINAL_LASTS, secure);
            return Ok(([(header::SET_COOKIE, cookie)], state).into_response());
        }
        tokio::select! {
            () = app.stop.cancelled() => return Ok(StatusCode::NO_CONTENT.into_response()),
            () = tokio::time::sleep_until(until) => return Ok(StatusCode::NO_CONTENT.into_response()),
            // The sender lives in the services, so the wait cannot fail.
            _ = changes.changed() => {}
        }
    }
}

/// Pairs the device that shows this code with a classroom of the administrator's region.
#[utoipa::path(post, path = "/api/v1/claims/{code}", tag = "classrooms", request_body = PairClaim,
    params(("code" = String, Path, description = "six digits")), responses(
    (status = OK, body = ClassroomDetail),
    (status = UNAUTHORIZED, body = ErrorBody),
    (status = FORBIDDEN, body = ErrorBody, description = "no device shows this code, or not an administrator of the classroom"),
    (status = NOT_FOUND, body = ErrorBody, description = "no such classroom"),
    (status = TOO_MANY_REQUESTS, body = ErrorBody, description = "too many wrong codes; Retry-After says when"),
))]
pub(super) async fn pair(
    State(app): State<App>,
    Person(person): Person,
    Path(code): Path<String>,
    Json(PairClaim { classroom }): Json<PairClaim>,
) -> Result<Json<ClassroomDetail>> {
    let services = &app.services;
    let now = services.clock.now();
    services
        .claims
        .pair(&person, &code, classroom, now)
        .await
        .inspect_err(|_| app.metrics.refused.with_label_values(&["claim"]).inc())?;
    let rooms = services.terminals.classrooms(&person, now).await?;
    rooms
        .into_iter()
        .find(|room| room.classroom.id == classroom)
        .map(Json)
        .ok_or(Error::NotFound("classroom"))
}
