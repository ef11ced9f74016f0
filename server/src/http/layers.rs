//! What every request passes, from the outside in: panic, request id, log and metrics, headers, gzip, size, origin.

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tracing::Instrument;

use super::error::refusal;
use crate::app::App;
use crate::metrics::Metrics;

/// Longest body of a request: an SDP of many tracks takes some 30 kB.
const LONGEST_BODY: usize = 256 * 1024;

/// Scripts and media of this server only; pictures made in the page; styles that components write themselves.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; worker-src 'self' blob:; \
    connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Headers of every answer. Addresses may hold a signed token, so no other site is told where one came from.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), fullscreen=(self), geolocation=()",
    ),
];

/// Puts the stack around the routes. The layer added last is the outermost.
pub(super) fn around(routes: Router, app: &App) -> Router {
    let gzip = CompressionLayer::new().compress_when(
        DefaultPredicate::new()
            .and(NotForContentType::const_new("video/"))
            .and(NotForContentType::const_new("audio/"))
            .and(NotForContentType::const_new("font/")),
    );
    routes
        .layer(from_fn(same_origin))
        .layer(RequestBodyLimitLayer::new(LONGEST_BODY))
        .layer(gzip)
        .layer(from_fn(headers))
        .layer(from_fn_with_state(app.metrics.clone(), observe))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(CatchPanicLayer::custom(panicked))
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    refusal(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the server failed; it was logged",
    )
}

/// Logs and counts a request by its route, never by its address, which may hold a token.
async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = known_method(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "page".to_owned(), |path| path.as_str().to_owned());
    let id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let span = tracing::info_span!("http", method, route, id);
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let taken = began.elapsed();
    metrics
        .http_requests
        .with_label_values(&[method, &route, status.as_str()])
        .inc();
    metrics
        .http_seconds
        .with_label_values(&[method, &route])
        .observe(taken.as_secs_f64());
    span.in_scope(|| tracing::debug!(status = status.as_u16(), taken_ms = taken.as_millis(), "answered"));
    response
}

/// Methods are made up freely by clients; a metric's labels are not.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

async fn headers(request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let out = response.headers_mut();
    for (name, value) in HEADERS {
        out.entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    if api {
        // Answers depend on who asks.
        out.entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

/// Refuses what another site lets a browser send with our cookies. A browser says where a request comes from; a program
/// need not, and has no cookies of others. Bearer tokens are never sent by a browser on its own.
async fn same_origin(request: Request<Body>, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let guarded =
        request.uri().path().starts_with("/api/") && super::extract::bearer(request.headers()).is_none();
    if safe || !guarded || from_here(&request) {
        return next.run(request).await;
    }
    refusal(
        StatusCode::FORBIDDEN,
        "cross_origin",
        "the request comes from another site",
    )
}

fn from_here<B>(request: &Request<B>) -> bool {
    let text = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    if let Some(origin) = text(header::ORIGIN) {
        let host =
            text(header::HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str()));
        let origin_host = origin.split_once("://").map(|(_, host)| host);
        return origin_host.is_some() && origin_host == host;
    }
    match text(HeaderName::from_static("sec-fetch-site")) {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut builder = axum::http::Request::post("/api/v1/session");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).expect("a request")
    }

    #[test]
    fn only_this_site_and_programs_may_send_cookies() {
        let host = ("host", "tongke.example:8443");
        assert!(from_here(&request(&[host])));
        assert!(from_here(&request(&[
            host,
            ("origin", "https://tongke.example:8443")
        ])));
        assert!(from_here(&request(&[host, ("sec-fetch-site", "same-origin")])));
        for origin in ["https://elsewhere.example", "null", "https://tongke.example", ""] {
            assert!(!from_here(&request(&[host, ("origin", origin)])), "{origin}");
        }
        assert!(!from_here(&request(&[host, ("sec-fetch-site", "cross-site")])));
    }
}
