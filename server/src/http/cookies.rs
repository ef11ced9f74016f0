//! The cookies: a person's sign-in, a device's pairing, and its claim before that.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite};
use time::Duration;

use crate::redact::Secret;

/// A person's sign-in.
pub const SESSION: &str = "tongke_session";
/// A device's pairing.
pub const TERMINAL: &str = "tongke_terminal";
/// A device's claim to be paired.
pub const CLAIM: &str = "tongke_claim";
/// Browsers keep a cookie for 400 days at most; a device's is renewed whenever it asks for its state.
pub(super) const TERMINAL_LASTS: Duration = Duration::days(400);

/// The value of a cookie of the request.
#[must_use]
pub fn read(headers: &HeaderMap, name: &str) -> Option<Secret> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| Cookie::split_parse(text.to_owned()))
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == name)
        .map(|cookie| Secret::new(cookie.value()))
}

/// A `Set-Cookie` that scripts cannot read and other sites cannot use.
pub(super) fn set(name: &'static str, value: &Secret, lasts: Duration, secure: bool) -> HeaderValue {
    header_value(
        &Cookie::build((name, value.reveal()))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(secure)
            .max_age(lasts)
            .build(),
    )
}

/// A `Set-Cookie` that removes it.
pub(super) fn clear(name: &'static str) -> HeaderValue {
    header_value(
        &Cookie::build((name, ""))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(Duration::ZERO)
            .build(),
    )
}

fn header_value(cookie: &Cookie<'_>) -> HeaderValue {
    let mut value =
        HeaderValue::from_str(&cookie.to_string()).expect("names and values are of hex digits and letters");
    value.set_sensitive(true);
    value
}
