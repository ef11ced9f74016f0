//! What operators ask.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error::refusal;
use crate::app::App;
use crate::domain::lesson::{STATES, state_word};
use crate::store::LessonFilter;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The process can serve lessons: store and engine answer, and it is not stopping.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let not = |why: &str| refusal(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why);
    if app.stop.is_cancelled() {
        return not("the server is stopping");
    }
    if let Err(error) = app.services.store.ping().await {
        tracing::error!(%error, "not ready");
        return not("the store does not answer");
    }
    if !app.rooms.ready() {
        return not("the media engine does not run");
    }
    "ready\n".into_response()
}

/// Metrics in the Prometheus text format.
pub(super) async fn metrics(State(app): State<App>) -> Response {
    for state in STATES {
        let filter = LessonFilter {
            states: Some(vec![state]),
            ..LessonFilter::default()
        };
        if let Ok(count) = app.services.store.count_lessons(&filter).await {
            let gauge = app.metrics.lessons.with_label_values(&[state_word(state)]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
    let text = app.metrics.text() + &app.rooms.metrics_text();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

/// The certificate of the local authority, to be trusted by the school's devices.
pub(super) async fn authority(State(app): State<App>) -> Response {
    match &app.authority {
        Some(pem) => (
            [
                (header::CONTENT_TYPE, "application/x-pem-file"),
                (
                    header::CONTENT_DISPOSITION,
                    "attachment; filename=\"tongke-ca.pem\"",
                ),
            ],
            pem.to_string(),
        )
            .into_response(),
        None => refusal(
            StatusCode::NOT_FOUND,
            "not_found",
            "this server has no authority of its own (tls = local)",
        ),
    }
}
