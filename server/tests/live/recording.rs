//! The recorder's process: started when the lesson goes live, restarted when it dies, closed at the end, kept over a restart.

use protocol::signal::{Action, LessonState, RecordingState, ServerMessage};
use server::domain::event::EventKind;

use crate::server_under_test::{Data, Server, publishes, wait_for};

fn pid(data: &Data, server: &Server) -> Option<String> {
    let pid = std::fs::read_to_string(data.recording(server.lesson).join("pid")).ok()?;
    (!pid.trim().is_empty()).then(|| pid.trim().to_owned())
}

#[tokio::test]
async fn a_recorder_that_is_killed_is_restarted_and_the_lamp_tells() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let mut desk = server.join(server.teacher(), publishes()).await;
    assert_eq!(
        desk.room.as_ref().map(|room| room.recording.state),
        Some(RecordingState::Idle)
    );
    desk.act(Action::Start {}).await.expect("live");
    desk.lamp(RecordingState::Recording).await;
    assert!(
        server
            .rooms
            .live_recording(server.lesson)
            .is_some_and(|recording| recording.bytes > 0)
    );
    let first = pid(&data, &server).expect("a recorder");
    let killed = std::process::Command::new("kill")
        .args(["-9", &first])
        .status()
        .expect("kill");
    assert!(killed.success());
    let shown = desk.lamp(RecordingState::Starting).await;
    assert_eq!(shown.last(), Some(&RecordingState::Starting));
    desk.lamp(RecordingState::Recording).await;
    assert_ne!(pid(&data, &server), Some(first));
    desk.act(Action::End {}).await.expect("over");
    desk.lamp(RecordingState::Finished).await;
    while desk.room.as_ref().expect("welcomed").lesson.state != LessonState::Archived {
        desk.next().await.expect("archived");
    }
    assert!(data.recording(server.lesson).join("finished").exists());
    let input = std::fs::read(data.recording(server.lesson).join("input")).expect("what it was told");
    let begins = String::from_utf8_lossy(&input).matches("\"begin\"").count();
    assert_eq!(begins, 2, "each process is told from the beginning");
    let events = server
        .services
        .events
        .of_lesson(server.lesson)
        .await
        .expect("the log");
    let kinds: Vec<_> = events.into_iter().map(|event| event.kind).collect();
    for kind in [
        EventKind::TeacherJoined,
        EventKind::LessonLive,
        EventKind::RecordingStarted,
        EventKind::RecordingInterrupted,
        EventKind::RecordingResumed,
        EventKind::LessonEnded,
        EventKind::RecordingFinished,
        EventKind::LessonArchived,
    ] {
        assert_eq!(
            kinds.iter().filter(|other| **other == kind).count(),
            1,
            "{kind:?} in {kinds:?}"
        );
    }
    let row = server
        .services
        .library
        .get(server.lesson)
        .await
        .expect("the library")
        .expect("a recording");
    assert_eq!(row.recording.state, RecordingState::Finished);
    server.stop().await;
}

#[tokio::test]
async fn a_lesson_goes_on_after_a_restart_of_the_server() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let lesson = server.lesson;
    let mut desk = server.join(server.teacher(), publishes()).await;
    let peer = desk.peer;
    desk.act(Action::Start {}).await.expect("live");
    desk.lamp(RecordingState::Recording).await;
    let stopping = tokio::spawn(server.stop());
    desk.until("the goodbye", |message| {
        matches!(message, ServerMessage::Closing { .. })
    })
    .await;
    stopping.await.expect("stopped");
    let directory = data.recording(lesson);
    assert!(
        directory.join("whole").exists(),
        "its input was closed and it was waited for"
    );
    assert!(!directory.join("finished").exists(), "the lesson is not over");

    let server = Server::start(&data).await;
    assert_eq!(server.lesson, lesson);
    let mut desk = server.join(server.teacher(), publishes()).await;
    assert_eq!(desk.peer, peer);
    assert_eq!(
        desk.room.as_ref().map(|room| room.lesson.state),
        Some(LessonState::Live)
    );
    desk.lamp(RecordingState::Recording).await;
    server
        .services
        .lessons
        .end(lesson, time::OffsetDateTime::now_utc())
        .await
        .expect("ended by the API");
    desk.lamp(RecordingState::Finished).await;
    wait_for("the end of the recording", || directory.join("finished").exists()).await;
    server.stop().await;
}

#[tokio::test]
async fn a_recording_that_was_being_closed_when_the_server_died_is_closed_by_the_next() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let lesson = server.lesson;
    let mut desk = server.join(server.teacher(), publishes()).await;
    desk.act(Action::Start {}).await.expect("live");
    desk.lamp(RecordingState::Recording).await;
    let services = server.services.clone();
    server
        .rooms
        .shutdown(tokio::time::Instant::now() + crate::server_under_test::LONG)
        .await;
    // The lesson ends when its room is gone already: as if the server died in between.
    services.lessons.attach_rooms(&server.rooms);
    services
        .store
        .move_lesson(
            lesson,
            LessonState::Live,
            LessonState::Ended,
            time::OffsetDateTime::now_utc(),
        )
        .await
        .expect("moved");
    server.stop().await;

    let server = Server::start(&data).await;
    wait_for("the end of the recording", || {
        data.recording(lesson).join("finished").exists()
    })
    .await;
    let mut archived = false;
    for _ in 0..600 {
        archived = server
            .services
            .lessons
            .get(lesson)
            .await
            .expect("the lesson")
            .state
            == LessonState::Archived;
        if archived {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(archived);
    server.stop().await;
}

#[tokio::test]
async fn a_lesson_without_a_recorder_is_taught_all_the_same() {
    let data = Data::new();
    std::fs::write(data.path().join("recorder.sh"), "#!/bin/false\n").expect("written");
    let server = Server::start(&data).await;
    let mut desk = server.join(server.teacher(), publishes()).await;
    desk.act(Action::Start {}).await.expect("live");
    desk.lamp(RecordingState::Failed).await;
    desk.act(Action::Hand {
        up: false,
        peer: desk.peer,
    })
    .await
    .expect_err("answered all the same");
    desk.act(Action::End {}).await.expect("over");
    while desk.room.as_ref().expect("welcomed").lesson.state != LessonState::Archived {
        desk.next().await.expect("archived");
    }
    server.stop().await;
}
