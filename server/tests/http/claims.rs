//! Pairing by a code that the device shows: an administrator says where it stands.

use serde_json::{Value, json};
use server::service::claims::{HELD, LASTS, MOST_OPEN, PER_ADDRESS, PER_PERSON, WINDOW};
use time::Duration;

use crate::harness::{Client, Server};

const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");

/// Its code, asked for by the device.
async fn claimed(device: &mut Client) -> String {
    let answer = device.post("/api/v1/terminal/claim", json!({})).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let cookie = answer.headers["set-cookie"].to_str().expect("text");
    assert!(cookie.contains("HttpOnly"), "{cookie}");
    let code = answer.body["code"].as_str().expect("a code").to_owned();
    assert!(
        code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()),
        "{code}"
    );
    code
}

async fn rooms(admin: &mut Client) -> Vec<Value> {
    let rooms = admin.get("/api/v1/classrooms").await.body;
    rooms.as_array().expect("a list").clone()
}

async fn pair(person: &mut Client, code: &str, room: &Value) -> crate::harness::Answer {
    let body = json!({ "classroom": room["id"] });
    person.post(&format!("/api/v1/claims/{code}"), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_waits_is_paired_at_once_and_its_code_is_used_up() {
    let server = Server::start().await;
    let mut device = server.client();
    let code = claimed(&mut device).await;
    let waiting = tokio::spawn(async move {
        let answer = device.get("/api/v1/terminal/claim").await;
        (device, answer)
    });
    let mut admin = server.signed_in("admin").await;
    let rooms = rooms(&mut admin).await;
    let answer = pair(&mut admin, &code, &rooms[1]).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.body["id"], rooms[1]["id"]);
    assert_eq!(answer.body["terminals"].as_array().map(Vec::len), Some(1));
    let (mut device, answer) = waiting.await.expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.body["classroom"]["id"], rooms[1]["id"]);
    let state = device.get("/api/v1/terminal").await;
    assert_eq!(state.body["classroom"]["id"], rooms[1]["id"]);
    pair(&mut admin, &code, &rooms[0]).await.is(403, "wrong_code");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_shows_the_same_code_until_it_lapses() {
    let server = Server::start().await;
    let mut device = server.client();
    let code = claimed(&mut device).await;
    assert_eq!(claimed(&mut device).await, code);
    server.clock.advance(LASTS - Duration::SECOND);
    assert_eq!(claimed(&mut device).await, code);
    server.clock.advance(Duration::SECOND);
    device.get("/api/v1/terminal/claim").await.is(404, "not_found");
    let mut admin = server.signed_in("admin").await;
    let rooms = rooms(&mut admin).await;
    pair(&mut admin, &code, &rooms[0]).await.is(403, "wrong_code");
    let fresh = claimed(&mut device).await;
    assert_eq!(pair(&mut admin, &fresh, &rooms[0]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_given_again_and_a_revoked_device_gets_another_code() {
    let server = Server::start().await;
    let mut device = server.client();
    let code = claimed(&mut device).await;
    let mut admin = server.signed_in("admin").await;
    let rooms = rooms(&mut admin).await;
    let paired = pair(&mut admin, &code, &rooms[0]).await.body;
    let before = device.clone();
    assert_eq!(device.get("/api/v1/terminal/claim").await.status, 200);
    let mut again = before.clone();
    assert_eq!(again.get("/api/v1/terminal/claim").await.status, 200);
    assert_eq!(again.get("/api/v1/terminal").await.status, 200);
    let id = paired["terminals"][0]["id"].as_str().expect("an id");
    assert_eq!(admin.delete(&format!("/api/v1/terminals/{id}")).await.status, 204);
    device.get("/api/v1/terminal/claim").await.is(404, "not_found");
    assert_ne!(claimed(&mut device).await, code);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_pair_and_wrong_codes_are_bounded() {
    let server = Server::start().await;
    let mut device = server.client();
    let code = claimed(&mut device).await;
    let mut admin = server.signed_in("admin").await;
    let rooms = rooms(&mut admin).await;
    pair(&mut server.client(), &code, &rooms[0])
        .await
        .is(401, "signed_out");
    for account in ["teacher", "researcher"] {
        let mut other = server.signed_in(account).await;
        pair(&mut other, &code, &rooms[0]).await.is(403, "forbidden");
    }
    let nowhere = json!({ "id": "0190b6a5-5c00-7000-8000-00000000dead" });
    pair(&mut admin, &code, &nowhere).await.is(404, "not_found");
    for _ in 0..PER_PERSON {
        pair(&mut admin, "12345x", &rooms[0]).await.is(403, "wrong_code");
    }
    pair(&mut admin, &code, &rooms[0]).await.is(429, "too_many");
    server.clock.advance(WINDOW);
    let code = claimed(&mut device).await;
    assert_eq!(pair(&mut admin, &code, &rooms[0]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_one_address_are_bounded() {
    let server = Server::start().await;
    for _ in 0..PER_ADDRESS {
        claimed(&mut server.client()).await;
    }
    let answer = server.client().post("/api/v1/terminal/claim", json!({})).await;
    answer.is(429, "too_many");
    let wait = answer.headers["retry-after"].to_str().expect("text");
    let wait: i64 = wait.parse().expect("seconds");
    assert!(wait <= WINDOW.whole_seconds() + 1, "{wait}");
    server.clock.advance(Duration::seconds(wait));
    claimed(&mut server.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_has_as_long_as_ever_to_hear_of_its_pairing() {
    let server = Server::start().await;
    let mut device = server.client();
    let code = claimed(&mut device).await;
    let mut admin = server.signed_in("admin").await;
    let rooms = rooms(&mut admin).await;
    server.clock.advance(LASTS - Duration::SECOND);
    assert_eq!(pair(&mut admin, &code, &rooms[0]).await.status, 200);
    server.clock.advance(LASTS - Duration::SECOND);
    let before = device.clone();
    assert_eq!(device.get("/api/v1/terminal/claim").await.status, 200);
    server.clock.advance(Duration::SECOND);
    let mut late = before;
    late.get("/api/v1/terminal/claim").await.is(404, "not_found");
    assert_eq!(
        device.get("/api/v1/terminal").await.status,
        200,
        "it stays paired"
    );
}

#[test]
fn the_page_says_the_bounds() {
    let minutes = |time: Duration| format!("{} min", time.whole_minutes());
    let within = |what: &str| format!("{what} in {}", minutes(WINDOW));
    for (bound, is) in [
        ("a code is good for".to_owned(), minutes(LASTS)),
        (
            "after the pairing the device may ask for".to_owned(),
            minutes(LASTS),
        ),
        (
            "the device's question is held for".to_owned(),
            format!("{} s", HELD.whole_seconds()),
        ),
        (within("codes for one address"), PER_ADDRESS.to_string()),
        (within("wrong codes of one administrator"), PER_PERSON.to_string()),
        ("codes that are open at once".to_owned(), MOST_OPEN.to_string()),
    ] {
        let row = format!("| {bound} | {is} |");
        assert!(PROTOCOL.contains(&row), "docs/PROTOCOL.md has no row {row:?}");
    }
}
