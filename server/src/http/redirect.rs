//! The HTTP port beside HTTPS: serves, or sends everybody but this machine itself to HTTPS.

use std::net::{IpAddr, Ipv4Addr};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};

use super::extract::peer;
use crate::config::PlainHttp;

/// What stays on HTTP: what operators' tools ask, and the authority one has to trust first.
const STAYS: [&str; 4] = ["/healthz", "/readyz", "/metrics", "/ca.pem"];

/// Puts the redirect around the routes, if it is wanted.
pub(crate) fn around(routes: Router, plain: PlainHttp, port: u16) -> Router {
    match plain {
        PlainHttp::Serve => routes,
        PlainHttp::Redirect => routes.layer(from_fn(move |request: Request, next: Next| {
            to_https(request, next, port)
        })),
    }
}

async fn to_https(request: Request, next: Next, port: u16) -> Response {
    let (parts, body) = request.into_parts();
    let from = peer(&parts.extensions);
    let local = from.is_loopback() && from != IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .map(without_port);
    match host {
        Some(host) if !local && !STAYS.contains(&parts.uri.path()) => {
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            let to = format!("https://{host}:{port}{path}");
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response()
        }
        _ => next.run(Request::from_parts(parts, body)).await,
    }
}

/// The host of `host:port`, where an IPv6 address is in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}
