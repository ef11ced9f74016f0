//! `/api/v1/terminal`: what a device in a classroom asks.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use protocol::api::{ErrorBody, Pair, TerminalState};
use protocol::id::{LessonId, TerminalId};
use tokio::sync::broadcast;

use super::cookies;
use super::extract::{Address, Device, OverTls};
use crate::app::App;
use crate::metrics::Held;
use crate::service::Result;

/// The longest silence of the event stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Changes that come together are told together: at a bell hundreds of lessons open in one moment.
const TOGETHER: Duration = Duration::from_millis(100);

/// Where the device stands and what comes next. Renews the cookie.
#[utoipa::path(get, path = "/api/v1/terminal", tag = "terminal", responses(
    (status = OK, body = TerminalState),
    (status = UNAUTHORIZED, body = ErrorBody, description = "not paired, or revoked"),
))]
pub(super) async fn get(
    State(app): State<App>,
    Device(terminal): Device,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response> {
    let state = app
        .services
        .terminals
        .state(terminal, app.services.clock.now())
        .await?;
    let mut response = Json(state).into_response();
    if let Some(token) = cookies::read(&headers, cookies::TERMINAL) {
        let secure = extensions.get::<OverTls>().is_some();
        let cookie = cookies::set(cookies::TERMINAL, &token, cookies::TERMINAL_LASTS, secure);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Pairs the device by a code; sets the cookie. A code works once.
#[utoipa::path(post, path = "/api/v1/terminal/pair", tag = "terminal", request_body = Pair, responses(
    (status = OK, body = TerminalState),
    (status = FORBIDDEN, body = ErrorBody, description = "the code is wrong, used or too old"),
    (status = TOO_MANY_REQUESTS, body = ErrorBody, description = "too many wrong codes; Retry-After says when"),
))]
pub(super) async fn pair(
    State(app): State<App>,
    Address(address): Address,
    extensions: Extensions,
    Json(pair): Json<Pair>,
) -> Result<impl IntoResponse> {
    let now = app.services.clock.now();
    let terminals = &app.services.terminals;
    let (token, terminal) = terminals
        .pair(&pair.code, address, now)
        .await
        .inspect_err(|_| app.metrics.refused.with_label_values(&["pairing"]).inc())?;
    let secure = extensions.get::<OverTls>().is_some();
    let cookie = cookies::set(cookies::TERMINAL, &token, cookies::TERMINAL_LASTS, secure);
    Ok((
        [(header::SET_COOKIE, cookie)],
        Json(terminals.state(terminal, now).await?),
    ))
}

/// The device gives up its pairing.
#[utoipa::path(delete, path = "/api/v1/terminal", tag = "terminal", responses(
    (status = NO_CONTENT),
    (status = UNAUTHORIZED, body = ErrorBody),
))]
pub(super) async fn remove(State(app): State<App>, Device(terminal): Device) -> Result<impl IntoResponse> {
    app.services
        .terminals
        .unpair(terminal, app.services.clock.now())
        .await?;
    Ok((
        StatusCode::NO_CONTENT,
        [(header::SET_COOKIE, cookies::clear(cookies::TERMINAL))],
    ))
}

/// The state as server-sent events named `state`: at once, on every change, and every 15 s. The stream ends when the device
/// is revoked or the server stops.
#[utoipa::path(get, path = "/api/v1/terminal/events", tag = "terminal", responses(
    (status = OK, body = TerminalState, content_type = "text/event-stream"),
    (status = UNAUTHORIZED, body = ErrorBody),
))]
pub(super) async fn events(
    State(app): State<App>,
    Device(terminal): Device,
) -> Sse<impl Stream<Item = std::result::Result<Event, Infallible>>> {
    let watch = Watch {
        lessons: app.services.lessons.changes(),
        revoked: app.services.terminals.revocations(),
        _held: Held::new(&app.metrics.terminal_streams),
        last: None,
        id: terminal.id,
        app,
    };
    Sse::new(futures_util::stream::unfold(watch, |mut watch| async {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    }))
}

/// One device's stream.
struct Watch {
    app: App,
    id: TerminalId,
    lessons: broadcast::Receiver<LessonId>,
    revoked: broadcast::Receiver<TerminalId>,
    last: Option<TerminalState>,
    _held: Held,
}

impl Watch {
    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        let first = self.last.is_none();
        let silent_until = tokio::time::Instant::now() + HEARTBEAT;
        loop {
            let due = if first {
                true
            } else {
                self.wait(silent_until).await?
            };
            let services = &self.app.services;
            let terminal = services.terminals.get(self.id).await.ok()?;
            let state = services
                .terminals
                .state(terminal, services.clock.now())
                .await
                .inspect_err(|error| tracing::error!(%error, "a terminal could not be told its state"))
                .ok()?;
            if due || self.last.as_ref().is_none_or(|last| differ(last, &state)) {
                let event = Event::default().event("state").json_data(&state).ok()?;
                self.last = Some(state);
                return Some(event);
            }
        }
    }

    /// Waits for a change (`false`) or until the silence was long enough (`true`); `None` when the server stops.
    async fn wait(&mut self, silent_until: tokio::time::Instant) -> Option<bool> {
        tokio::select! {
            () = self.app.stop.cancelled() => return None,
            () = tokio::time::sleep_until(silent_until) => return Some(true),
            _ = self.lessons.recv() => {}
            _ = self.revoked.recv() => {}
        }
        tokio::time::sleep(TOGETHER).await;
        self.lessons = self.lessons.resubscribe();
        self.revoked = self.revoked.resubscribe();
        Some(false)
    }
}

/// Whether anything but the clock differs.
fn differ(a: &TerminalState, b: &TerminalState) -> bool {
    let key = |state: &TerminalState| {
        (
            state.classroom.clone(),
            state.current.clone(),
            state.upcoming.clone(),
        )
    };
    key(a) != key(b)
}
