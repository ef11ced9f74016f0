//! A publisher that sends no sender reports is recorded by arrival.

mod common;

use common::media::{Video, audio, video};
use common::{Lesson, Path, judge, open};
use protocol::media::{Codec, Source};

#[test]
fn without_reports_arrival_decides() {
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, Codec::H264);
    lesson.up(0, 2, Source::Microphone, Codec::Opus);
    let path = Path {
        mute_reports: true,
        ..Path::default()
    };
    lesson.media(1, &video(Video::default()), 0, path, |_| false);
    lesson.media(2, &audio(10, 0, 12), 0, path, |_| false);
    let dir = tempfile::tempdir().expect("a directory");
    let mut recorder = open(dir.path());
    lesson.play(&mut recorder, 10_000_000);
    recorder.close().expect("closes");
    let judged = judge::read(dir.path());
    let (flashes, beeps) = (
        judged.flashes("teacher-camera"),
        judged.beeps("teacher-microphone"),
    );
    assert_eq!((flashes.len(), beeps.len()), (2, 2));
    assert!(
        judge::skew_us(&flashes, &beeps) <= 20_000,
        "{flashes:?} {beeps:?}"
    );
    assert!(
        judge::skew_us(&flashes, &[1_000_000, 6_000_000]) <= 50_000,
        "{flashes:?}"
    );
}
