//! A publisher is told when its packets came, and finds its bandwidth by it.

mod common;

use std::time::Duration;

use common::{Lesson, publishing};
use protocol::id::TrackId;
use str0m::bwe::Bitrate;

/// Where a publisher's estimate begins.
const BEGIN: Bitrate = Bitrate::kbps(300);

#[test]
fn a_publisher_finds_the_bandwidth_of_its_line_within_seconds() {
    let mut lesson = Lesson::new(40, 2);
    let teacher = lesson.client();
    lesson.clients[teacher].begins_at = Some(BEGIN);
    let wish = publishing(TrackId::new(), TrackId::new());
    lesson.state(teacher, &wish, true).expect("an offer");
    lesson.teaching.push(teacher);
    lesson.all_connected();
    let begin = lesson.now;
    lesson.until("1.5 Mbit/s", |lesson| {
        lesson.clients[teacher].estimate >= Bitrate::kbps(1_500)
    });
    let took = lesson.now - begin;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let before = lesson.clients[teacher].feedback;
    lesson.run(Duration::from_secs(2));
    let each_second = (lesson.clients[teacher].feedback - before) / 2;
    assert!((10..=20).contains(&each_second), "{each_second} a second");
}
