//! A peer whose line is cut is said to be lost, stays, and is said to be back when its packets come again.

mod common;

use std::time::Duration;

use common::Lesson;
use sfu::Event;

#[test]
fn a_cut_line_is_told_and_heals_by_itself() {
    let mut lesson = Lesson::new(9, 2);
    let (teacher, camera, microphone) = lesson.teacher();
    let classroom = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(2));
    lesson.forget();
    let peer = lesson.clients[classroom].peer;

    lesson.clients[classroom].line.cut = true;
    lesson.run(Duration::from_secs(7));
    assert_eq!(lesson.count(&Event::PeerLost { peer }), 1);
    lesson.clients[classroom].line.cut = false;
    let healed = lesson.now;
    lesson.until("the classroom is back", |lesson| {
        lesson.count(&Event::PeerConnected { peer }) == 1
    });
    lesson.run(Duration::from_secs(2));
    let first = lesson
        .pictures(classroom)
        .iter()
        .find(|frame| frame.at > healed)
        .map(|frame| (frame.at - healed, frame.keyframe));
    let (wait, _) = first.expect("pictures after the cut");
    assert!(wait < Duration::from_secs(2), "{wait:?}");

    let (peer, track) = (lesson.clients[teacher].peer, camera);
    lesson.clients[teacher].line.cut = true;
    lesson.run(Duration::from_secs(7));
    assert_eq!(lesson.count(&Event::TrackStalled { peer, track }), 1);
    assert_eq!(lesson.count(&Event::PeerLost { peer }), 1);
    lesson.clients[teacher].line.cut = false;
    lesson.until("the teacher is seen again", |lesson| {
        lesson
            .events
            .iter()
            .any(|event| matches!(event, Event::TrackFlowing { track, .. } if *track == camera))
    });
}
