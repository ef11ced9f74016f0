//! Signing in and out.

use crate::harness::{MINUTE, MORNING, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_is_known_and_signs_out() {
    let server = Server::start().await;
    let mut client = server.client();
    client.get("/api/v1/session").await.is(401, "signed_out");
    let answer = client.sign_in("teacher", "tongke-teacher").await;
    let cookie = answer.headers["set-cookie"].to_str().expect("text").to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let known = client.get("/api/v1/session").await;
    assert_eq!(known.body["user"]["account"], "teacher");
    assert_eq!(known.body["user"]["roles"], serde_json::json!(["teacher"]));
    assert_eq!(known.body["demo"], true);
    let old = client.clone();
    assert_eq!(client.delete("/api/v1/session").await.status, 204);
    client.get("/api/v1/session").await.is(401, "signed_out");
    old.clone().get("/api/v1/session").await.is(401, "signed_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_expires() {
    let server = Server::start().await;
    let mut client = server.signed_in("teacher").await;
    server.clock.advance(time::Duration::hours(336));
    client.get("/api/v1/session").await.is(401, "signed_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn which_of_account_and_password_is_wrong_is_not_told_and_failures_are_bounded() {
    let server = Server::start().await;
    let mut client = server.client();
    let unknown = client.sign_in("nobody", "x").await;
    let wrong = client.sign_in("teacher", "x").await;
    unknown.is(401, "wrong_password");
    assert_eq!(unknown.body, wrong.body);
    for _ in 0..4 {
        client.sign_in("teacher", "x").await.is(401, "wrong_password");
    }
    let refused = client.sign_in("teacher", "tongke-teacher").await;
    refused.is(429, "too_many");
    assert!(refused.headers.contains_key("retry-after"));
    // Others behind the same address are not locked out.
    assert_eq!(
        client.sign_in("researcher", "tongke-researcher").await.status,
        200
    );
    server.clock.advance(MINUTE * 6);
    assert_eq!(client.sign_in("teacher", "tongke-teacher").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_failures_are_bounded_by_who_asks() {
    let data = tempfile::tempdir().expect("a directory");
    let server = Server::start_with(data, MORNING, |config| {
        config.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
    })
    .await;
    let mut school = server.client().with("x-forwarded-for", "203.0.113.5");
    for _ in 0..5 {
        school.sign_in("teacher", "x").await.is(401, "wrong_password");
    }
    school
        .sign_in("teacher", "tongke-teacher")
        .await
        .is(429, "too_many");
    let mut other = server.client().with("x-forwarded-for", "203.0.113.6");
    assert_eq!(other.sign_in("teacher", "tongke-teacher").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_cannot_use_the_cookie() {
    let server = Server::start().await;
    let client = server.signed_in("teacher").await;
    let path = "/api/v1/lessons/demo/join";
    let mut elsewhere = client.clone().with("origin", "https://elsewhere.example");
    elsewhere
        .post(path, serde_json::json!({}))
        .await
        .is(403, "cross_origin");
    let mut here = client.with("origin", format!("http://{}", server.running.http));
    assert_eq!(here.post(path, serde_json::json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_and_never_fails_the_server() {
    let server = Server::start().await;
    let mut client = server.client();
    for body in [
        serde_json::json!({}),
        serde_json::json!([1]),
        serde_json::json!({ "account": 1 }),
    ] {
        let status = client.post("/api/v1/session", body).await.status;
        assert!(status.is_client_error(), "{status}");
    }
    let long = "x".repeat(300 * 1024);
    assert_eq!(client.sign_in("teacher", &long).await.status, 413);
    client.get("/api/v1/nowhere").await.is(404, "not_found");
}
