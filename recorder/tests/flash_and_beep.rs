//! A lesson of a minute over a line with jitter and reordering: picture and sound stay in step, nothing is missing.

mod common;

use common::media::{EVERY_US, FIRST_US, Video, audio, video};
use common::{Lesson, Path, judge, open};
use protocol::media::{Codec, Source};
use protocol::tap::{Control, Status};

const SECONDS: u64 = 60;

fn lesson() -> Lesson {
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, Codec::H264);
    lesson.up(0, 2, Source::Microphone, Codec::Opus);
    let path = Path {
        delay_us: 40_000,
        jitter_us: 60_000,
        drift_ppm: 100,
        ..Path::default()
    };
    let pictures = Video {
        seconds: SECONDS,
        ..Video::default()
    };
    // The picture is 400 ms later on its way than the sound.
    let slow = Path {
        delay_us: 440_000,
        ..path
    };
    lesson.media(1, &video(pictures), 0, slow, |_| false);
    lesson.media(2, &audio(SECONDS, 0, 12), 0, path, |_| false);
    lesson.control(SECONDS * 1_000_000 + 600_000, Control::Finish {});
    lesson
}

#[test]
fn picture_and_sound_stay_in_step() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut recorder = open(dir.path());
    let said = lesson().play(&mut recorder, SECONDS * 1_000_000 + 600_000);
    assert!(recorder.finish_asked());
    let closed = recorder.close().expect("closes");
    assert_eq!(said[0], Status::Ready { resumed: false });
    assert_eq!(said[1], Status::KeyframeWanted { number: 1 });
    assert!(
        said.iter()
            .any(|status| matches!(status, Status::Progress { bytes: 1.., .. })),
        "{said:?}"
    );
    assert!(
        !said.iter().any(|status| matches!(status, Status::Warning { .. })),
        "{said:?}"
    );

    let judged = judge::read(dir.path());
    assert_eq!(
        judged.recording.closed.map(|us| us / 1_000),
        Some(closed.duration_ms)
    );
    for slug in ["teacher-camera", "teacher-microphone"] {
        judged.assert_no_hole(slug, SECONDS * 1_000_000 + 600_000, 50_000);
        judged.assert_decodes(slug);
    }
    let flashes = judged.flashes("teacher-camera");
    let beeps = judged.beeps("teacher-microphone");
    assert_eq!(
        flashes.len() as u64,
        (SECONDS * 1_000_000 - FIRST_US).div_ceil(EVERY_US)
    );
    assert_eq!(beeps.len(), flashes.len());
    let skew_us = judge::skew_us(&flashes, &beeps);
    assert!(
        skew_us <= 20_000,
        "picture and sound are {skew_us} µs apart: {flashes:?} {beeps:?}"
    );
    assert_eq!(judged.track("teacher-camera").inits.len(), 1);
    assert_eq!(judged.track("teacher-camera").inits[0].width, 320);
}
