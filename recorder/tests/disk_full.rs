//! The disk fills up: an alarm before, then nothing is written but everything read, what was written plays, and it goes on
//! when there is space again.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::media::{Video, audio, video};
use common::{Lesson, Path, judge};
use protocol::journal::Cause;
use protocol::media::{Codec, Source};
use protocol::tap::{Disk, Status};
use recorder::{Options, Recorder};

#[test]
fn a_full_disk_interrupts_and_space_goes_on() {
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, Codec::H264);
    lesson.up(0, 2, Source::Microphone, Codec::Opus);
    let long = Video {
        seconds: 30,
        ..Video::default()
    };
    lesson.media(1, &video(long), 0, Path::default(), |_| false);
    lesson.media(2, &audio(30, 0, 12), 0, Path::default(), |_| false);

    recorder::init().expect("GStreamer is installed");
    let dir = tempfile::tempdir().expect("a directory");
    let free = Arc::new(AtomicU64::new(1 << 30));
    let theirs = free.clone();
    let options = Options {
        reserve_bytes: 1_000,
        free_space: Box::new(move |_| Some(theirs.load(Ordering::Relaxed))),
    };
    let mut recorder = Recorder::open(dir.path(), options).expect("opens");
    let mut disks = Vec::new();
    let mut full_bytes = Vec::new();
    let steps = [
        (0, 1 << 30),
        (7_000_000, 1_500),
        (8_000_000, 900),
        (17_000_000, 1 << 30),
        (30_000_000, 0),
    ];
    for step in steps.windows(2) {
        free.store(step[0].1, Ordering::Relaxed);
        for status in lesson
            .between(step[0].0, step[1].0)
            .play(&mut recorder, step[1].0 - 1)
        {
            if let Status::Progress { disk, bytes, .. } = status {
                disks.push(disk);
                full_bytes.extend((disk == Disk::Full).then_some(bytes));
            }
        }
    }
    recorder.close().expect("closes");
    disks.dedup();
    assert_eq!(disks, vec![Disk::Ok, Disk::Low, Disk::Full, Disk::Ok]);
    full_bytes.dedup();
    assert_eq!(full_bytes.len(), 1, "nothing is written while the disk is full");

    let judged = judge::read(dir.path());
    for slug in ["teacher-camera", "teacher-microphone"] {
        judged.assert_no_hole(slug, 30_000_000, 50_000);
        judged.assert_decodes(slug);
    }
    let gap = judged.recording.interruptions[0];
    assert_eq!(gap.cause, Cause::DiskFull);
    assert!(
        gap.from_us.abs_diff(8_000_000) <= 1_500_000 && gap.to_us.abs_diff(17_000_000) <= 1_500_000,
        "{gap:?}"
    );
    let expected = [1_000_000, 6_000_000, 21_000_000, 26_000_000];
    for found in [
        judged.flashes("teacher-camera"),
        judged.beeps("teacher-microphone"),
    ] {
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(judge::skew_us(&found, &expected) <= 20_000, "{found:?}");
    }
}
