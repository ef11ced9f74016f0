//! Rubbish on the tap: packets that are not RTP, payloads that are no pictures, numbers nobody announced, torn frames. The
//! recorder goes on, and a good track beside them is recorded whole.

mod common;

use common::media::{Media, Packet, Video, audio, video};
use common::{Lesson, Path, judge, open};
use protocol::media::{Codec, Source};
use protocol::tap::{Control, TrackKey};

/// Packets with good headers and payloads of noise.
fn noise(like: &Media, seed: u64) -> Media {
    let mut random = seed;
    let mut noisy = like.clone();
    noisy.packets = like
        .packets
        .iter()
        .map(|packet| {
            let mut bytes = packet.bytes.clone();
            for byte in bytes.iter_mut().skip(12) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                *byte = u8::try_from(random & 0xff).expect("masked");
            }
            bytes.truncate(12 + usize::try_from(random % 200).expect("small"));
            Packet {
                at_us: packet.at_us,
                bytes,
            }
        })
        .collect();
    noisy
}

#[test]
fn rubbish_stops_nothing() {
    let good = video(Video::default());
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, Codec::H264);
    lesson.media(1, &good, 0, Path::default(), |_| false);
    let bad = [
        (2, Source::Screen, Codec::H264),
        (3, Source::Document, Codec::Vp8),
        (4, Source::Microphone, Codec::Opus),
    ];
    for (number, source, codec) in bad {
        lesson.up(0, number, source, codec);
        let like = if codec == Codec::Opus {
            audio(10, 0, 12)
        } else {
            good.clone()
        };
        lesson.media(
            number,
            &noise(&like, u64::from(number)),
            0,
            Path::default(),
            |_| false,
        );
    }
    // A codec of another kind, one that cannot be recorded, and media of a number that is not up.
    lesson.up(0, 5, Source::ScreenAudio, Codec::H264);
    let key = TrackKey {
        who: "classroom-00000001".into(),
        name: "Classroom".into(),
        source: Source::Camera,
    };
    lesson.control(
        0,
        Control::TrackUp {
            number: 6,
            track: protocol::id::TrackId::new(),
            key,
            codec: Codec::Av1,
            publisher: 6,
        },
    );
    lesson.media(99, &good, 0, Path::default(), |_| false);
    let dir = tempfile::tempdir().expect("a directory");
    let mut recorder = open(dir.path());
    for body in [&b""[..], b"\x00{", b"\x01\x00", b"\x07rubbish"] {
        recorder.take(body).expect("goes on");
    }
    lesson.play(&mut recorder, 10_000_000);
    recorder.close().expect("closes");
    let judged = judge::read(dir.path());
    judged.assert_no_hole("teacher-camera", 10_000_000, 50_000);
    judged.assert_decodes("teacher-camera");
    assert_eq!(judged.flashes("teacher-camera").len(), 2);
}
