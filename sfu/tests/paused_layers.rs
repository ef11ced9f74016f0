//! A layer nobody takes is paused by its publisher, and comes again for whom it would fit.

mod common;

use std::time::Duration;

use common::{FRAME, Frame, KEYFRAME, LAYERS, Lesson, Line, watching};
use protocol::id::TrackId;
use sfu::{Event, TapEvent};
use str0m::media::Rid;

/// Longer than an unused layer is sent.
const UNUSED: Duration = Duration::from_secs(15);

fn layer(frame: &Frame) -> usize {
    let of = |bytes: usize| frame.bytes == bytes || frame.bytes == bytes * KEYFRAME;
    LAYERS.iter().position(|(_, bytes)| of(*bytes)).expect("a layer")
}

fn teacher(lesson: &mut Lesson) -> (usize, TrackId, TrackId) {
    let (teacher, camera, microphone) = lesson.teacher_in_layers();
    lesson.clients[teacher].pauses = true;
    (teacher, camera, microphone)
}

fn line(rate: u64) -> Line {
    Line {
        rate_down: Some(rate),
        ..Line::default()
    }
}

fn rids(names: &[&str]) -> Vec<Rid> {
    names.iter().map(|name| Rid::from(*name)).collect()
}

/// What the recorder gets of the camera: bytes of its frames.
fn recorded(tap: &mut sfu::Tap, camera: TrackId) -> Vec<usize> {
    let (mut numbers, mut sizes, mut frame, mut stamp) = (Vec::new(), Vec::new(), 0, None);
    while let Some(event) = tap.try_next() {
        match event {
            TapEvent::TrackUp { number, track, .. } if track == camera => numbers.push(number),
            TapEvent::Rtp { number, packet, .. } if numbers.contains(&number) => {
                let time = packet[4..8].to_vec();
                if stamp.as_ref().is_some_and(|before| *before != time) {
                    sizes.push(std::mem::take(&mut frame));
                }
                stamp = Some(time);
                frame += packet.len();
            }
            _ => {}
        }
    }
    sizes
}

#[test]
fn what_nobody_takes_is_paused_and_a_line_that_gets_narrow_never_freezes_for_it() {
    // The classroom is on another thread than the teacher in one of them.
    for threads in [1, 2] {
        let mut lesson = Lesson::new(61, threads);
        let (teacher, camera, microphone) = teacher(&mut lesson);
        let classroom = lesson.classroom(camera, microphone);
        lesson.clients[classroom].line = line(3_000_000);
        lesson.all_connected();
        lesson.run(Duration::from_secs(8));
        assert_eq!(lesson.clients[teacher].left_out, [], "not yet");
        lesson.run(UNUSED);
        assert_eq!(lesson.clients[teacher].left_out, rids(&["h"]), "{threads}");
        let paused = "tongke_sfu_layer_requests_total{what=\"pause\"}";
        assert_eq!(lesson.core.metric(paused), 1);

        // The middle layer fits 800 kbit/s: the least bridges until it is there again.
        lesson.forget();
        lesson.clients[classroom].line = line(800_000);
        lesson.run(Duration::from_secs(10));
        assert_eq!(lesson.clients[teacher].left_out, []);
        let frames = lesson.pictures(classroom);
        assert_eq!(frames.last().map(|frame| layer(frame)), Some(1));
        let freeze = frames.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        assert!(
            freeze.is_some_and(|freeze| freeze <= Duration::from_secs(1)),
            "{freeze:?}"
        );
        assert!(frames.iter().all(|frame| frame.whole));

        // Now nobody takes the largest; on a wide line it is wanted again.
        lesson.run(UNUSED);
        assert_eq!(lesson.clients[teacher].left_out, rids(&["f"]));
        lesson.forget();
        lesson.clients[classroom].line = line(3_000_000);
        lesson.run(Duration::from_secs(10));
        assert_eq!(lesson.clients[teacher].left_out, []);
        let frames = lesson.pictures(classroom);
        assert_eq!(frames.last().map(|frame| layer(frame)), Some(0));
        let freeze = frames.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        assert!(
            freeze.is_some_and(|freeze| freeze <= Duration::from_secs(1)),
            "{freeze:?}"
        );
    }
}

#[test]
fn a_recorder_has_the_best_though_nobody_else_takes_it() {
    let mut lesson = Lesson::new(62, 2);
    let (teacher, camera, microphone) = teacher(&mut lesson);
    let small = lesson.classroom(camera, microphone);
    lesson.all_connected();
    let mut wish = watching(camera, microphone);
    wish.watch[0].height = 100;
    assert!(lesson.state(small, &wish, false).is_none());
    lesson.run(UNUSED + Duration::from_secs(2));
    assert_eq!(lesson.clients[teacher].left_out, rids(&["f", "h"]));
    let mut tap = lesson.core.tap(lesson.now, lesson.room, &[camera, microphone]);
    lesson.run(Duration::from_secs(4));
    assert_eq!(lesson.clients[teacher].left_out, rids(&["h"]));
    let sizes = recorded(&mut tap, camera);
    let best = sizes
        .iter()
        .rev()
        .take(50)
        .filter(|bytes| **bytes >= FRAME)
        .count();
    assert_eq!(best, 50, "of the last 50 frames");
}

#[test]
fn who_comes_later_gets_what_was_paused() {
    let mut lesson = Lesson::new(63, 2);
    let (teacher, camera, microphone) = teacher(&mut lesson);
    lesson.all_connected();
    lesson.run(UNUSED);
    assert_eq!(
        lesson.clients[teacher].left_out,
        rids(&["f", "h"]),
        "nobody watches"
    );
    for threads in 0..2 {
        let classroom = lesson.classroom(camera, microphone);
        lesson.all_connected();
        lesson.run(Duration::from_secs(3));
        lesson.forget();
        lesson.run(Duration::from_secs(1));
        let frames = lesson.pictures(classroom);
        assert!(
            frames.len() >= 24 && frames.iter().all(|frame| layer(frame) == 0),
            "{threads}"
        );
    }
    lesson.run(UNUSED);
    assert_eq!(lesson.clients[teacher].left_out, rids(&["h"]));
}

#[test]
fn a_publisher_that_comes_again_sends_all_and_is_told_so() {
    let mut lesson = Lesson::new(64, 1);
    let (teacher, camera, microphone) = teacher(&mut lesson);
    lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(UNUSED);
    assert_eq!(lesson.clients[teacher].left_out, rids(&["h"]));
    lesson.forget();
    let mut wish = common::publishing(camera, microphone);
    wish.publish[0].simulcast = true;
    lesson.state(teacher, &wish, true).expect("a fresh offer");
    lesson.all_connected();
    lesson.run(Duration::from_secs(3));
    let peer = lesson.clients[teacher].peer;
    let told = |paused: &[&str]| Event::LayersPaused {
        peer,
        track: camera,
        paused: paused.iter().map(|name| (*name).to_owned()).collect(),
    };
    assert_eq!(lesson.count(&told(&[])), 1);
    assert_eq!(lesson.clients[teacher].left_out, []);
    lesson.run(UNUSED);
    assert_eq!(lesson.count(&told(&["h"])), 1);
}
