//! By which name and port a request came.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::extract::OverTls;
use crate::service::relay::Door;

/// Where HTTPS is, where an address does not say.
const HTTPS: u16 = 443;

impl<S: Send + Sync> FromRequestParts<S> for Door {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = || parts.headers.get(header::HOST)?.to_str().ok();
        let authority = parts
            .uri
            .authority()
            .map(axum::http::uri::Authority::as_str)
            .or_else(header);
        let over_tls = parts.extensions.get::<OverTls>().is_some();
        Ok(authority
            .and_then(|authority| door(authority, over_tls))
            .unwrap_or_default())
    }
}

fn door(authority: &str, over_tls: bool) -> Option<Door> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (authority, HTTPS),
    };
    // It is written into addresses and headers again.
    let fit = |c: char| c.is_ascii_alphanumeric() || "-.:[]_".contains(c);
    let host = (!host.is_empty() && host.chars().all(fit)).then(|| host.to_owned())?;
    Some(Door {
        host,
        port: over_tls.then_some(port),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_has_a_name_and_the_port_of_https() {
        let cases = [
            ("a.example", true, Some(("a.example", Some(443)))),
            ("a.example:8443", true, Some(("a.example", Some(8_443)))),
            ("a.example:8080", false, Some(("a.example", None))),
            ("[2001:db8::1]:8443", true, Some(("[2001:db8::1]", Some(8_443)))),
            ("[2001:db8::1]", true, Some(("[2001:db8::1]", Some(443)))),
            ("", true, None),
            (":80", true, None),
            ("a\"; rel=x", true, None),
            ("a:x", true, None),
        ];
        for (authority, over_tls, expected) in cases {
            let found = door(authority, over_tls);
            let found = found.as_ref().map(|door| (door.host.as_str(), door.port));
            assert_eq!(found, expected, "{authority}");
        }
    }
}
