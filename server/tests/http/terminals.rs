//! Pairing, what a terminal is told, revoking.

use protocol::api::TerminalState;
use serde_json::json;

use crate::harness::{MINUTE, Server, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_pairs_one_device_once() {
    let server = Server::start().await;
    let code = server.code(0);
    let mut client = server.client();
    client.get("/api/v1/terminal").await.is(401, "not_paired");
    let answer = client.pair(&code).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["current"]["id"], json!(server.demo_lesson()));
    assert!(
        answer.headers["set-cookie"]
            .to_str()
            .expect("text")
            .contains("HttpOnly")
    );
    assert_eq!(
        client.get("/api/v1/terminal").await.body["classroom"]["name"],
        "三年级(2)班"
    );
    server.client().pair(&code).await.is(403, "wrong_code");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_are_bounded() {
    let server = Server::start().await;
    let mut client = server.client();
    for code in ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦"] {
        client.pair(code).await.is(403, "wrong_code");
    }
    for _ in 0..5 {
        client.pair("12345x").await.is(403, "wrong_code");
    }
    client.pair(&server.code(0)).await.is(429, "too_many");
    server.clock.advance(MINUTE * 11);
    assert_eq!(client.pair(&server.code(0)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_terminal_is_out_everywhere() {
    let server = Server::start().await;
    let mut device = server.paired(0).await;
    let grant = device.post("/api/v1/lessons/demo/join", json!({})).await;
    let token = grant.body["token"].as_str().expect("a token").to_owned();
    let events = device.stream("/api/v1/terminal/events").await;
    let mut admin = server.signed_in("admin").await;
    let rooms = admin.get("/api/v1/classrooms").await;
    let rooms = rooms.body.as_array().expect("a list").clone();
    assert_eq!(rooms.len(), 3);
    let paired = rooms
        .iter()
        .find(|room| room["terminals"][0]["id"].is_string())
        .expect("a paired classroom");
    assert!(paired["pairing_code"].is_null());
    let id = paired["terminals"][0]["id"].as_str().expect("an id");
    assert_eq!(admin.delete(&format!("/api/v1/terminals/{id}")).await.status, 204);
    device.get("/api/v1/terminal").await.is(401, "not_paired");
    device
        .post("/api/v1/lessons/demo/join", json!({}))
        .await
        .is(401, "signed_out");
    let tokens = &server.running.app.services.tokens;
    let now = server.running.app.services.clock.now();
    assert_eq!(
        tokens.verify(&token, now).expect_err("revoked"),
        server::service::tokens::TokenError::Revoked
    );
    assert_eq!(server.told.revoked.lock().expect("no panic").len(), 1);
    // The event stream ends.
    let ended = tokio::time::timeout(std::time::Duration::from_secs(60), events.text()).await;
    assert!(ended.expect("ends").expect("text").contains("event: state"));
    admin
        .delete(&format!("/api/v1/terminals/{id}"))
        .await
        .is(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_code_takes_the_place_of_the_one_before_and_only_administrators_see_codes() {
    let server = Server::start().await;
    let mut admin = server.signed_in("admin").await;
    let rooms = admin.get("/api/v1/classrooms").await.body;
    let room = rooms
        .as_array()
        .expect("a list")
        .iter()
        .find(|room| room["pairing_code"] == json!(server.code(1)));
    let id = room.expect("the second classroom")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/api/v1/classrooms/{id}/pairing-code");
    let fresh = admin.post(&path, json!({})).await.body["pairing_code"]
        .as_str()
        .expect("a code")
        .to_owned();
    if fresh != server.code(1) {
        server.client().pair(&server.code(1)).await.is(403, "wrong_code");
    }
    assert_eq!(server.client().pair(&fresh).await.status, 200);
    for account in ["teacher", "researcher"] {
        let mut other = server.signed_in(account).await;
        other.get("/api/v1/classrooms").await.is(403, "forbidden");
        other.post(&path, json!({})).await.is(403, "forbidden");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_told_at_once_and_on_every_change() {
    let server = Server::start().await;
    let device = server.paired(0).await;
    let mut stream = device.stream("/api/v1/terminal/events").await;
    let first = next_state(&mut stream).await;
    let demo = server.demo_lesson();
    assert_eq!(first.current.expect("a lesson").id, demo);
    let services = &server.running.app.services;
    services
        .lessons
        .start(demo, services.clock.now())
        .await
        .expect("a step");
    let live = next_state(&mut stream).await;
    assert_eq!(
        live.current.expect("a lesson").state,
        protocol::signal::LessonState::Live
    );
    services
        .lessons
        .end(demo, services.clock.now())
        .await
        .expect("a step");
    let after = next_state(&mut stream).await;
    assert_ne!(after.current.expect("the next demo lesson").id, demo);
}

async fn next_state(stream: &mut reqwest::Response) -> TerminalState {
    let patience = std::time::Duration::from_secs(60);
    let chunk = tokio::time::timeout(patience, stream.chunk())
        .await
        .expect("in time")
        .expect("a chunk");
    let chunk = chunk.expect("an event");
    let text = String::from_utf8(chunk.to_vec()).expect("text");
    let data = text
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .expect("data");
    serde_json::from_str(data).expect("a state")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_gives_up_its_pairing_is_unpaired() {
    let server = Server::start().await;
    let mut device = server.paired(0).await;
    let before = device.clone();
    assert_eq!(device.delete("/api/v1/terminal").await.status, 204);
    before.clone().get("/api/v1/terminal").await.is(401, "not_paired");
    until("the rooms are told", async || {
        server.told.revoked.lock().expect("no panic").len() == 1
    })
    .await;
}
