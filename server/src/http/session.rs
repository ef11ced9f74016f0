//! `/api/v1/session`: who is signed in.

use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use protocol::api::{ErrorBody, Session, SignIn};

use super::cookies;
use super::extract::{Address, OverTls, Person};
use crate::app::App;
use crate::service::Result;
use crate::store::UserRow;

async fn body(app: &App, user: &UserRow) -> Result<Session> {
    Ok(Session {
        user: app.services.identity.body(user).await?,
        now: app.services.clock.now(),
        demo: app.services.lessons.is_demo(),
    })
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses(
    (status = OK, body = Session),
    (status = UNAUTHORIZED, body = ErrorBody, description = "nobody is"),
))]
pub(super) async fn get(State(app): State<App>, Person(user): Person) -> Result<Json<Session>> {
    Ok(Json(body(&app, &user).await?))
}

/// Signs in; sets the cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = SignIn, responses(
    (status = OK, body = Session),
    (status = UNAUTHORIZED, body = ErrorBody, description = "wrong account or password"),
    (status = TOO_MANY_REQUESTS, body = ErrorBody, description = "too many failures; Retry-After says when"),
))]
pub(super) async fn create(
    State(app): State<App>,
    Address(address): Address,
    extensions: Extensions,
    Json(sign_in): Json<SignIn>,
) -> Result<impl IntoResponse> {
    let now = app.services.clock.now();
    let signed_in = app
        .services
        .identity
        .sign_in(sign_in, address, now)
        .await
        .inspect_err(|_| app.metrics.refused.with_label_values(&["sign_in"]).inc())?;
    let secure = extensions.get::<OverTls>().is_some();
    let cookie = cookies::set(cookies::SESSION, &signed_in.token, signed_in.lasts, secure);
    Ok((
        [(header::SET_COOKIE, cookie)],
        Json(body(&app, &signed_in.user).await?),
    ))
}

/// Signs out; also when nobody was signed in.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = NO_CONTENT)))]
pub(super) async fn remove(State(app): State<App>, headers: HeaderMap) -> Result<impl IntoResponse> {
    if let Some(token) = cookies::read(&headers, cookies::SESSION) {
        app.services.identity.sign_out(&token).await?;
    }
    Ok((
        StatusCode::NO_CONTENT,
        [(header::SET_COOKIE, cookies::clear(cookies::SESSION))],
    ))
}
