//! Every route of the server.

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::refusal;
use super::{
    claims, classrooms, health, layers, lessons, openapi, pages, probe, recordings, session, terminal,
};
use crate::app::App;

/// The routes of `/api/v1`, with their description.
pub(super) fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(session::get, session::create, session::remove))
        .routes(routes!(lessons::list))
        .routes(routes!(lessons::get))
        .routes(routes!(lessons::join))
        .routes(routes!(lessons::end))
        .routes(routes!(terminal::get, terminal::remove))
        .routes(routes!(terminal::pair))
        .routes(routes!(terminal::events))
        .routes(routes!(claims::create, claims::collect))
        .routes(routes!(claims::pair))
        .routes(routes!(classrooms::list))
        .routes(routes!(classrooms::new_code))
        .routes(routes!(classrooms::revoke))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::get))
        .routes(routes!(probe::create))
        .routes(routes!(probe::get, probe::remove))
        .routes(routes!(probe::upload))
}

/// All routes. `media` are those of signalling, WHIP, WHEP and HLS, which bring their own state.
pub fn router(app: &App, media: Router) -> Router {
    let (api, _) = api().split_for_parts();
    let own = Router::new()
        .merge(api)
        .route("/api/v1/openapi.json", get(openapi::serve))
        .route("/api/{*rest}", any(unknown))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/ca.pem", get(health::authority))
        .fallback(pages::serve)
        .with_state(app.clone());
    layers::around(own.merge(media), app)
}

async fn unknown() -> Response {
    refusal(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is no such address; see /api/v1/openapi.json",
    )
}
