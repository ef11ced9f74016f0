//! Each viewer gets what its line carries: layers go down and up with it, sound stays.

mod common;

use std::time::{Duration, Instant};

use common::screen::Shown;
use common::{Frame, KEYFRAME, LAYERS, Lesson, Line};
use sfu::Event;

fn layer(frame: &Frame) -> usize {
    let of = |bytes: usize| frame.bytes == bytes || frame.bytes == bytes * KEYFRAME;
    LAYERS.iter().position(|(_, bytes)| of(*bytes)).expect("a layer")
}

fn classroom_on(lesson: &mut Lesson, line: Line) -> usize {
    let (_, camera, microphone) = lesson.teacher_in_layers();
    let classroom = lesson.classroom(camera, microphone);
    lesson.clients[classroom].line = line;
    lesson.all_connected();
    classroom
}

/// Runs `test` with a seed, and with so many after it as `SFU_SEEDS` says.
fn each_seed(first: u64, test: impl Fn(u64)) {
    let count = std::env::var("SFU_SEEDS").ok().and_then(|text| text.parse().ok());
    for number in 0..count.unwrap_or(1) {
        test(first + 100 * number);
    }
}

const GOOD: Line = Line {
    delay: Duration::from_millis(20),
    loss_up: 0,
    loss_down: 0,
    cut: false,
    rate_down: Some(3_000_000),
};

#[test]
fn a_good_line_gets_the_best_layer_within_seconds() {
    each_seed(31, |seed| {
        let mut lesson = Lesson::new(seed, 1);
        let classroom = classroom_on(&mut lesson, GOOD);
        lesson.run(Duration::from_secs(5));
        lesson.forget();
        lesson.run(Duration::from_secs(5));
        let frames = lesson.pictures(classroom);
        assert!(frames.len() >= 120, "{}", frames.len());
        assert!(frames.iter().all(|frame| layer(frame) == 0 && frame.contiguous));
    });
}

/// Bytes of a frame of each layer (1,300, 440 and 140 kbit/s), and how many times as large a keyframe is: as of a talking teacher.
const TALKING: ([usize; 3], usize) = ([6_500, 2_200, 700], 7);

fn talking(frame: &Shown) -> usize {
    let (sizes, larger) = TALKING;
    let of = |bytes: usize| frame.bytes == bytes || frame.bytes == bytes * larger;
    sizes.into_iter().position(of).expect("a layer")
}

/// The line falls for 10 s to `kbps`, which carry the layer `carried` with room for sound, so many ms into a frame or a feedback.
fn falls_and_comes_back(seed: u64, phase: u64, kbps: u64, carried: usize) {
    let mut lesson = Lesson::new(seed, 1);
    lesson.frames = TALKING;
    let (_, camera, microphone) = lesson.teacher_in_layers();
    let classroom = lesson.client();
    lesson.clients[classroom].packets = true;
    let wish = common::watching(camera, microphone);
    lesson.state(classroom, &wish, true).expect("an offer");
    lesson.clients[classroom].line = GOOD;
    lesson.all_connected();
    lesson.run(Duration::from_millis(10_000 + phase));
    lesson.forget();
    let falls = lesson.now;
    lesson.clients[classroom].line.rate_down = Some(kbps * 1_000);
    lesson.run(Duration::from_secs(10));
    let rises = lesson.now;
    lesson.clients[classroom].line.rate_down = GOOD.rate_down;
    lesson.run(Duration::from_secs(10));
    let of = &lesson.clients[classroom];
    let last = |until: Instant| of.screen.shown.iter().rfind(|frame| frame.at < until);
    assert_eq!(last(rises).map(talking), Some(carried), "{kbps}");
    assert_eq!(last(lesson.now).map(talking), Some(0), "back at the best in 10 s");
    let freeze = of.screen.longest_freeze(falls, lesson.now);
    assert!(freeze <= Duration::from_secs(1), "{kbps}: {freeze:?}");
    // 20 s of 50 packets.
    assert!(of.heard.len() >= 20 * 50 * 97 / 100, "{kbps}: {}", of.heard.len());
}

#[test]
fn a_line_that_falls_and_comes_back_never_freezes_the_picture() {
    for (kbps, carried) in [(250, 2), (400, 2), (800, 1)] {
        for phase in (0..500).step_by(70) {
            each_seed(32, |seed| falls_and_comes_back(seed, phase, kbps, carried));
        }
    }
}

#[test]
fn ten_percent_of_random_loss_leave_speech_whole_and_the_picture_moving() {
    each_seed(33, |seed| {
        let mut lesson = Lesson::new(seed, 1);
        let line = Line {
            delay: Duration::from_millis(50),
            loss_up: 100,
            loss_down: 100,
            ..GOOD
        };
        let classroom = classroom_on(&mut lesson, line);
        lesson.run(Duration::from_secs(10));
        lesson.forget();
        lesson.run(Duration::from_secs(20));
        let frames = lesson.pictures(classroom);
        let share = frames.len() as u64 * 100 / (20 * common::FPS);
        assert!(share >= 90, "{share} % of the pictures");
        let best = frames.iter().filter(|frame| layer(frame) == 0).count() * 100 / frames.len();
        assert!(
            best >= 80,
            "{best} % of them of the best layer, which the line carries"
        );
    });
}

#[test]
fn a_line_for_nothing_but_sound_has_sound() {
    each_seed(34, |seed| {
        let mut lesson = Lesson::new(seed, 1);
        let line = Line {
            rate_down: Some(90_000),
            ..GOOD
        };
        let classroom = classroom_on(&mut lesson, line);
        let peer = lesson.clients[classroom].peer;
        lesson.until("it is said", |lesson| {
            lesson.count(&Event::SoundOnly { peer, on: true }) == 1
        });
        lesson.run(Duration::from_secs(8));
        lesson.forget();
        lesson.run(Duration::from_secs(10));
        let sounds = lesson.sounds(classroom);
        // The least probe that looks for the line's return is longer than its queue: each costs a few.
        assert!(sounds.len() >= 475, "{} of 500 packets of sound", sounds.len());
        assert!(lesson.pictures(classroom).len() <= 25, "the picture is given up");
        lesson.clients[classroom].line.rate_down = Some(3_000_000);
        lesson.run(Duration::from_secs(10));
        let last = lesson.pictures(classroom).last().map(|frame| layer(frame));
        assert_eq!(last, Some(0));
        assert_eq!(lesson.count(&Event::SoundOnly { peer, on: false }), 1);
    });
}
