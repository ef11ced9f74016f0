//! Lost packets are repaired by retransmission, on the teacher's line and on a classroom's.

mod common;

use std::time::Duration;

use common::{Lesson, Line};

fn lossy(loss_up: u32, loss_down: u32) -> Line {
    Line {
        delay: Duration::from_millis(25),
        loss_up,
        loss_down,
        ..Line::default()
    }
}

#[test]
fn a_classroom_on_a_lossy_line_misses_nothing() {
    let mut lesson = Lesson::new(5, 2);
    let (_, camera, microphone) = lesson.teacher();
    let weak = lesson.classroom(camera, microphone);
    let good = lesson.classroom(camera, microphone);
    lesson.clients[weak].line = lossy(0, 50);
    lesson.all_connected();
    lesson.run(Duration::from_secs(1));
    lesson.forget();
    lesson.run(Duration::from_secs(10));
    let pictures = lesson.pictures(weak);
    assert!(pictures.len() >= 240, "{} of 250 pictures", pictures.len());
    assert!(pictures.iter().all(|frame| frame.whole));
    assert!(lesson.core.metric("tongke_sfu_rtp_retransmitted_total") > 50);
    assert!(lesson.pictures(good).iter().all(|frame| frame.contiguous));
}

#[test]
fn a_teacher_on_a_lossy_line_is_seen_whole() {
    let mut lesson = Lesson::new(6, 2);
    let (teacher, camera, microphone) = lesson.teacher();
    let classroom = lesson.classroom(camera, microphone);
    lesson.clients[teacher].line = lossy(50, 0);
    lesson.all_connected();
    lesson.run(Duration::from_secs(1));
    lesson.forget();
    lesson.run(Duration::from_secs(10));
    let pictures = lesson.pictures(classroom);
    assert!(pictures.len() >= 240, "{} of 250 pictures", pictures.len());
    assert!(pictures.iter().all(|frame| frame.whole));
    assert!(lesson.core.metric("tongke_sfu_rtp_repaired_total") > 50);
}
