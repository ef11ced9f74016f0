//! A teacher who comes back with a new connection goes on in the same tracks, and classrooms see one stream.

mod common;

use std::time::Duration;

use common::{Lesson, publishing};

#[test]
fn classrooms_keep_their_stream() {
    let mut lesson = Lesson::new(7, 2);
    let (teacher, camera, microphone) = lesson.teacher();
    let classroom = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(3));
    let before = lesson.pictures(classroom).len();
    assert!(before > 50, "{before}");

    let offer = lesson.state(teacher, &publishing(camera, microphone), true);
    assert!(offer.is_some_and(|offer| offer.fresh));
    lesson.until("the teacher is back", |lesson| lesson.clients[teacher].connected);
    lesson.run(Duration::from_secs(3));

    let pictures = lesson.pictures(classroom);
    assert!(pictures.len() > before + 50, "{} after {before}", pictures.len());
    let gap = &pictures[before - 1..=before];
    assert!(gap[1].keyframe);
    assert!(gap[1].contiguous, "the sequence numbers go on");
    // The time that passed is in the timestamps too.
    let media = (gap[1].time.as_seconds() - gap[0].time.as_seconds()) * 1_000.0;
    let real = (gap[1].at - gap[0].at).as_millis() as f64;
    assert!((media - real).abs() < 60.0, "{media} ms of media in {real} ms");
    assert!(pictures.iter().all(|frame| frame.whole));
    let sounds = lesson.sounds(classroom);
    assert!(sounds.windows(2).all(|pair| pair[1].time > pair[0].time));
}
