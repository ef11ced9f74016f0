//! What WHIP (RFC 9725) and WHEP have in common: bearer token, SDP in and out, a session with an ETag, ICE restarts.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::id::LessonId;
use protocol::signal::ErrorCode;
use sfu::EngineError;
use tower_http::cors::{Any, CorsLayer};

use super::error::refusal;
use crate::room::Refusal;
use crate::room::tools::Sections;
use crate::rooms::sessions::{Kind, Session};
use crate::rooms::{Command, Rooms, refusal_of};
use crate::service::Error;
use crate::service::lessons::joinable;
use crate::service::tokens::{JoinClaims, TokenError};

/// Longest SDP.
pub(super) const BODY_MAX: usize = 64 << 10;
const SDP: &str = "application/sdp";
/// RFC 8840 §9.
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// Players and publishers on other origins: any, as no cookie counts here.
pub(super) fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST, Method::PATCH, Method::DELETE, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_MATCH])
        .expose_headers([
            header::LOCATION,
            header::ETAG,
            HeaderName::from_static("accept-patch"),
        ])
        .max_age(std::time::Duration::from_hours(24))
}

/// `OPTIONS` of an address that is no preflight.
pub(super) async fn options() -> Response {
    (StatusCode::NO_CONTENT, [("accept-post", SDP)]).into_response()
}

/// An offer that may be looked at: who sends it, for which lesson.
pub(super) struct Offer {
    pub(super) lesson: LessonId,
    pub(super) claims: JoinClaims,
    pub(super) sdp: String,
}

/// Checks a `POST`: token, lesson, content type.
pub(super) fn offer(
    rooms: &Rooms,
    lesson: &str,
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
        }),
        _ => Err(Box::new(refusal(
            StatusCode::BAD_REQUEST,
            "sdp",
            "the body is no SDP offer",
        ))),
    }
}

/// That the lesson is not over by its row: its room hears of an end a moment later.
pub(super) async fn still_on(rooms: &Rooms, lesson: LessonId) -> Result<(), Error> {
    match joinable(rooms.services().lessons.get(lesson).await?.state) {
        // When it opens is the room's to say.
        Err(Error::NotOpen) => Ok(()),
        other => other,
    }
}

/// A use case's refusal in the statuses of WHIP and WHEP.
pub(super) fn failed(error: Error) -> Response {
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
pub(super) fn refused(refused: Refusal) -> Response {
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

/// `201 Created`: the answer and the session's address.
pub(super) fn created(rooms: &Rooms, session: Session, offer: &str, answer: String) -> Response {
    let (kind, lesson, etag) = (session.kind, session.lesson, tag(&session.ice_session));
    let client_ufrag = ufrag(offer).unwrap_or_default().to_owned();
    let secret = rooms.sessions().add(Session {
        client_ufrag,
        ..session
    });
    let location = format!("/{}/{lesson}/{secret}", kind.word());
    let headers = [
        (header::CONTENT_TYPE, SDP.to_owned()),
        (header::LOCATION, location),
        (header::ETAG, etag),
        (HeaderName::from_static("accept-patch"), FRAGMENT.to_owned()),
    ];
    (StatusCode::CREATED, headers, answer).into_response()
}

fn tag(ice_session: &str) -> String {
    format!("\"{ice_session}\"")
}

fn no_session() -> Response {
    refusal(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is no such session: it ended, or the server was restarted; send a new offer",
    )
}

/// `DELETE`: the session ends, the lesson does not.
pub(super) async fn end(rooms: &Rooms, kind: Kind, secret: &str) -> Response {
    let Some(session) = rooms.sessions().get(kind, secret) else {
        return no_session();
    };
    rooms.sessions().forget(session.peer);
    match rooms
        .tell(session.lesson, Command::ToolEnded { peer: session.peer })
        .await
    {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => error.into_response(),
    }
}

/// `PATCH`: candidates or an ICE restart (RFC 9725 §4.3).
pub(super) async fn patch(
    rooms: &Rooms,
    kind: Kind,
    secret: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    let Some(session) = rooms.sessions().get(kind, secret) else {
        return no_session();
    };
    if !is(headers, FRAGMENT) {
        let what = format!("only {FRAGMENT} is patched");
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_type", what);
    }
    let Some(matches) = headers.get(header::IF_MATCH) else {
        let what =
            "say which ICE session is meant: If-Match with the session's ETag, or * for an ICE restart";
        return refusal(StatusCode::PRECONDITION_REQUIRED, "if_match_required", what);
    };
    let current = tag(&session.ice_session);
    let named = matches.to_str().is_ok_and(|value| {
        value
            .split(',')
            .any(|one| [current.as_str(), "*"].contains(&one.trim()))
    });
    if !named {
        return refusal(
            StatusCode::PRECONDITION_FAILED,
            "ice_session_gone",
            "this ICE session was replaced by a newer one",
        );
    }
    let Ok(fragment) = std::str::from_utf8(body) else {
        return refusal(StatusCode::BAD_REQUEST, "sdp", "the body is no SDP fragment");
    };
    match ufrag(fragment) {
        Some(fresh) if fresh != session.client_ufrag => {
            restart(rooms, secret, &session, fragment, fresh).await
        }
        // Candidates: an ICE-lite server needs none, it answers the client's checks.
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn restart(
    rooms: &Rooms,
    secret: &str,
    session: &Session,
    fragment: &str,
    client_ufrag: &str,
) -> Response {
    match rooms
        .engine()
        .restart_ice(session.peer, fragment.to_owned())
        .await
    {
        Ok((answer, ice_session)) => {
            let etag = HeaderValue::from_str(&tag(&ice_session));
            rooms
                .sessions()
                .restarted(secret, ice_session, client_ufrag.to_owned());
            let mut response = (StatusCode::OK, [(header::CONTENT_TYPE, FRAGMENT)], answer).into_response();
            if let Ok(etag) = etag {
                response.headers_mut().insert(header::ETAG, etag);
            }
            response
        }
        Err(error) => unusable(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
