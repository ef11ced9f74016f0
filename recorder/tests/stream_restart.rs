//! The publisher's streams begin anew in mid-lesson, with other SSRCs, sequence numbers and time bases, once within the same
//! track of the tap and once as a new one (a page that was reloaded): it goes on in the same recorded tracks, in step.

mod common;

use common::media::{Video, audio, video};
use common::{Lesson, Path, judge, open};
use protocol::media::{Codec, Source};
use protocol::tap::{Control, Status};

#[test]
fn streams_begin_anew_in_the_same_tracks() {
    let mut lesson = Lesson::begin();
    let path = Path {
        delay_us: 30_000,
        jitter_us: 20_000,
        ..Path::default()
    };
    for (index, (numbers, from_us)) in [((1, 2), 0), ((1, 2), 10_520_000), ((3, 4), 22_000_000)]
        .into_iter()
        .enumerate()
    {
        if index != 1 {
            lesson.up(from_us, numbers.0, Source::Camera, Codec::H264);
            lesson.up(from_us, numbers.1, Source::Microphone, Codec::Opus);
        }
        let ssrc = 100 * (u32::try_from(index).expect("small") + 1);
        let pictures = Video {
            clock_us: from_us,
            ssrc,
            ..Video::default()
        };
        lesson.media(numbers.0, &video(pictures), from_us, path, |_| false);
        lesson.media(numbers.1, &audio(10, from_us, ssrc + 1), from_us, path, |_| false);
    }
    lesson.control(21_000_000, Control::TrackDown { number: 1 });
    lesson.control(21_000_000, Control::TrackDown { number: 2 });
    let dir = tempfile::tempdir().expect("a directory");
    let mut recorder = open(dir.path());
    let said = lesson.play(&mut recorder, 32_000_000);
    recorder.close().expect("closes");
    assert!(said.contains(&Status::KeyframeWanted { number: 3 }));

    let judged = judge::read(dir.path());
    assert_eq!(judged.recording.tracks.len(), 2);
    for slug in ["teacher-camera", "teacher-microphone"] {
        judged.assert_no_hole(slug, 32_000_000, 100_000);
        judged.assert_decodes(slug);
    }
    let flashes = judged.flashes("teacher-camera");
    let beeps = judged.beeps("teacher-microphone");
    assert_eq!((flashes.len(), beeps.len()), (6, 6), "{flashes:?} {beeps:?}");
    assert!(
        judge::skew_us(&flashes, &beeps) <= 20_000,
        "{flashes:?} {beeps:?}"
    );
}
