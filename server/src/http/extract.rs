//! Who asks: taken from cookies, the `Authorization` header and the socket.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};

use super::cookies;
use super::forwarded::client;
use crate::app::App;
use crate::redact::Secret;
use crate::service::access::Actor;
use crate::service::{Error, Result};
use crate::store::{TerminalRow, UserRow};

/// A person who is signed in.
#[derive(Debug)]
pub struct Person(pub UserRow);

/// A device that is paired.
#[derive(Debug)]
pub struct Device(pub TerminalRow);

/// A person, or else a device.
#[derive(Debug)]
pub struct Caller(pub Actor);

/// The bearer token of the request, if any.
#[derive(Debug)]
pub struct Bearer(pub Option<Secret>);

/// Where the request comes from; through a trusted proxy, where that says.
#[derive(Clone, Copy, Debug)]
pub struct Address(pub IpAddr);

/// The request came over TLS.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// The bearer token of `Authorization` (RFC 6750 §2.1).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .trim()
        .split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Secret::new(token.trim()))
}

impl FromRequestParts<App> for Person {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let token = cookies::read(&parts.headers, cookies::SESSION).ok_or(Error::SignedOut)?;
        Ok(Self(
            app.services
                .identity
                .whose(&token, app.services.clock.now())
                .await?,
        ))
    }
}

impl FromRequestParts<App> for Device {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let token = cookies::read(&parts.headers, cookies::TERMINAL).ok_or(Error::NotPaired)?;
        Ok(Self(app.services.terminals.whose(&token).await?))
    }
}

/// Says which of the two a page asks as, where a browser holds both cookies: `person` or `terminal`.
const AS: &str = "tongke-as";

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let device_first = parts.headers.get(AS).is_some_and(|value| value == "terminal");
        if device_first {
            return Ok(Self(Actor::Terminal(
                Device::from_request_parts(parts, app).await?.0,
            )));
        }
        match Person::from_request_parts(parts, app).await {
            Ok(person) => Ok(Self(Actor::Person(person.0))),
            Err(Error::SignedOut) => match Device::from_request_parts(parts, app).await {
                Ok(device) => Ok(Self(Actor::Terminal(device.0))),
                Err(Error::NotPaired) => Err(Error::SignedOut),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        Ok(Self(bearer(&parts.headers)))
    }
}

/// The other end of the connection.
pub(super) fn peer(extensions: &Extensions) -> IpAddr {
    let from = extensions.get::<ConnectInfo<SocketAddr>>();
    from.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| {
        info.0.ip().to_canonical()
    })
}

impl FromRequestParts<App> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> std::result::Result<Self, Infallible> {
        let trusted = &app.config.trusted_proxies;
        Ok(Self(client(peer(&parts.extensions), &parts.headers, trusted)))
    }
}
