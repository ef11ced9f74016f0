//! A second publisher of the same tracks takes them over; the first one's packets are not mixed in.

mod common;

use std::time::Duration;

use common::{Lesson, publishing};

#[test]
fn the_newest_publisher_is_seen_alone() {
    let mut lesson = Lesson::new(30, 2);
    let (first, camera, microphone) = lesson.teacher();
    let classroom = lesson.classroom(camera, microphone);
    let (now, room) = (lesson.now, lesson.room);
    let mut tap = lesson.core.tap(now, room, &[camera, microphone]);
    lesson.all_connected();
    lesson.run(Duration::from_secs(2));

    let second = lesson.client();
    lesson
        .state(second, &publishing(camera, microphone), true)
        .expect("an offer");
    lesson.teaching.push(second);
    lesson.all_connected();
    lesson.run(Duration::from_secs(1));
    lesson.forget();
    lesson.run(Duration::from_secs(3));
    let pictures = lesson.pictures(classroom);
    assert!((70..80).contains(&pictures.len()), "{} pictures", pictures.len());
    assert!(pictures.iter().all(|frame| frame.whole && frame.contiguous));

    // The first one goes: its end is not the end of the tracks.
    let (now, peer) = (lesson.now, lesson.clients[first].peer);
    lesson.core.remove(now, peer);
    lesson.teaching.retain(|client| *client != first);
    lesson.forget();
    lesson.run(Duration::from_secs(2));
    assert!(lesson.pictures(classroom).len() > 45);
    let ups = std::iter::from_fn(|| tap.try_next())
        .filter(|event| matches!(event, sfu::TapEvent::TrackUp { .. }))
        .count();
    assert_eq!(ups, 4);
}
