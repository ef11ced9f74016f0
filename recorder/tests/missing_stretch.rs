//! The publisher's line is down for a while, and a second source comes late: what is missing is filled, so that every track
//! spans the lesson and what comes after is in its place.

mod common;

use common::media::{Video, audio, video};
use common::{Lesson, Path, judge, open};
use protocol::media::{Codec, Source};
use protocol::tap::Control;

const END_US: u64 = 40_000_000;

fn played() -> judge::Judged {
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, Codec::H264);
    lesson.up(0, 2, Source::Microphone, Codec::Opus);
    let long = Video {
        seconds: 40,
        ..Video::default()
    };
    let gone = |at_us: u64| (12_000_000..24_000_000).contains(&at_us);
    lesson.media(1, &video(long), 0, Path::default(), gone);
    lesson.media(2, &audio(40, 0, 12), 0, Path::default(), gone);
    lesson.up(20_000_000, 3, Source::Screen, Codec::H264);
    let screen = Video {
        seconds: 10,
        clock_us: 20_000_000,
        ssrc: 13,
        ..Video::default()
    };
    lesson.media(3, &video(screen), 20_000_000, Path::default(), |_| false);
    lesson.control(30_000_000, Control::TrackDown { number: 3 });
    let dir = Box::leak(Box::new(tempfile::tempdir().expect("a directory")));
    let mut recorder = open(dir.path());
    lesson.play(&mut recorder, END_US);
    recorder.close().expect("closes");
    judge::read(dir.path())
}

#[test]
fn what_is_missing_is_filled() {
    let judged = played();
    for slug in ["teacher-camera", "teacher-microphone", "teacher-screen"] {
        judged.assert_no_hole(slug, END_US, 50_000);
        judged.assert_decodes(slug);
    }
    let on = |from: u64, to: u64| {
        let all = (0..8).map(|n| 1_000_000 + n * 5_000_000);
        all.filter(move |at| (from..to).contains(at))
            .collect::<Vec<u64>>()
    };
    let expected = [on(0, 12_000_000), on(24_000_000, END_US)].concat();
    for found in [
        judged.flashes("teacher-camera"),
        judged.beeps("teacher-microphone"),
    ] {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(judge::skew_us(&found, &expected) <= 20_000, "{found:?}");
    }
    let screen = judged.flashes("teacher-screen");
    assert!(
        judge::skew_us(&screen, &on(20_000_000, 30_000_000)) <= 20_000,
        "{screen:?}"
    );
    assert_eq!(screen.len(), 2);

    let spans = judged.track("teacher-microphone").spans_us();
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert!(
        spans[0][1].abs_diff(12_000_000) <= 50_000 && spans[1][0].abs_diff(24_000_000) <= 50_000,
        "{spans:?}"
    );
    let spans = judged.track("teacher-screen").spans_us();
    assert!(spans[0][0].abs_diff(20_000_000) <= 50_000, "{spans:?}");
    let slate = &judged.track("teacher-screen").inits[0];
    assert_eq!((slate.width, slate.height), (640, 360));
}
