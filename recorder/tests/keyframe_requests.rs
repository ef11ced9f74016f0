//! A publisher is asked for a keyframe when it comes up, and later only when it made none by itself for a segment.

mod common;

use common::media::{Media, Video, video};
use common::{Lesson, Path, judge, open};
use protocol::media::{Codec, Source};
use protocol::tap::Status;

const SECONDS: u64 = 12;

fn encoded(encoder: &'static str) -> Media {
    video(Video {
        encoder,
        seconds: SECONDS,
        ..Video::default()
    })
}

/// How often a publisher of these pictures is asked, and the longest segment in microseconds.
fn asked(codec: Codec, pictures: &Media) -> (usize, u64) {
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, codec);
    lesson.media(1, pictures, 0, Path::default(), |_| false);
    let dir = tempfile::tempdir().expect("a directory");
    let mut recorder = open(dir.path());
    let said = lesson.play(&mut recorder, SECONDS * 1_000_000);
    recorder.close().expect("closes");
    let judged = judge::read(dir.path());
    judged.assert_no_hole("teacher-camera", SECONDS * 1_000_000, 50_000);
    let segments = &judged.track("teacher-camera").segments;
    let lengths = segments.iter().map(|segment| {
        let last = segment.parts.last().expect("a segment has parts");
        last.end_us() - segment.parts[0].at_us
    });
    let wanted = |status: &&Status| matches!(status, Status::KeyframeWanted { number: 1 });
    (said.iter().filter(wanted).count(), lengths.max().unwrap_or(0))
}

fn h264(every: u64) -> String {
    format!(
        "openh264enc gop-size={every} scene-change-detection=false complexity=low ! h264parse ! rtph264pay config-interval=-1"
    )
}

#[test]
fn who_makes_keyframes_by_itself_is_not_asked() {
    // Every second, every 1.24 s and every two.
    for (every, longest) in [(25, 2_050_000), (31, 2_530_000), (50, 2_050_000)] {
        let (asked, longest_us) = asked(Codec::H264, &encoded(h264(every).leak()));
        assert_eq!(asked, 1, "every {every} pictures");
        assert!(longest_us <= longest, "every {every} pictures: {longest_us} µs");
    }
}

#[test]
fn who_makes_none_is_asked_each_second_until_it_does() {
    let (asked, _) = asked(Codec::H264, &encoded(h264(1_000).leak()));
    assert!((10..=12).contains(&asked), "{asked}");
}

#[test]
fn what_is_transcoded_gets_its_keyframes_here() {
    let (asked, longest_us) = asked(
        Codec::Vp8,
        &encoded("vp8enc deadline=1 keyframe-max-dist=1000 ! rtpvp8pay"),
    );
    assert_eq!(asked, 1);
    assert!(longest_us <= 2_300_000, "{longest_us}");
}
