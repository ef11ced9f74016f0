//! WHIP and WHEP over HTTP. Media itself is tested by the engine and by programs that are not ours.

use protocol::id::{LessonId, UserId};
use protocol::signal::{LessonState, Role, Wish};
use reqwest::{Client, Method, Response, StatusCode};
use server::service::tokens::Seat;

use crate::server_under_test::{Data, Server, publishes};

const WHIP: &str = include_str!("../../../sfu/src/sdp/fixtures/obs_whip.sdp");
const WHEP: &str = include_str!("../../../sfu/src/sdp/fixtures/chromium_whep.sdp");
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

async fn post(server: &Server, path: &str, token: &str, kind: &str, body: &str) -> Response {
    Client::new()
        .post(server.url(path))
        .bearer_auth(token)
        .header("content-type", kind)
        .body(body.to_owned())
        .send()
        .await
        .expect("an answer")
}

async fn patch(server: &Server, location: &str, matches: Option<&str>, kind: &str, body: &str) -> Response {
    let request = Client::new()
        .patch(server.url(location))
        .header("content-type", kind)
        .body(body.to_owned());
    let request = matches
        .iter()
        .fold(request, |request, value| request.header("if-match", *value));
    request.send().await.expect("an answer")
}

fn header(response: &Response, name: &str) -> String {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn tool(server: &Server, role: Role) -> String {
    server.token(role, Seat::Tool("obs".to_owned()))
}

#[tokio::test]
async fn a_player_is_told_of_the_relay() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let token = tool(&server, Role::Observer);
    let without = post(&server, "/whep/demo", &token, "application/sdp", WHEP).await;
    assert_eq!(header(&without, "link"), "", "there is none");
    server.services.relay.open(8443);
    let created = post(&server, "/whep/demo", &token, "application/sdp", WHEP).await;
    let link = header(&created, "link");
    let shape = link.starts_with("<turns:127.0.0.1:8443?transport=tcp>; rel=\"ice-server\"; username=\"")
        && link.contains("\"; credential=\"")
        && link.ends_with("\"; credential-type=\"password\"");
    assert!(shape, "{link}");
    server.stop().await;
}

#[tokio::test]
async fn a_whip_session_from_its_offer_to_its_end() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let token = tool(&server, Role::Teacher);
    let created = post(&server, "/whip/demo", &token, "application/sdp", WHIP).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(header(&created, "content-type"), "application/sdp");
    let (location, etag) = (header(&created, "location"), header(&created, "etag"));
    assert!(
        location.starts_with(&format!("/whip/{}/", server.lesson)) && location.len() > 70,
        "{location}"
    );
    assert!(etag.starts_with('"') && etag.ends_with('"'));
    assert!(created.text().await.expect("an answer").contains("a=ice-lite"));
    let mut watcher = server.join(tool(&server, Role::Observer), Wish::default()).await;
    // It goes live by being published to.
    while watcher.room.as_ref().expect("welcomed").lesson.state != LessonState::Live {
        watcher.next().await.expect("it goes live");
    }

    let second = post(&server, "/whip/demo", &token, "application/sdp", WHIP).await;
    assert_eq!(second.status(), StatusCode::CONFLICT);
    assert!(second.text().await.expect("a body").contains("teacher_present"));

    let restart = "a=ice-ufrag:abcdefgh\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n";
    let table = [
        (None, FRAGMENT, restart, StatusCode::PRECONDITION_REQUIRED),
        (
            Some("\"another\""),
            FRAGMENT,
            restart,
            StatusCode::PRECONDITION_FAILED,
        ),
        (
            Some("*"),
            "application/json",
            "{}",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            Some(etag.as_str()),
            FRAGMENT,
            "a=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\n",
            StatusCode::NO_CONTENT,
        ),
    ];
    for (matches, kind, body, expected) in table {
        assert_eq!(
            patch(&server, &location, matches, kind, body).await.status(),
            expected,
            "{matches:?} {kind}"
        );
    }
    let restarted = patch(&server, &location, Some("*"), FRAGMENT, restart).await;
    assert_eq!(restarted.status(), StatusCode::OK);
    assert_eq!(header(&restarted, "content-type"), FRAGMENT);
    let fresh = header(&restarted, "etag");
    assert!(fresh != etag && !fresh.is_empty());
    assert!(
        restarted
            .text()
            .await
            .expect("a fragment")
            .contains("a=ice-ufrag:")
    );
    let stale = patch(
        &server,
        &location,
        Some(&etag),
        FRAGMENT,
        "a=end-of-candidates\r\n",
    )
    .await;
    assert_eq!(stale.status(), StatusCode::PRECONDITION_FAILED);

    let delete = || Client::new().delete(server.url(&location)).send();
    assert_eq!(delete().await.expect("an answer").status(), StatusCode::OK);
    assert_eq!(delete().await.expect("an answer").status(), StatusCode::NOT_FOUND);
    let again = post(&server, "/whip/demo", &token, "application/sdp", WHIP).await;
    assert_eq!(again.status(), StatusCode::CREATED, "the place is free");
    server.stop().await;
}

#[tokio::test]
async fn what_may_not_publish_is_told_why() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let teacher = tool(&server, Role::Teacher);
    let elsewhere = server.token_for(
        LessonId::new(),
        Role::Teacher,
        Seat::User(UserId::new()),
        time::Duration::HOUR,
    );
    let late = server.token_for(
        server.lesson,
        Role::Teacher,
        Seat::User(UserId::new()),
        -time::Duration::HOUR,
    );
    let deaf = WHIP
        .replace("H264", "H261")
        .replace("opus", "speex")
        .replace("VP8", "H261");
    let sdp = "application/sdp";
    let table = [
        ("/whip/demo", "", sdp, WHIP, StatusCode::UNAUTHORIZED),
        ("/whip/demo", late.as_str(), sdp, WHIP, StatusCode::UNAUTHORIZED),
        (
            "/whip/demo",
            &tool(&server, Role::Classroom),
            sdp,
            WHIP,
            StatusCode::FORBIDDEN,
        ),
        ("/whip/demo", &elsewhere, sdp, WHIP, StatusCode::FORBIDDEN),
        ("/whip/nothing", &teacher, sdp, WHIP, StatusCode::NOT_FOUND),
        (
            "/whip/demo",
            &teacher,
            "application/json",
            WHIP,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        ("/whip/demo", &teacher, sdp, "", StatusCode::BAD_REQUEST),
        ("/whip/demo", &teacher, sdp, "hello", StatusCode::BAD_REQUEST),
        ("/whip/demo", &teacher, sdp, &deaf, StatusCode::NOT_ACCEPTABLE),
    ];
    for (path, token, kind, body, expected) in table {
        let answer = post(&server, path, token, kind, body).await;
        assert_eq!(answer.status(), expected, "{path} {kind}");
        let text = answer.text().await.expect("a body");
        assert!(
            text.contains("\"code\"") && text.contains("\"message\""),
            "{text}"
        );
    }
    server
        .services
        .lessons
        .end(server.lesson, time::OffsetDateTime::now_utc())
        .await
        .expect("ended");
    let path = format!("/whip/{}", server.lesson);
    assert_eq!(
        post(&server, &path, &teacher, sdp, WHIP).await.status(),
        StatusCode::GONE
    );
    server.stop().await;
}

#[tokio::test]
async fn a_player_watches_and_is_counted_when_it_is_there() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let desk = server.join(server.teacher(), publishes()).await;
    let created = post(
        &server,
        "/whep/demo",
        &tool(&server, Role::Observer),
        "application/sdp",
        WHEP,
    )
    .await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let location = header(&created, "location");
    let answer = created.text().await.expect("an answer");
    assert!(
        answer.contains("a=sendonly") || answer.contains("a=sendrecv"),
        "{answer}"
    );
    assert!(
        server
            .rooms
            .metrics_text()
            .contains("tongke_tool_sessions{kind=\"whep\"} 1")
    );
    let ended = Client::new()
        .delete(server.url(&location))
        .send()
        .await
        .expect("an answer");
    assert_eq!(ended.status(), StatusCode::OK);
    desk.close().await;
    server.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_may_ask() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let preflight = Client::new()
        .request(Method::OPTIONS, server.url("/whep/demo"))
        .header("origin", "https://player.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
        .expect("an answer");
    assert!(preflight.status().is_success());
    assert_eq!(header(&preflight, "access-control-allow-origin"), "*");
    assert_eq!(header(&preflight, "access-control-allow-credentials"), "");
    let token = tool(&server, Role::Observer);
    let created = Client::new()
        .post(server.url("/whep/demo"))
        .bearer_auth(token)
        .header("origin", "https://player.example")
        .header("content-type", "application/sdp")
        .body(WHEP)
        .send()
        .await
        .expect("an answer");
    let exposed = header(&created, "access-control-expose-headers");
    assert!(
        exposed.contains("location") && exposed.contains("etag"),
        "{exposed}"
    );
    server.stop().await;
}
