//! The demo district, and what survives a restart.

use protocol::api::ChapterKind;
use protocol::signal::{LessonState, Recording, RecordingState};
use server::store::LessonFilter;
use time::Duration;

use crate::harness::{MORNING, Server};

#[tokio::test(flavor = "multi_thread")]
async fn seeding_again_changes_nothing_and_codes_are_for_classrooms_that_wait() {
    let server = Server::start().await;
    let demo = server.demo_lesson();
    let services = &server.running.app.services;
    let before = services
        .lessons
        .list(&LessonFilter::default())
        .await
        .expect("lessons")
        .len();
    assert_eq!(server.running.demo.as_ref().expect("a demo").codes.len(), 3);
    server.paired(0).await;
    let data = server.stop().await;
    let server = Server::start_in(data, MORNING + Duration::minutes(5)).await;
    let services = &server.running.app.services;
    assert_eq!(server.demo_lesson(), demo);
    assert_eq!(
        services
            .lessons
            .list(&LessonFilter::default())
            .await
            .expect("lessons")
            .len(),
        before
    );
    assert_eq!(server.running.demo.as_ref().expect("a demo").codes.len(), 2);
    // Another day has lessons too, and a demo lesson that is on.
    let data = server.stop().await;
    let server = Server::start_in(data, MORNING + Duration::days(3)).await;
    let services = &server.running.app.services;
    assert!(
        services
            .lessons
            .list(&LessonFilter::default())
            .await
            .expect("lessons")
            .len()
            > before
    );
    let row = services
        .lessons
        .get(server.demo_lesson())
        .await
        .expect("a lesson");
    assert!(row.state == LessonState::Open && row.ends_at > services.clock.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lesson_that_was_live_is_live_after_a_restart() {
    let server = Server::start().await;
    let demo = server.demo_lesson();
    let services = &server.running.app.services;
    services.lessons.start(demo, MORNING).await.expect("a step");
    let device = server.paired(0).await;
    let data = server.stop().await;
    let server = Server::start_in(data, MORNING + Duration::minutes(1)).await;
    let row = server
        .running
        .app
        .services
        .lessons
        .get(demo)
        .await
        .expect("a lesson");
    assert_eq!((row.state, row.live_since), (LessonState::Live, Some(MORNING)));
    assert_eq!(server.demo_lesson(), demo);
    // The device is still paired, at the server's new address.
    let mut device = device.at(&server);
    assert_eq!(
        device.get("/api/v1/terminal").await.body["current"]["state"],
        "live"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_demo_follows_the_demo_lesson_and_opens_the_replay_of_the_last() {
    let server = Server::start().await;
    let services = &server.running.app.services;
    let args = server::config::TokenArgs {
        data: server.data.path().to_owned(),
        lesson: "demo".to_owned(),
        role: server::config::TokenRole::Teacher,
        hours: 1,
    };
    let token = server::service::tokens::for_tool(&args, MORNING)
        .await
        .expect("a token");
    let first = server.demo_lesson();
    assert_eq!(
        services.tokens.verify(&token, MORNING).expect("valid").lesson,
        first
    );
    services.lessons.start(first, MORNING).await.expect("a step");
    services.lessons.end(first, MORNING).await.expect("a step");
    let second = server.demo_lesson();
    assert_eq!(
        services.tokens.verify(&token, MORNING).expect("valid").lesson,
        second
    );
    assert_eq!(services.lessons.resolve_replay("demo").expect("a lesson"), first);
    for lesson in [first, second] {
        assert_eq!(services.tokens.verify_replay(lesson, &token, MORNING), Ok(()));
    }
    assert!(
        services
            .tokens
            .verify_replay(protocol::id::LessonId::new(), &token, MORNING)
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_becomes_chapters_in_class_time() {
    let server = Server::start().await;
    let services = &server.running.app.services;
    let demo = server.demo_lesson();
    let classroom = services.lessons.attendees(demo).await.expect("classrooms")[0].id;
    services.lessons.start(demo, MORNING).await.expect("a step");
    let hand = server::domain::event::EventKind::HandRaised;
    services
        .events
        .log(hand, Some(demo), classroom, MORNING + Duration::seconds(7))
        .await
        .expect("a row");
    services
        .lessons
        .end(demo, MORNING + Duration::seconds(60))
        .await
        .expect("a step");
    let epoch_us = u64::try_from(server::store::us(MORNING + Duration::seconds(1))).expect("after 1970");
    let chapters = services.events.chapters(demo, epoch_us).await.expect("chapters");
    let told: Vec<_> = chapters
        .iter()
        .map(|one| (one.at_ms, one.kind, one.classroom.is_some()))
        .collect();
    assert_eq!(
        told,
        [
            (0, ChapterKind::Live, false),
            (6_000, ChapterKind::HandRaised, true),
            (59_000, ChapterKind::End, false)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_are_found_by_words_and_filters() {
    let server = Server::start().await;
    let services = &server.running.app.services;
    let demo = server.demo_lesson();
    let recording = Recording {
        state: RecordingState::Finished,
        bytes: 1_000,
        duration_ms: 60_000,
    };
    services.library.note(demo, 1, recording).await.expect("a row");
    let mut researcher = server.signed_in("researcher").await;
    for (query, found) in [
        ("", 1),
        ("?search=%E5%88%86%E6%95%B0%20%E6%95%B0%E5%AD%A6", 1),
        ("?search=nothing", 0),
        ("?subject=%E6%95%B0%E5%AD%A6&grade=", 1),
        ("?subject=x", 0),
        ("?page=2&sort=longest", 1),
    ] {
        let answer = researcher.get(&format!("/api/v1/recordings{query}")).await;
        assert_eq!(answer.body["total"], found, "{query} {:?}", answer.body);
    }
    let answer = researcher.get("/api/v1/recordings").await;
    assert_eq!(answer.body["facets"]["subjects"], serde_json::json!(["数学"]));
    assert_eq!(answer.body["recordings"][0]["state"], "finished");
    assert_eq!(researcher.get("/api/v1/recordings?sort=wrong").await.status, 400);
    let long = format!("/api/v1/recordings?search={}", "x".repeat(101));
    researcher.get(&long).await.is(422, "invalid");
    server
        .client()
        .get("/api/v1/recordings")
        .await
        .is(401, "signed_out");
}
