//! The client's half of WHIP (RFC 9725) and of WHEP, which differ only in the address.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};

use crate::server::Server;

/// Longest body of an error that is shown.
const SHOWN_BODY: usize = 300;

/// Why a session did not come about.
#[derive(Debug, thiserror::Error)]
pub enum WhipError {
    /// The server cannot be reached or broke off.
    #[error("the server cannot be reached: {}", cause(.0))]
    Unreachable(#[from] reqwest::Error),
    /// The server said no.
    #[error("the server answered {status}: {body}")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// What it said.
        body: String,
        /// When it may be asked again.
        retry_after: Option<Duration>,
    },
    /// The server's answer breaks RFC 9725.
    #[error("the server's answer is not WHIP: {0}")]
    Protocol(&'static str),
}

impl WhipError {
    /// Whether asking again can help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::CONFLICT
                            | StatusCode::LOCKED
                            | StatusCode::TOO_EARLY
                            | StatusCode::TOO_MANY_REQUESTS
                            | StatusCode::REQUEST_TIMEOUT
                    )
            }
            Self::Protocol(_) => false,
        }
    }

    /// The wait the server asks for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Which way media flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the server.
    Whip,
    /// From the server.
    Whep,
}

/// Where a lesson is published or watched.
#[derive(Clone, Debug)]
pub struct Endpoint {
    client: Client,
    url: Url,
    token: String,
}

/// A session on the server.
#[derive(Debug)]
pub struct Session {
    client: Client,
    token: String,
    location: Url,
    /// SDP.
    pub answer: String,
}

impl Endpoint {
    /// The endpoint of `lesson` on `server`.
    #[must_use]
    pub fn new(server: &Server, direction: Direction, lesson: &str, token: &str) -> Self {
        let word = match direction {
            Direction::Whip => "whip",
            Direction::Whep => "whep",
        };
        Self {
            client: server.client().clone(),
            url: server.at(&[word, lesson]),
            token: token.to_owned(),
        }
    }

    /// Posts an offer.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, refuses, or does not answer as RFC 9725 says.
    pub async fn post(&self, offer: String) -> Result<Session, WhipError> {
        let response = self
            .client
            .post(self.url.clone())
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/sdp")
            .body(offer)
            .send()
            .await?;
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        if status != StatusCode::CREATED {
            let retry_after = header(RETRY_AFTER)
                .and_then(|value| value.parse().ok())
                .map(Duration::from_secs);
            let body = response.text().await.unwrap_or_default();
            let body = body.chars().take(SHOWN_BODY).collect();
            return Err(WhipError::Refused {
                status,
                body,
                retry_after,
            });
        }
        let location = header(LOCATION).ok_or(WhipError::Protocol("201 without Location"))?;
        let location = self
            .url
            .join(location)
            .map_err(|_| WhipError::Protocol("Location is not an address"))?;
        Ok(Session {
            client: self.client.clone(),
            token: self.token.clone(),
            location,
            answer: response.text().await?,
        })
    }
}

impl Session {
    /// Ends the session; a server that is gone has ended it already.
    pub async fn end(self) {
        if let Err(error) = self.delete().await {
            tracing::debug!(%error, "ending a session");
        }
    }

    /// Ends the session.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses; one that does not know the session any more is fine.
    pub async fn delete(self) -> Result<(), WhipError> {
        let response = self
            .client
            .delete(self.location)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .send()
            .await?;
        let status = response.status();
        if status.is_success() || matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Ok(());
        }
        Err(WhipError::Refused {
            status,
            body: String::new(),
            retry_after: None,
        })
    }
}

/// What is behind an error of the client: it says itself only that something was wrong with an address.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
