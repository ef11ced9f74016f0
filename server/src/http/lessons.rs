//! `/api/v1/lessons`: the timetable, joining, ending.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use protocol::api::{ErrorBody, JoinGrant, Lesson, Lessons};
use time::OffsetDateTime;

use super::extract::{Bearer, Caller, Person};
use crate::app::App;
use crate::service::{Error, Result};

/// Which lessons.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Between {
    /// Ends after (RFC 3339).
    #[serde(with = "time::serde::rfc3339::option", default)]
    from: Option<OffsetDateTime>,
    /// Starts before (RFC 3339).
    #[serde(with = "time::serde::rfc3339::option", default)]
    to: Option<OffsetDateTime>,
}

/// A teacher's own lessons; a researcher's or administrator's: all of the region. By start, at most 1,000.
#[utoipa::path(get, path = "/api/v1/lessons", tag = "lessons", params(Between), responses(
    (status = OK, body = Lessons),
    (status = UNAUTHORIZED, body = ErrorBody),
))]
pub(super) async fn list(
    State(app): State<App>,
    Person(person): Person,
    Query(between): Query<Between>,
) -> Result<Json<Lessons>> {
    let lessons = app
        .services
        .lessons
        .list_for(&person, between.from, between.to)
        .await?;
    Ok(Json(Lessons {
        lessons,
        now: app.services.clock.now(),
    }))
}

/// One lesson.
#[utoipa::path(get, path = "/api/v1/lessons/{lesson}", tag = "lessons",
    params(("lesson" = String, Path, description = "its id, or `demo`")), responses(
    (status = OK, body = Lesson),
    (status = UNAUTHORIZED, body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
))]
pub(super) async fn get(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(lesson): Path<String>,
) -> Result<Json<Lesson>> {
    let lessons = &app.services.lessons;
    Ok(Json(lessons.get_for(&actor, lessons.resolve(&lesson)?).await?))
}

/// A token for the lesson's room, by a person's session or a terminal's. A browser that has both says `Tongke-As: terminal`
/// to ask as the terminal.
#[utoipa::path(post, path = "/api/v1/lessons/{lesson}/join", tag = "lessons",
    params(("lesson" = String, Path, description = "its id, or `demo`")), responses(
    (status = OK, body = JoinGrant),
    (status = UNAUTHORIZED, body = ErrorBody),
    (status = FORBIDDEN, body = ErrorBody, description = "not this person's or classroom's lesson"),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, body = ErrorBody, description = "`not_open`, `ended` or `cancelled`"),
))]
pub(super) async fn join(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(lesson): Path<String>,
) -> Result<Json<JoinGrant>> {
    let services = &app.services;
    let id = services.lessons.resolve(&lesson)?;
    Ok(Json(
        services
            .lessons
            .join(&services.tokens, &actor, id, services.clock.now())
            .await?,
    ))
}

/// Ends the lesson: by its teacher's session or a teacher's bearer token. Ending it again changes nothing.
#[utoipa::path(post, path = "/api/v1/lessons/{lesson}/end", tag = "lessons",
    params(("lesson" = String, Path, description = "its id, or `demo`")), responses(
    (status = NO_CONTENT),
    (status = UNAUTHORIZED, body = ErrorBody),
    (status = FORBIDDEN, body = ErrorBody, description = "not this person's lesson"),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, body = ErrorBody, description = "it was not open yet, or cancelled"),
), security((), ("bearer" = [])))]
pub(super) async fn end(
    State(app): State<App>,
    Bearer(token): Bearer,
    caller: Result<Person>,
    Path(lesson): Path<String>,
) -> Result<StatusCode> {
    let services = &app.services;
    let now = services.clock.now();
    let id = services.lessons.resolve_end(&lesson).await?;
    match token {
        Some(token) => {
            let claims = services
                .tokens
                .verify_for(id, token.reveal(), now)
                .map_err(Error::Token)?;
            services.lessons.end_by_token(&claims, id, now).await?;
        }
        None => services.lessons.end_by(&caller?.0, id, now).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}
