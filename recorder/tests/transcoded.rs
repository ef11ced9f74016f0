//! A publisher that sends no H264: the picture is transcoded, and stays in step. It plays wherever the others do.

mod common;

use common::media::{Media, Video, audio, video, video_av1};
use common::{Lesson, Path, judge, open};
use protocol::media::{Codec, Source};

fn encoded(encoder: &'static str) -> Media {
    video(Video {
        encoder,
        ..Video::default()
    })
}

fn record(codec: Codec, pictures: &Media) {
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, codec);
    lesson.up(0, 2, Source::Microphone, Codec::Opus);
    lesson.media(1, pictures, 0, Path::default(), |_| false);
    lesson.media(2, &audio(10, 0, 12), 0, Path::default(), |_| false);
    let dir = tempfile::tempdir().expect("a directory");
    let mut recorder = open(dir.path());
    lesson.play(&mut recorder, 10_000_000);
    recorder.close().expect("closes");
    let judged = judge::read(dir.path());
    assert!(
        judged.track("teacher-camera").inits[0]
            .codecs
            .starts_with("avc1.")
    );
    for slug in ["teacher-camera", "teacher-microphone"] {
        judged.assert_no_hole(slug, 10_000_000, 50_000);
        judged.assert_decodes(slug);
    }
    let (flashes, beeps) = (
        judged.flashes("teacher-camera"),
        judged.beeps("teacher-microphone"),
    );
    assert_eq!((flashes.len(), beeps.len()), (2, 2), "{flashes:?} {beeps:?}");
    assert!(
        judge::skew_us(&flashes, &beeps) <= 20_000,
        "{flashes:?} {beeps:?}"
    );
}

#[test]
fn vp8_is_transcoded() {
    let pictures = encoded("vp8enc deadline=1 keyframe-max-dist=50 ! rtpvp8pay");
    record(Codec::Vp8, &pictures);
}

#[test]
fn vp9_is_transcoded() {
    let pictures = encoded("vp9enc deadline=1 keyframe-max-dist=50 ! rtpvp9pay");
    record(Codec::Vp9, &pictures);
}

#[test]
fn av1_is_transcoded() {
    record(Codec::Av1, &video_av1(Video::default()));
}
