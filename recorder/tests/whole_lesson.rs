//! Ten minutes with camera, screen and microphone, over a line that loses and reorders: in step to the end, and cheap.

mod common;

use common::media::{Video, audio, video};
use common::{Lesson, Path, judge, open};
use protocol::media::{Codec, Source};

const SECONDS: u64 = 600;

#[test]
fn ten_minutes_stay_in_step() {
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, Codec::H264);
    lesson.up(0, 2, Source::Microphone, Codec::Opus);
    let path = Path {
        delay_us: 30_000,
        jitter_us: 30_000,
        drift_ppm: -100,
        ..Path::default()
    };
    let pictures = Video {
        seconds: SECONDS,
        fps: 10,
        width: 160,
        height: 90,
        encoder: "openh264enc gop-size=20 complexity=low ! h264parse ! rtph264pay config-interval=-1",
        ..Video::default()
    };
    lesson.media(1, &video(pictures), 0, path, |_| false);
    // One packet of sound in a hundred is lost, outside of the beeps.
    let lost = |at_us: u64| (at_us / 20_000).is_multiple_of(100) && at_us > 100_000;
    lesson.media(2, &audio(SECONDS, 0, 12), 0, path, lost);
    let dir = tempfile::tempdir().expect("a directory");
    let mut recorder = open(dir.path());
    lesson.play(&mut recorder, SECONDS * 1_000_000);
    recorder.close().expect("closes");

    let judged = judge::read(dir.path());
    for slug in ["teacher-camera", "teacher-microphone"] {
        judged.assert_no_hole(slug, SECONDS * 1_000_000, 150_000);
        judged.assert_decodes(slug);
        let segments = &judged.track(slug).segments;
        let longest_us = segments.iter().map(|segment| segment.duration_us()).max();
        assert!(
            longest_us <= Some(2_300_000),
            "{slug}: a segment of {longest_us:?} µs"
        );
    }
    let flashes = judged.flashes("teacher-camera");
    let beeps = judged.beeps("teacher-microphone");
    assert_eq!((flashes.len(), beeps.len()), (120, 120));
    assert!(
        judge::skew_us(&flashes, &beeps) <= 20_000,
        "{flashes:?} {beeps:?}"
    );
}
