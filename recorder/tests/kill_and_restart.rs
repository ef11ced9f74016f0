//! The recorder is killed in mid-lesson and started again on the same directory, also with a torn journal and media behind
//! it: at most one part is lost, the gap is filled, the recording goes on and is closed whole.

mod common;

use std::io::Write;

use common::media::{Video, audio, video};
use common::process::Process;
use common::{Lesson, Path, judge};
use protocol::journal::{self, Cause};
use protocol::media::{Codec, Source};
use protocol::tap::{Control, Status};

const KILL_US: u64 = 13_300_000;
const AGAIN_US: u64 = 17_000_000;
const END_US: u64 = 30_000_000;

fn lesson() -> Lesson {
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, Codec::H264);
    lesson.up(0, 2, Source::Microphone, Codec::Opus);
    let long = Video {
        seconds: 30,
        ..Video::default()
    };
    lesson.media(1, &video(long), 0, Path::default(), |_| false);
    lesson.media(2, &audio(30, 0, 12), 0, Path::default(), |_| false);
    lesson.control(END_US, Control::Finish {});
    lesson
}

/// Appends what a kill may leave: half a line, half a part.
fn tear(dir: &std::path::Path) {
    for (name, rubbish) in [
        (journal::FILE, "{\"type\":\"part\",\"tra"),
        ("teacher-camera.mp4", "half a part"),
    ] {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(dir.join(name))
            .expect("there");
        file.write_all(rubbish.as_bytes()).expect("writable");
    }
}

#[test]
fn a_killed_recorder_goes_on() {
    let lesson = lesson();
    let dir = tempfile::tempdir().expect("a directory");
    let mut first = Process::start(dir.path());
    assert_eq!(first.expect(|_| true), Status::Ready { resumed: false });
    first.send(&lesson.between(0, KILL_US).stream());
    // All but the last part is on disk as soon as it was read: its last second is due by the next progress.
    first.expect(|status| {
        matches!(
            status,
            Status::Progress {
                duration_ms: 12_000..,
                ..
            }
        )
    });
    first.child.kill().expect("it runs");
    first.wait();
    tear(dir.path());

    let mut second = Process::start(dir.path());
    assert_eq!(second.expect(|_| true), Status::Ready { resumed: true });
    second.send(&lesson.again(AGAIN_US).stream());
    let finished = second.expect(|status| matches!(status, Status::Finished { .. }));
    let Status::Finished { duration_ms, bytes } = finished else {
        unreachable!("waited for it");
    };
    assert!(second.wait());
    assert!(duration_ms.abs_diff(END_US / 1_000) <= 300, "{duration_ms}");

    let judged = judge::read(dir.path());
    assert_eq!(
        (
            judged.recording.closed.map(|us| us / 1_000),
            judged.recording.bytes()
        ),
        (Some(duration_ms), bytes)
    );
    for slug in ["teacher-camera", "teacher-microphone"] {
        judged.assert_no_hole(slug, duration_ms * 1_000, 50_000);
        judged.assert_decodes(slug);
    }
    assert_eq!(
        judged.track("teacher-camera").key,
        common::teacher(Source::Camera)
    );
    let gap = judged.recording.interruptions[0];
    assert_eq!(gap.cause, Cause::Restart);
    assert!(
        gap.from_us >= 12_000_000 && gap.to_us.abs_diff(AGAIN_US) <= 200_000,
        "{gap:?}"
    );
    let flashes = judged.flashes("teacher-camera");
    let beeps = judged.beeps("teacher-microphone");
    let expected = [1_000_000, 6_000_000, 11_000_000, 21_000_000, 26_000_000];
    for found in [&flashes, &beeps] {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(judge::skew_us(found, &expected) <= 60_000, "{found:?}");
    }
    assert!(
        judge::skew_us(&flashes, &beeps) <= 20_000,
        "{flashes:?} {beeps:?}"
    );
    let poster = std::fs::read(dir.path().join(journal::POSTER)).expect("there is a poster");
    assert_eq!(poster[..3], [0xff, 0xd8, 0xff]);
}

#[test]
fn the_end_of_input_closes_the_recording() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut process = Process::start(dir.path());
    process.send(&lesson().between(0, 5_000_000).stream());
    process.end_input();
    assert!(process.wait());
    let judged = judge::read(dir.path());
    assert!(judged.recording.closed.is_some_and(|us| us >= 4_900_000));
    judged.assert_decodes("teacher-camera");
}
