//! A classroom that joins in mid-lesson does not wait for the teacher's next keyframe: one is asked for.

mod common;

use std::time::Duration;

use common::Lesson;

#[test]
fn a_late_classroom_begins_with_a_keyframe_at_once() {
    let mut lesson = Lesson::new(3, 2);
    let (teacher, camera, microphone) = lesson.teacher();
    let early = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(3));
    lesson.forget();

    let late = lesson.classroom(camera, microphone);
    lesson.until("the late one connected", |lesson| lesson.clients[late].connected);
    let connected = lesson.now;
    lesson.until("the late one sees", |lesson| !lesson.pictures(late).is_empty());
    let wait = lesson.now - connected;
    assert!(wait < Duration::from_millis(400), "{wait:?}");
    assert!(lesson.pictures(late)[0].keyframe);
    assert_eq!(lesson.clients[teacher].keyframe_requests, 1);
    assert!(lesson.pictures(early).iter().all(|frame| frame.contiguous));
}

#[test]
fn a_bell_of_classrooms_is_one_keyframe_request() {
    let mut lesson = Lesson::new(4, 2);
    let (teacher, camera, microphone) = lesson.teacher();
    lesson.all_connected();
    lesson.run(Duration::from_secs(2));
    lesson.forget();
    let late: Vec<usize> = (0..20).map(|_| lesson.classroom(camera, microphone)).collect();
    lesson.all_connected();
    lesson.until("all see", |lesson| {
        late.iter()
            .all(|classroom| !lesson.pictures(*classroom).is_empty())
    });
    let asked = lesson.clients[teacher].keyframe_requests;
    assert!((1..=3).contains(&asked), "{asked} requests for 20 classrooms");
    let wanted = lesson
        .core
        .metric(r#"tongke_sfu_keyframe_requests_total{by="viewers"}"#);
    assert!(wanted >= 20, "{wanted}");
}
