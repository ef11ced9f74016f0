//! `/api/v1/recordings`: the library.

use axum::Json;
use axum::extract::{Path, Query, State};
use protocol::api::{Chapter, ChapterKind, ErrorBody, RecordingSummary, Recordings, Replay};

use super::extract::{Caller, Person};
use crate::app::App;
use crate::service::library::{Sort, Wanted};
use crate::service::{Error, Result};

/// Which recordings. An empty value does not filter.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Every word is in title, subject, grade, teacher or school.
    #[serde(default)]
    search: String,
    /// This subject.
    subject: Option<String>,
    /// This grade.
    grade: Option<String>,
    /// This teacher's.
    teacher: Option<String>,
    /// Of this school.
    school: Option<String>,
    /// Order.
    #[serde(default)]
    #[param(inline)]
    sort: Sort,
    /// From 1.
    #[serde(default)]
    page: u32,
}

/// Recordings one may see, those that are still written too.
#[utoipa::path(get, path = "/api/v1/recordings", tag = "recordings", params(Filter), responses(
    (status = OK, body = Recordings),
    (status = UNAUTHORIZED, body = ErrorBody),
))]
pub(super) async fn list(
    State(app): State<App>,
    Person(person): Person,
    Query(filter): Query<Filter>,
) -> Result<Json<Recordings>> {
    let some = |value: Option<String>| value.filter(|value| !value.is_empty());
    let wanted = Wanted {
        search: filter.search,
        subject: some(filter.subject),
        grade: some(filter.grade),
        teacher: some(filter.teacher),
        school: some(filter.school),
        sort: filter.sort,
        page: filter.page,
    };
    let mut found = app.services.library.list(&person, &wanted).await?;
    add_posters(&app, &mut found.recordings)?;
    Ok(Json(found))
}

/// What a player needs.
#[utoipa::path(get, path = "/api/v1/recordings/{lesson}", tag = "recordings",
    params(("lesson" = String, Path, description = "its id, or `demo` for the last demo lesson that went live")), responses(
    (status = OK, body = Replay),
    (status = UNAUTHORIZED, body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody, description = "no recording (yet), or not for these eyes"),
))]
pub(super) async fn get(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(lesson): Path<String>,
) -> Result<Json<Replay>> {
    let services = &app.services;
    let id = services.lessons.resolve_replay(&lesson)?;
    let (mut summary, _) = services.library.find(&actor, id).await?;
    let snapshot = app
        .replays
        .snapshot(id)
        .await
        .map_err(|_| Error::Internal("a recording cannot be read"))?;
    let snapshot = snapshot.ok_or(Error::NotFound("recording"))?;
    let token = services
        .tokens
        .issue_replay(id, services.clock.now())
        .map_err(Error::Token)?;
    let query = format!("token={token}");
    let mut chapters = services.library.chapters(id, snapshot.epoch_us()).await?;
    // The journal knows better than the log, which may have died with the server.
    chapters.retain(|chapter| chapter.kind != ChapterKind::Interrupted);
    chapters.extend(snapshot.interruptions().iter().map(|gap| Chapter {
        at_ms: gap.from_us / 1_000,
        kind: ChapterKind::Interrupted,
        classroom: None,
    }));
    chapters.sort_by_key(|chapter| chapter.at_ms);
    summary.duration_ms = snapshot.duration_ms();
    summary.bytes = snapshot.bytes();
    summary.poster_url = snapshot.poster_url(id, Some(&query));
    Ok(Json(Replay {
        summary,
        master_url: format!("/hls/{id}/master.m3u8?{query}"),
        tracks: snapshot.tracks(id, Some(&query)),
        chapters,
    }))
}

/// Signed addresses of the posters that are there.
fn add_posters(app: &App, recordings: &mut [RecordingSummary]) -> Result<()> {
    let now = app.services.clock.now();
    for summary in recordings {
        let id = summary.lesson.id;
        if app
            .replays
            .recording_dir(id)
            .join(protocol::journal::POSTER)
            .exists()
        {
            let token = app.services.tokens.issue_replay(id, now).map_err(Error::Token)?;
            summary.poster_url = Some(format!("/hls/{id}/poster.jpg?token={token}"));
        }
    }
    Ok(())
}
