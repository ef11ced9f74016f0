//! A teacher sends layers: each viewer gets one continuous stream, whatever layer is behind it.

mod common;

use std::time::Duration;

use common::{FRAME, Frame, KEYFRAME, LAYERS, Lesson, watching};
use protocol::id::TrackId;
use sfu::TapEvent;
use str0m::media::Rid;

/// The layer a frame is of, by its size.
fn layer(frame: &Frame) -> usize {
    let of = |bytes: usize| frame.bytes == bytes || frame.bytes == bytes * KEYFRAME;
    LAYERS.iter().position(|(_, bytes)| of(*bytes)).expect("a layer")
}

fn watch_at_height(lesson: &mut Lesson, client: usize, camera: TrackId, microphone: TrackId, height: u16) {
    let mut wish = watching(camera, microphone);
    wish.watch[0].height = height;
    assert!(
        lesson.state(client, &wish, false).is_none(),
        "nothing is negotiated"
    );
}

#[test]
fn a_viewer_sees_the_best_layer_that_flows_without_a_break() {
    let mut lesson = Lesson::new(21, 2);
    let (teacher, camera, microphone) = lesson.teacher_in_layers();
    let classroom = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(3));
    lesson.forget();
    lesson.run(Duration::from_secs(2));
    let best = lesson.pictures(classroom);
    assert!(
        best.len() >= 45 && best.iter().all(|frame| layer(frame) == 0),
        "{}",
        best.len()
    );

    // The teacher's own line gets weak: its browser leaves the largest layer out, later all but the smallest.
    for gone in ["f", "h"] {
        lesson.clients[teacher].left_out.push(Rid::from(gone));
        lesson.run(Duration::from_secs(4));
    }
    lesson.clients[teacher].left_out.clear();
    lesson.run(Duration::from_secs(5));
    let frames = lesson.pictures(classroom);
    let seen: Vec<usize> = frames.iter().map(|frame| layer(frame)).collect();
    assert_eq!(seen.first(), Some(&0));
    assert!(seen.contains(&1) && seen.contains(&2), "{seen:?}");
    assert_eq!(seen.last(), Some(&0), "{seen:?}");
    assert!(frames.iter().all(|frame| frame.contiguous && frame.whole));
    for pair in frames.windows(2) {
        assert!(pair[1].time > pair[0].time, "time goes back");
        assert!(pair[1].number > pair[0].number, "a picture comes twice");
        let changes = layer(pair[0]) != layer(pair[1]);
        assert!(!changes || pair[1].keyframe, "a switch without a keyframe");
    }
    // Timestamps tell the moments at which the pictures were taken, over all switches.
    let (first, last) = (frames[0], frames[frames.len() - 1]);
    let pictures = last.number - first.number;
    let passed = last.time.numer() - first.time.numer();
    let off = passed.abs_diff(pictures * 90_000 / common::FPS);
    assert!(
        off <= 4 * 90_000 / common::FPS,
        "{off} ticks off over {pictures} pictures"
    );
}

#[test]
fn what_a_screen_cannot_show_is_left_to_those_who_can() {
    let mut lesson = Lesson::new(22, 1);
    let (_, camera, microphone) = lesson.teacher_in_layers();
    let large = lesson.classroom(camera, microphone);
    let small = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(3));
    watch_at_height(&mut lesson, small, camera, microphone, 100);
    lesson.run(Duration::from_secs(2));
    lesson.forget();
    lesson.run(Duration::from_secs(2));
    assert!(lesson.pictures(large).iter().all(|frame| layer(frame) == 0));
    let least = lesson.pictures(small);
    assert!(least.len() >= 45 && least.iter().all(|frame| layer(frame) == 2));
}

#[test]
fn losses_around_a_switch_are_repaired() {
    let mut lesson = Lesson::new(23, 2);
    let (teacher, camera, microphone) = lesson.teacher_in_layers();
    let classroom = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(3));
    for client in &mut lesson.clients {
        client.line.loss_down = 50;
        client.line.loss_up = 20;
    }
    lesson.forget();
    for round in 0..6 {
        lesson.clients[teacher].left_out = if round % 2 == 0 {
            vec![Rid::from("f")]
        } else {
            Vec::new()
        };
        lesson.run(Duration::from_secs(4));
    }
    let frames = lesson.pictures(classroom);
    assert!(frames.iter().all(|frame| frame.whole));
    let switches = frames
        .windows(2)
        .filter(|pair| layer(pair[0]) != layer(pair[1]))
        .count();
    assert!(switches >= 4, "{switches}");
    let shown = frames.len() as u64 * 100 / (24 * common::FPS);
    assert!(shown >= 85, "{shown} % of the pictures");
    let whole = frames.windows(2).filter(|pair| pair[1].contiguous).count() * 100 / frames.len();
    assert!(whole >= 97, "{whole} %");
}

#[test]
fn a_recorder_gets_the_best_layer_alone() {
    let mut lesson = Lesson::new(24, 2);
    let (teacher, camera, microphone) = lesson.teacher_in_layers();
    lesson.classroom(camera, microphone);
    let mut tap = lesson.core.tap(lesson.now, lesson.room, &[camera, microphone]);
    lesson.all_connected();
    lesson.run(Duration::from_secs(4));
    lesson.clients[teacher].left_out = vec![Rid::from("f")];
    lesson.run(Duration::from_secs(3));
    let (mut video, mut ups) = (None, 0);
    let (mut sizes, mut frame, mut stamp) = (Vec::new(), 0, None);
    while let Some(event) = tap.try_next() {
        match event {
            TapEvent::TrackUp { number, track, .. } if track == camera => {
                video = Some(number);
                ups += 1;
            }
            TapEvent::TrackDown { number } if Some(number) == video => video = None,
            TapEvent::Rtp { number, packet, .. } if Some(number) == video => {
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
    assert!((2..=5).contains(&ups), "the track came up {ups} times");
    let large = sizes.iter().filter(|bytes| **bytes >= FRAME).count();
    let middle = sizes
        .iter()
        .filter(|bytes| (2_000..FRAME).contains(*bytes))
        .count();
    assert!(large >= 70, "{large} frames of the best layer");
    assert!(middle >= 40, "{middle} of the next after it ended");
}
