//! The client's half of `/signal` (docs/PROTOCOL.md): one WebSocket, JSON text messages.

pub mod sections;

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use protocol::signal::{ClientMessage, ErrorCode, ServerMessage};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::peer::setup::Setup;
use crate::server::Wire;

/// A socket that is not open after so long is given up.
const OPEN_MAX: Duration = Duration::from_secs(10);
/// The server pings every 3 s: a socket that says nothing for so long is dead.
const SILENCE_MAX: Duration = Duration::from_secs(9);
/// The longest message a server sends: an offer with some hundred sections.
const MESSAGE_MAX: usize = 4 << 20;
/// How long the goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// Why there is no socket, or no more.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// The server cannot be reached, or is not trusted.
    #[error("the server cannot be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    /// What answers is no signalling server, or the line broke.
    #[error("the signalling socket failed: {0}")]
    Socket(#[from] Box<tungstenite::Error>),
    /// Nothing was heard for too long.
    #[error("the server says nothing any more")]
    Silent,
    /// The server closed the socket.
    #[error("the server closed the signalling socket")]
    Closed,
    /// The server said something that cannot be read.
    #[error("the server's message cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The server said no for good.
    #[error("the server refused: {code:?}: {message}{}", advice(*code))]
    Refused {
        /// Why.
        code: ErrorCode,
        /// In its words.
        message: String,
    },
}

impl SignalError {
    /// Whether saying the same again can help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused { code, .. } => matches!(
                code,
                ErrorCode::NotOpen | ErrorCode::Full | ErrorCode::TooFast | ErrorCode::Internal
            ),
            _ => true,
        }
    }
}

/// What to do about a refusal, where the server's words do not say it.
fn advice(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::SeatTaken => {
            ". A terminal's or a person's token has one seat only; in one of `tongke token --role classroom` \
             (or observer) every classroom of this program has a seat of its own"
        }
        ErrorCode::TeacherPresent | ErrorCode::Forbidden => {
            ". Attending needs a token of `tongke token --role classroom` (or observer)"
        }
        ErrorCode::TokenInvalid | ErrorCode::TokenExpired => {
            ". Take another with `tongke token --data DIR --lesson ID --role classroom`, with the server's own DIR"
        }
        _ => "",
    }
}

/// A socket.
pub struct Socket {
    stream: WebSocketStream<Box<dyn Wire>>,
    /// When the server was last heard.
    heard: Instant,
}

impl Socket {
    /// Opens a socket.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, is not trusted, or does not speak WebSocket.
    pub async fn open(setup: &Setup) -> Result<Self, SignalError> {
        let bound = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_MAX))
            .max_frame_size(Some(MESSAGE_MAX));
        let opened = async {
            let wire = setup.connect().await?;
            let url = setup.server.socket_at(&["signal"]);
            let (stream, _) = client_async_with_config(url.as_str(), wire, Some(bound))
                .await
                .map_err(Box::new)?;
            Ok(Self {
                stream,
                heard: Instant::now(),
            })
        };
        timeout(OPEN_MAX, opened)
            .await
            .unwrap_or(Err(SignalError::Silent))
    }

    /// Says something.
    ///
    /// # Errors
    ///
    /// When the line is gone.
    pub async fn say(&mut self, message: &ClientMessage) -> Result<(), SignalError> {
        let text = serde_json::to_string(message)?;
        timeout(SILENCE_MAX, self.stream.send(Message::text(text)))
            .await
            .map_err(|_| SignalError::Silent)?
            .map_err(|error| Box::new(error).into())
    }

    /// Hears the next message. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    ///
    /// When the line is gone or silent, or the server refuses for good.
    pub async fn hear(&mut self) -> Result<ServerMessage, SignalError> {
        loop {
            let next = timeout_at(self.heard + SILENCE_MAX, self.stream.next());
            let next = next.await.map_err(|_| SignalError::Silent)?;
            self.heard = Instant::now();
            let text = match next {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(_))) | None => return Err(SignalError::Closed),
                Some(Ok(_)) => continue,
                Some(Err(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    return Err(SignalError::Closed);
                }
                Some(Err(error)) => return Err(Box::new(error).into()),
            };
            return match serde_json::from_str(&text)? {
                ServerMessage::Error {
                    code,
                    message,
                    fatal: true,
                    ..
                } => Err(SignalError::Refused { code, message }),
                message => Ok(message),
            };
        }
    }

    /// Leaves: the server is told, and its answer is waited for a moment.
    pub async fn close(mut self) {
        let goodbye = async {
            if self.stream.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.stream.next().await {}
            }
        };
        // Who does not answer the goodbye has lost the line: the server finds out by itself.
        let _ = timeout(GOODBYE_MAX, goodbye).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: ErrorCode) -> SignalError {
        SignalError::Refused {
            code,
            message: "no".to_owned(),
        }
    }

    #[test]
    fn only_what_can_pass_is_tried_again() {
        for code in [ErrorCode::NotOpen, ErrorCode::Full, ErrorCode::Internal] {
            assert!(refused(code).may_pass(), "{code:?}");
        }
        for code in [
            ErrorCode::SeatTaken,
            ErrorCode::TokenExpired,
            ErrorCode::Ended,
            ErrorCode::Version,
        ] {
            assert!(!refused(code).may_pass(), "{code:?}");
        }
        assert!(SignalError::Closed.may_pass() && SignalError::Silent.may_pass());
    }

    #[test]
    fn a_taken_seat_says_which_token_has_more() {
        let text = refused(ErrorCode::SeatTaken).to_string();
        assert!(text.contains("tongke token --role classroom"), "{text}");
    }
}
