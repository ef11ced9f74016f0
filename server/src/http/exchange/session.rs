//! What WHIP and WHEP do alike with a session, from the `POST` that begins it to the `DELETE` that ends it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{patch, post};
use protocol::id::{LessonId, PeerId};
use protocol::signal::IceServer;
use sfu::{Answer, EngineError};
use tokio::sync::oneshot;
use tower_http::cors::{Any, CorsLayer};

use super::{BODY_MAX, FRAGMENT, Offer, SDP, failed, is, offer, refused, ufrag, unusable};
use crate::http::error::refusal;
use crate::room::Refusal;
use crate::rooms::sessions::{Kind, Session};
use crate::rooms::{Command, Rooms};
use crate::service::Error;
use crate::service::lessons::joinable;
use crate::service::relay::{Door, FOR_A_JOIN};

/// The routes of WHIP or of WHEP; `begin` answers an offer whose token, lesson and type are good.
pub(in crate::http) fn routes<F, A>(rooms: Rooms, kind: Kind, begin: F) -> Router
where
    F: Fn(Rooms, Offer) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response, Error>> + Send,
{
    let word = kind.word();
    let begin = move |State(rooms): State<Rooms>,
                      Path(lesson): Path<String>,
                      door: Door,
                      headers: HeaderMap,
                      body: Bytes| async move {
        match offer(&rooms, &lesson, door, &headers, &body) {
            Ok(offer) => match still_on(&rooms, offer.lesson).await {
                Ok(()) => begin(rooms, offer).await.unwrap_or_else(failed),
                Err(error) => failed(error),
            },
            Err(refused) => *refused,
        }
    };
    let change =
        move |State(rooms): State<Rooms>,
              Path((_, secret)): Path<(String, String)>,
              headers: HeaderMap,
              body: Bytes| async move { change(&rooms, kind, &secret, &headers, &body).await };
    let end = move |State(rooms): State<Rooms>, Path((_, secret)): Path<(String, String)>| async move {
        end(&rooms, kind, &secret).await
    };
    Router::new()
        .route(&format!("/{word}/{{lesson}}"), post(begin).options(options))
        .route(
            &format!("/{word}/{{lesson}}/{{session}}"),
            patch(change).delete(end).options(options),
        )
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(cors())
        .with_state(rooms)
}

/// Players and publishers on other origins: any, as no cookie counts here.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST, Method::PATCH, Method::DELETE, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_MATCH])
        .expose_headers([
            header::LOCATION,
            header::ETAG,
            header::LINK,
            HeaderName::from_static("accept-patch"),
        ])
        .max_age(std::time::Duration::from_hours(24))
}

/// `OPTIONS` of an address that is no preflight.
async fn options() -> Response {
    (StatusCode::NO_CONTENT, [("accept-post", SDP)]).into_response()
}

/// That the lesson is not over by its row: its room hears of an end a moment later.
async fn still_on(rooms: &Rooms, lesson: LessonId) -> Result<(), Error> {
    match joinable(rooms.services().lessons.get(lesson).await?.state) {
        // When it opens is the room's to say.
        Err(Error::NotOpen) => Ok(()),
        other => other,
    }
}

/// What the room plans for an offer, or its refusal as a response.
pub(in crate::http) async fn planned<P>(
    plan: oneshot::Receiver<Result<P, Refusal>>,
) -> Result<Result<P, Response>, Error> {
    match plan.await {
        Ok(plan) => Ok(plan.map_err(refused)),
        Err(_) => Err(Error::Internal("the room closed")),
    }
}

/// The end of a `POST`: the engine's answer with the session's address, or why the engine would not have the offer.
pub(in crate::http) async fn answered(
    rooms: &Rooms,
    kind: Kind,
    offer: &Offer,
    peer: PeerId,
    answer: Result<Answer, EngineError>,
) -> Result<Response, Error> {
    match answer {
        Ok(answer) => {
            let session = Session {
                kind,
                lesson: offer.lesson,
                peer,
                ice_session: answer.ice_session,
                client_ufrag: ufrag(&offer.sdp).unwrap_or_default().to_owned(),
            };
            let until = rooms.services().clock.now() + FOR_A_JOIN;
            let relays = rooms.services().relay.servers(&offer.door, peer, until);
            Ok(created(rooms, session, answer.sdp, &relays))
        }
        Err(error) => {
            rooms.tell(offer.lesson, Command::ToolEnded { peer }).await?;
            Ok(unusable(&error))
        }
    }
}

/// `201 Created`: the answer and the session's address.
fn created(rooms: &Rooms, session: Session, answer: String, relays: &[IceServer]) -> Response {
    let (kind, lesson, etag) = (session.kind, session.lesson, tag(&session.ice_session));
    let secret = rooms.sessions().add(session);
    let location = format!("/{}/{lesson}/{secret}", kind.word());
    let headers = [
        (header::CONTENT_TYPE, SDP.to_owned()),
        (header::LOCATION, location),
        (header::ETAG, etag),
        (HeaderName::from_static("accept-patch"), FRAGMENT.to_owned()),
    ];
    let mut response = (StatusCode::CREATED, headers, answer).into_response();
    for link in relays.iter().flat_map(links) {
        response.headers_mut().append(header::LINK, link);
    }
    response
}

/// A relay as RFC 9725 §4.6 says it.
fn links(relay: &IceServer) -> impl Iterator<Item = HeaderValue> {
    let IceServer {
        urls,
        username,
        credential,
    } = relay;
    urls.iter().filter_map(move |url| {
        let link = format!(
            "<{url}>; rel=\"ice-server\"; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\""
        );
        HeaderValue::from_str(&link).ok()
    })
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
async fn end(rooms: &Rooms, kind: Kind, secret: &str) -> Response {
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
async fn change(rooms: &Rooms, kind: Kind, secret: &str, headers: &HeaderMap, body: &Bytes) -> Response {
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
