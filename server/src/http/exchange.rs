//! What WHIP (RFC 9725) and WHEP have in common: bearer token, SDP in and out, a session with an ETag, ICE restarts.

mod session;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::id::LessonId;
use protocol::signal::ErrorCode;
use sfu::EngineError;

use super::error::refusal;
use crate::room::Refusal;
use crate::room::tools::Sections;
use crate::rooms::{Rooms, refusal_of};
use crate::service::Error;
use crate::service::relay::Door;
use crate::service::tokens::{JoinClaims, TokenError};

pub(super) use session::{answered, planned, routes};

/// Longest SDP.
const BODY_MAX: usize = 64 << 10;
const SDP: &str = "application/sdp";
/// RFC 8840 §9.
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// An offer that may be looked at: who sends it, for which lesson.
pub(super) struct Offer {
    pub(super) lesson: LessonId,
    pub(super) claims: JoinClaims,
    pub(super) sdp: String,
    pub(super) door: Door,
}

/// Checks a `POST`: token, lesson, content type.
fn offer(
    rooms: &Rooms,
    lesson: &str,
    door: Door,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Offer, Box<Response>> {
    let refused = |error: Error| Box::new(error.into_response());
    let services = rooms.services();
    let claims = bearer(headers)
        .ok_or(TokenError::Invalid)
        .and_then(|token| services.tokens.verify(token, services.clock.now()))
        .map_err(|error| refused(error.into()))?;
    let lesson = services.lessons.resolve(lesson).map_err(refused)?;
    if claims.lesson != lesson {
        return Err(refused(Error::Forbidden("the token is for another lesson")));
    }
    if !is(headers, SDP) {
        let what = "send the offer as application/sdp";
        return Err(Box::new(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "wrong_type",
            what,
        )));
    }
    match std::str::from_utf8(body) {
        Ok(sdp) if !sdp.trim().is_empty() => Ok(Offer {
            lesson,
            claims,
            sdp: sdp.to_owned(),
            door,
        }),
        _ => Err(Box::new(refusal(
            StatusCode::BAD_REQUEST,
            "sdp",
            "the body is no SDP offer",
        ))),
    }
}

/// A use case's refusal in the statuses of WHIP and WHEP.
fn failed(error: Error) -> Response {
    match error {
        Error::LessonOver | Error::LessonCancelled => refused(refusal_of(&error)),
        other => other.into_response(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the body is of a type; parameters do not count.
fn is(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
}

/// How many sections of each kind an offer has.
pub(super) fn sections(sdp: &str) -> Sections {
    let count = |kind: &str| sdp.lines().filter(|line| line.starts_with(kind)).count();
    Sections {
        audio: count("m=audio "),
        video: count("m=video "),
    }
}

/// The client's ICE user fragment, which changes with an ICE restart (RFC 8839 §5.4).
fn ufrag(sdp: &str) -> Option<&str> {
    sdp.lines()
        .find_map(|line| line.trim_end().strip_prefix("a=ice-ufrag:"))
}

/// What the room refused.
fn refused(refused: Refusal) -> Response {
    let (status, code) = match refused.code {
        ErrorCode::NoLesson => (StatusCode::NOT_FOUND, "not_found"),
        ErrorCode::NotOpen => (StatusCode::CONFLICT, "not_open"),
        ErrorCode::TeacherPresent => (StatusCode::CONFLICT, "teacher_present"),
        ErrorCode::Ended => (StatusCode::GONE, "ended"),
        ErrorCode::Cancelled => (StatusCode::GONE, "cancelled"),
        ErrorCode::Full => (StatusCode::SERVICE_UNAVAILABLE, "full"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    refusal(status, code, refused.message)
}

/// What the engine refused.
pub(super) fn unusable(error: &EngineError) -> Response {
    let (status, code) = match error {
        EngineError::Sdp(_) => (StatusCode::BAD_REQUEST, "sdp"),
        EngineError::Unusable(_) => (StatusCode::NOT_ACCEPTABLE, "no_usable_codec"),
        EngineError::Unknown(_) | EngineError::Stale => (StatusCode::NOT_FOUND, "not_found"),
        EngineError::Full(_) | EngineError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "full"),
    };
    refusal(status, code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn sections_and_fragments_are_found_in_sdp() {
        let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n\
                   m=video 9 UDP/TLS/RTP/SAVPF 96\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
        assert_eq!(sections(sdp), Sections { audio: 1, video: 2 });
        assert_eq!(ufrag(sdp), Some("abcd"));
        assert_eq!(ufrag("v=0\r\n"), None);
    }

    #[test]
    fn the_type_counts_without_its_parameters() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
        };
        assert!(is(&headers("application/sdp; charset=utf-8"), SDP));
        assert!(is(&headers("Application/SDP"), SDP));
        assert!(!is(&headers("text/plain"), SDP));
        assert!(!is(&HeaderMap::new(), SDP));
    }

    #[test]
    fn the_bearer_scheme_has_no_case() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))])
        };
        assert_eq!(bearer(&headers("bearer x.y.z")), Some("x.y.z"));
        assert_eq!(bearer(&headers("Basic x")), None);
        assert_eq!(bearer(&headers("Bearer")), None);
    }
}
