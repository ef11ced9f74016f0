//! The one map of errors to HTTP statuses.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::api::ErrorBody;

use crate::service::Error;
use crate::service::tokens::TokenError;

/// Status and code of an error.
fn status_and_code(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::SignedOut => (StatusCode::UNAUTHORIZED, "signed_out"),
        Error::WrongPassword => (StatusCode::UNAUTHORIZED, "wrong_password"),
        Error::NotPaired => (StatusCode::UNAUTHORIZED, "not_paired"),
        Error::WrongCode => (StatusCode::FORBIDDEN, "wrong_code"),
        Error::Token(TokenError::Invalid) => (StatusCode::UNAUTHORIZED, "token_invalid"),
        Error::Token(TokenError::Expired) => (StatusCode::UNAUTHORIZED, "token_expired"),
        Error::Token(TokenError::Revoked) => (StatusCode::UNAUTHORIZED, "revoked"),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
        Error::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
        Error::NotOpen => (StatusCode::CONFLICT, "not_open"),
        Error::LessonOver => (StatusCode::CONFLICT, "ended"),
        Error::LessonCancelled => (StatusCode::CONFLICT, "cancelled"),
        Error::Step(_) => (StatusCode::CONFLICT, "wrong_state"),
        Error::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        Error::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
        Error::Store(_) | Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = status_and_code(&self);
        let message = if status.is_server_error() {
            tracing::error!(error = %self, "a request failed");
            "the server failed; it was logged".to_owned()
        } else {
            self.to_string()
        };
        let mut response = refusal(status, code, message);
        match self {
            Self::TooMany { retry_after_s } => {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
            }
            // RFC 6750 §3: what kind of credential would do.
            Self::Token(_) => {
                let bearer = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
            }
            _ => {}
        }
        response
    }
}

/// A refusal in the form every route has.
#[must_use]
pub fn refusal(status: StatusCode, code: &str, message: impl Into<String>) -> Response {
    (
        status,
        Json(ErrorBody {
            code: code.to_owned(),
            message: message.into(),
        }),
    )
        .into_response()
}
