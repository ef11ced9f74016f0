//! `/hls/{lesson}/…`: who may see a replay, by bearer token or signed address.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::cors::{Any, CorsLayer};

use super::extract::bearer;
use super::probe;
use crate::redact::Secret;
use crate::replay::ReplayStore;
use crate::service::tokens::TokenError;
use crate::service::{Error, Services};

#[derive(Clone, Debug)]
struct Hls {
    services: Services,
    replays: Arc<ReplayStore>,
}

/// The routes of replays. Players on other origins may read: no cookie counts here.
pub fn routes(services: Services, replays: Arc<ReplayStore>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers([header::AUTHORIZATION, header::RANGE])
        .expose_headers([header::CONTENT_LENGTH, header::CONTENT_RANGE])
        .max_age(std::time::Duration::from_hours(24));
    Router::new()
        .route("/hls/probe/index.m3u8", get(probe::playlist))
        .route("/hls/probe/segment.m4s", get(probe::segment))
        .route("/hls/{lesson}/{*path}", get(serve))
        .layer(cors)
        .with_state(Hls { services, replays })
}

async fn serve(
    State(hls): State<Hls>,
    Path((lesson, path)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let lesson = match hls.services.lessons.resolve_replay(&lesson) {
        Ok(lesson) => lesson,
        Err(error) => return error.into_response(),
    };
    let token = bearer(&headers).or_else(|| signed(query.as_deref()));
    let now = hls.services.clock.now();
    let allowed = match token {
        Some(token) => hls.services.tokens.verify_replay(lesson, token.reveal(), now),
        None => Err(TokenError::Invalid),
    };
    match allowed {
        Ok(()) => hls.replays.serve(lesson, &path, query.as_deref(), &headers).await,
        Err(error) => Error::Token(error).into_response(),
    }
}

/// The value of `token=`; tokens need no escapes.
fn signed(query: Option<&str>) -> Option<Secret> {
    query?
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))
        .map(Secret::new)
}
