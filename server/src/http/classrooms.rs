//! `/api/v1/classrooms` and `/api/v1/terminals`: pairing, for administrators.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use protocol::api::{ClassroomDetail, ErrorBody};
use protocol::id::{ClassroomId, TerminalId};

use super::extract::Person;
use crate::app::App;
use crate::service::{Error, Result};

/// Classrooms of the region with their pairing codes and devices.
#[utoipa::path(get, path = "/api/v1/classrooms", tag = "classrooms", responses(
    (status = OK, body = Vec<ClassroomDetail>),
    (status = UNAUTHORIZED, body = ErrorBody),
    (status = FORBIDDEN, body = ErrorBody),
))]
pub(super) async fn list(
    State(app): State<App>,
    Person(person): Person,
) -> Result<Json<Vec<ClassroomDetail>>> {
    Ok(Json(
        app.services
            .terminals
            .classrooms(&person, app.services.clock.now())
            .await?,
    ))
}

/// A new pairing code in place of the one before.
#[utoipa::path(post, path = "/api/v1/classrooms/{classroom}/pairing-code", tag = "classrooms",
    params(("classroom" = String, Path, format = "uuid")), responses(
    (status = OK, body = ClassroomDetail),
    (status = UNAUTHORIZED, body = ErrorBody),
    (status = FORBIDDEN, body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
))]
pub(super) async fn new_code(
    State(app): State<App>,
    Person(person): Person,
    Path(classroom): Path<String>,
) -> Result<Json<ClassroomDetail>> {
    let id: ClassroomId = classroom.parse().map_err(|_| Error::NotFound("classroom"))?;
    Ok(Json(
        app.services
            .terminals
            .new_code(&person, id, app.services.clock.now())
            .await?,
    ))
}

/// Revokes a device's pairing; it is put out of its lesson.
#[utoipa::path(delete, path = "/api/v1/terminals/{terminal}", tag = "classrooms",
    params(("terminal" = String, Path, format = "uuid")), responses(
    (status = NO_CONTENT),
    (status = UNAUTHORIZED, body = ErrorBody),
    (status = FORBIDDEN, body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
))]
pub(super) async fn revoke(
    State(app): State<App>,
    Person(person): Person,
    Path(terminal): Path<String>,
) -> Result<StatusCode> {
    let id: TerminalId = terminal.parse().map_err(|_| Error::NotFound("terminal"))?;
    app.services
        .terminals
        .revoke(&person, id, app.services.clock.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
