//! Who may join and end what; the timetable's clock.

use protocol::signal::LessonState;
use serde_json::{Value, json};
use server::store::{LessonFilter, NewLesson};

use crate::harness::{Client, MINUTE, MORNING, Server, until};

async fn join(client: &mut Client, lesson: &str) -> (u16, String) {
    let answer = client
        .post(&format!("/api/v1/lessons/{lesson}/join"), json!({}))
        .await;
    let word = answer.body["role"].as_str().unwrap_or(answer.code()).to_owned();
    (answer.status.as_u16(), word)
}

/// A lesson of another teacher that only the first classroom attends, open now.
async fn foreign(server: &Server) -> String {
    let services = &server.running.app.services;
    let demo = services
        .lessons
        .get(server.demo_lesson())
        .await
        .expect("a lesson");
    let other = services
        .store
        .user_by_account("teacher-li")
        .await
        .expect("a store")
        .expect("a colleague");
    let course = services
        .store
        .add_course(other.id, demo.school, "音乐", "三年级")
        .await
        .expect("a course");
    let new = NewLesson {
        course,
        teacher: other.id,
        title: "合唱".to_owned(),
        starts_at: MORNING,
        ends_at: MORNING + MINUTE * 40,
        classrooms: demo.classrooms[..1].to_vec(),
    };
    let id = services.store.add_lesson(&new).await.expect("a lesson");
    services.lessons.open(id, MORNING).await.expect("a step");
    id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_joins_in_the_role_that_is_theirs() {
    let server = Server::start().await;
    let foreign = foreign(&server).await;
    let mut teacher = server.signed_in("teacher").await;
    let mut researcher = server.signed_in("researcher").await;
    let mut admin = server.signed_in("admin").await;
    let mut attending = server.paired(0).await;
    let mut elsewhere = server.paired(2).await;
    let mut nobody = server.client();
    let table: [(&mut Client, &str, u16, &str); 11] = [
        (&mut teacher.clone(), "demo", 200, "teacher"),
        (&mut teacher, &foreign, 403, "forbidden"),
        (&mut researcher.clone(), "demo", 200, "observer"),
        (&mut researcher, &foreign, 200, "observer"),
        (&mut admin, &foreign, 200, "observer"),
        (&mut attending.clone(), "demo", 200, "classroom"),
        (&mut attending, &foreign, 200, "classroom"),
        (&mut elsewhere.clone(), "demo", 200, "classroom"),
        (&mut elsewhere, &foreign, 403, "forbidden"),
        (&mut nobody.clone(), "demo", 401, "signed_out"),
        (&mut nobody, "nowhere", 401, "signed_out"),
    ];
    for (client, lesson, status, word) in table {
        assert_eq!(join(client, lesson).await, (status, word.to_owned()), "{lesson}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_both_says_whom_it_asks_as() {
    let server = Server::start().await;
    let mut both = server.paired(0).await;
    both.sign_in("teacher", "tongke-teacher").await;
    assert_eq!(join(&mut both, "demo").await.1, "teacher");
    let mut device = both.with("tongke-as", "terminal");
    assert_eq!(join(&mut device, "demo").await.1, "classroom");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lesson_that_is_not_open_or_over_says_so() {
    let server = Server::start().await;
    let services = &server.running.app.services;
    let filter = LessonFilter {
        states: Some(vec![LessonState::Scheduled]),
        ..LessonFilter::default()
    };
    let scheduled = services.lessons.list(&filter).await.expect("lessons");
    let later = scheduled
        .iter()
        .find(|row| row.classrooms.len() == 3)
        .expect("a lesson of all");
    let mut device = server.paired(0).await;
    assert_eq!(
        join(&mut device, &later.id.to_string()).await,
        (409, "not_open".to_owned())
    );
    let demo = server.demo_lesson();
    services.lessons.end(demo, MORNING).await.expect("a step");
    assert_eq!(
        join(&mut device, &demo.to_string()).await,
        (409, "ended".to_owned())
    );
    services.lessons.cancel(later.id, MORNING).await.expect("a step");
    assert_eq!(
        join(&mut device, &later.id.to_string()).await,
        (409, "cancelled".to_owned())
    );
    let unknown = protocol::id::LessonId::new().to_string();
    assert_eq!(join(&mut device, &unknown).await, (404, "not_found".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_twice_ends_once_and_only_its_teacher_ends_a_lesson() {
    let server = Server::start().await;
    let demo = server.demo_lesson();
    let services = &server.running.app.services;
    services.lessons.start(demo, MORNING).await.expect("a step");
    let end = "/api/v1/lessons/demo/end";
    server
        .signed_in("researcher")
        .await
        .post(end, json!({}))
        .await
        .is(403, "forbidden");
    server
        .paired(0)
        .await
        .post(end, json!({}))
        .await
        .is(401, "signed_out");
    let foreign = foreign(&server).await;
    let mut teacher = server.signed_in("teacher").await;
    teacher
        .post(&format!("/api/v1/lessons/{foreign}/end"), json!({}))
        .await
        .is(403, "forbidden");
    for _ in 0..2 {
        assert_eq!(teacher.post(end, json!({})).await.status, 204);
    }
    assert_eq!(*server.told.ended.lock().expect("no panic"), [demo]);
    // A next demo lesson is on at once, and the second end left it alone.
    let next = server.demo_lesson();
    assert_ne!(next, demo);
    assert_eq!(
        services.lessons.get(next).await.expect("a lesson").state,
        LessonState::Open
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teachers_bearer_token_ends_its_lesson_and_others_do_not() {
    let server = Server::start().await;
    let mut teacher = server.signed_in("teacher").await;
    let token = |answer: Value| answer["token"].as_str().expect("a token").to_owned();
    let own = token(teacher.post("/api/v1/lessons/demo/join", json!({})).await.body);
    let device = token(
        server
            .paired(0)
            .await
            .post("/api/v1/lessons/demo/join", json!({}))
            .await
            .body,
    );
    let foreign = foreign(&server).await;
    let end = |lesson: &str| format!("/api/v1/lessons/{lesson}/end");
    let bearer = |token: &str| server.client().with("authorization", format!("Bearer {token}"));
    bearer("nonsense")
        .post(&end("demo"), json!({}))
        .await
        .is(401, "token_invalid");
    bearer(&device)
        .post(&end("demo"), json!({}))
        .await
        .is(403, "forbidden");
    bearer(&own)
        .post(&end(&foreign), json!({}))
        .await
        .is(401, "token_invalid");
    assert_eq!(bearer(&own).post(&end("demo"), json!({})).await.status, 204);
    server.clock.advance(MINUTE * 11);
    bearer(&own)
        .post(&end("demo"), json!({}))
        .await
        .is(401, "token_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_opens_lessons_and_ends_those_that_were_forgotten() {
    let server = Server::start().await;
    let services = server.running.app.services.clone();
    let filter = LessonFilter {
        states: Some(vec![LessonState::Scheduled]),
        ..LessonFilter::default()
    };
    let first = services.lessons.list(&filter).await.expect("lessons")[0].clone();
    let state = async || services.lessons.get(first.id).await.expect("a lesson").state;
    server.clock.advance(first.starts_at - MORNING - MINUTE * 11);
    assert_eq!(state().await, LessonState::Scheduled);
    server.clock.advance(MINUTE);
    until("it is open", async || state().await == LessonState::Open).await;
    services
        .lessons
        .start(first.id, services.clock.now())
        .await
        .expect("a step");
    server.clock.advance(MINUTE * (10 + 40 + 60));
    until("it is ended", async || state().await == LessonState::Ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_the_lessons_that_are_theirs_to_see() {
    let server = Server::start().await;
    let own = server
        .signed_in("teacher")
        .await
        .get("/api/v1/lessons")
        .await
        .body;
    let own = own["lessons"].as_array().expect("a list").clone();
    assert!(own.len() > 1 && own.iter().all(|lesson| lesson["teacher"] == "王秀英"));
    let mut researcher = server.signed_in("researcher").await;
    let all = researcher.get("/api/v1/lessons").await.body;
    assert!(all["lessons"].as_array().expect("a list").len() > own.len());
    let tomorrow = researcher
        .get("/api/v1/lessons?from=2026-11-23T16:00:00Z")
        .await
        .body;
    let starts: Vec<_> = tomorrow["lessons"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["starts_at"].clone())
        .collect();
    assert!(
        !starts.is_empty()
            && starts
                .iter()
                .all(|at| at.as_str().expect("text") >= "2026-11-23T16")
    );
    assert_eq!(researcher.get("/api/v1/lessons?from=monday").await.status, 400);
    let foreign = foreign(&server).await;
    let mut teacher = server.signed_in("teacher").await;
    teacher
        .get(&format!("/api/v1/lessons/{foreign}"))
        .await
        .is(404, "not_found");
}
