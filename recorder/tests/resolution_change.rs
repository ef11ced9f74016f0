//! The publisher's encoder changes its resolution in mid-lesson: another epoch, nothing lost, and a decoder that goes on
//! over all of it sees no error.

mod common;

use common::media::{Video, audio, video};
use common::{Lesson, Path, judge, open};
use protocol::media::{Codec, Source};

#[test]
fn a_new_resolution_is_a_new_epoch() {
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, Codec::H264);
    lesson.up(0, 2, Source::Microphone, Codec::Opus);
    let sizes = [(320, 180), (640, 360), (160, 90)];
    let mut sent = 0_u16;
    for (index, (width, height)) in sizes.into_iter().enumerate() {
        let from_us = index as u64 * 10_000_000;
        let pictures = Video {
            width,
            height,
            clock_us: from_us,
            ..Video::default()
        };
        let mut media = video(pictures);
        media.shift(from_us, sent);
        sent += u16::try_from(media.packets.len()).expect("few");
        lesson.media(1, &media, 0, Path::default(), |_| false);
    }
    lesson.media(2, &audio(30, 0, 12), 0, Path::default(), |_| false);
    let dir = tempfile::tempdir().expect("a directory");
    let mut recorder = open(dir.path());
    lesson.play(&mut recorder, 30_000_000);
    recorder.close().expect("closes");

    let judged = judge::read(dir.path());
    let inits = &judged.track("teacher-camera").inits;
    let seen: Vec<(u32, u32)> = inits.iter().map(|init| (init.width, init.height)).collect();
    assert_eq!(seen, vec![(320, 180), (640, 360), (160, 90)]);
    judged.assert_no_hole("teacher-camera", 30_000_000, 50_000);
    judged.assert_decodes("teacher-camera");
    judged.assert_decodes_whole("teacher-camera", 30 * 25);
    let flashes = judged.flashes("teacher-camera");
    let beeps = judged.beeps("teacher-microphone");
    assert_eq!((flashes.len(), beeps.len()), (6, 6));
    assert!(
        judge::skew_us(&flashes, &beeps) <= 20_000,
        "{flashes:?} {beeps:?}"
    );
}
