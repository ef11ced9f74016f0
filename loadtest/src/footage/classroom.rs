//! The camera's picture: the robot teacher at the blackboard of a classroom, with a running clock.

use std::f64::consts::TAU;
use std::time::Duration;

use super::ass::{Colour, Drawing, Path, Text, When};
use super::diagram::{Board, Palette, TITLES};
use super::figure::{self, Pose};
use super::script::Timeline;

/// How often she moves: every frame.
pub const STEP: Duration = Duration::from_millis(40);

const WALL: Colour = Colour(0xf1eadb);
const WAINSCOT: Colour = Colour(0xcfddd3);
const WOOD: Colour = Colour(0xb08048);
const WOOD_DARK: Colour = Colour(0x8d6233);
const BOARD: Colour = Colour(0x0f5c4a);
const CHALK: Colour = Colour(0xf6f4ee);
const RED: Colour = Colour(0xc83a32);
const DARK: Colour = Colour(0x333836);
const CHALKS: Palette = Palette {
    line: Colour(0xe4eae2),
    ink: CHALK,
    part: Colour(0xf2c14e),
    accent: Colour(0xffd97a),
};
/// Middle of the teacher.
const TEACHER: f64 = 1_048.0;
/// Middle and radius of the clock.
const CLOCK: (f64, f64, f64) = (1_190.0, 92.0, 52.0);
const WALLS: u32 = 0;
const WRITING: u32 = 2;
const PERSON: u32 = 6;
const DESK: u32 = 8;

/// Draws the whole lesson; `levels` is how loud each [`STEP`] is.
#[must_use]
pub fn draw(timeline: &Timeline, levels: &[f64]) -> String {
    let mut drawing = Drawing::new(1_280, 720);
    let always = When {
        from: Duration::ZERO,
        to: timeline.length,
        layer: WALLS,
        tags: "",
    };
    room(&mut drawing, always);
    for (slide, from, to) in timeline.slides() {
        board(&mut drawing, timeline, (slide, from, to));
    }
    clock(&mut drawing, timeline.length);
    teacher(&mut drawing, timeline, levels);
    desk(
        &mut drawing,
        When {
            layer: DESK,
            ..always
        },
    );
    for line in &timeline.lines {
        let when = When {
            from: line.start,
            to: line.end + Duration::from_millis(300),
            layer: DESK + 2,
            tags: "\\fad(120,160)",
        };
        caption(&mut drawing, when, line.text);
    }
    drawing.finish()
}

fn room(drawing: &mut Drawing, when: When<'_>) {
    drawing.fill(when, WALL, &Path::rect(0.0, 0.0, 1_280.0, 720.0));
    drawing.fill(when, WAINSCOT, &Path::rect(0.0, 560.0, 1_280.0, 160.0));
    drawing.fill(when, Colour(0xb7c9bd), &Path::rect(0.0, 556.0, 1_280.0, 6.0));
    let motto = Text {
        size: 38.0,
        colour: RED,
        align: 5,
        bold: true,
    };
    drawing.write(when, motto, (450.0, 38.0), "好　好　学　习　　天　天　向　上");
    drawing.fill(when, WOOD, &Path::rounded(50.0, 70.0, 800.0, 446.0, 8.0));
    drawing.fill(when, BOARD, &Path::rect(66.0, 86.0, 768.0, 414.0));
    drawing.fill(when, WOOD_DARK, &Path::rounded(40.0, 510.0, 820.0, 16.0, 5.0));
    for (x, colour) in [(120.0, CHALK), (160.0, Colour(0xf2c14e)), (200.0, CHALK)] {
        drawing.fill(when, colour, &Path::rounded(x, 503.0, 28.0, 7.0, 3.0));
    }
    drawing.fill(
        when,
        Colour(0x4a5a66),
        &Path::rounded(700.0, 494.0, 60.0, 17.0, 4.0),
    );
}

fn board(drawing: &mut Drawing, timeline: &Timeline, (slide, from, to): (usize, Duration, Duration)) {
    let written = |from| When {
        from,
        to,
        layer: WRITING,
        tags: "\\fad(400,200)",
    };
    if slide > 0 {
        let title = Text {
            size: 40.0,
            colour: CHALK,
            align: 7,
            bold: true,
        };
        drawing.write(written(from), title, (92.0, 96.0), TITLES[slide]);
    }
    let mut board = Board {
        drawing,
        palette: CHALKS,
        origin: (66.0, 86.0),
        scale: 1.0,
    };
    board.slide(slide, written(from), written(timeline.second(from, to)));
}

fn clock(drawing: &mut Drawing, length: Duration) {
    let (x, y, radius) = CLOCK;
    let always = When {
        from: Duration::ZERO,
        to: length,
        layer: WALLS,
        tags: "",
    };
    drawing.fill(always, DARK, &Path::circle(x, y, radius + 5.0));
    drawing.fill(always, Colour(0xffffff), &Path::circle(x, y, radius));
    for hour in 0..12 {
        let turn = f64::from(hour) / 12.0 * TAU;
        let at = |part: f64| (x + radius * part * turn.sin(), y - radius * part * turn.cos());
        drawing.fill(always, DARK, &Path::line(at(0.84), at(0.95), 3.0));
    }
    let seconds = u32::try_from(length.as_secs()).unwrap_or(u32::MAX);
    for second in 0..seconds {
        let when = When {
            from: Duration::from_secs(u64::from(second)),
            to: Duration::from_secs(u64::from(second) + 1),
            layer: WALLS + 1,
            tags: "",
        };
        let mut hand = |turns: f64, part: f64, width: f64, colour| {
            let turn = turns * TAU;
            let tip = (x + radius * part * turn.sin(), y - radius * part * turn.cos());
            drawing.fill(when, colour, &Path::line((x, y), tip, width));
        };
        // The lesson begins at ten past nine.
        let minutes = 10.0 + f64::from(second) / 60.0;
        hand((9.0 + minutes / 60.0) / 12.0, 0.52, 6.0, DARK);
        hand(minutes / 60.0, 0.78, 4.0, DARK);
        hand(f64::from(second) / 60.0, 0.86, 2.0, RED);
        let digits = Text {
            size: 30.0,
            colour: DARK,
            align: 5,
            bold: true,
        };
        let text = format!("{:02}:{:02}", second / 60, second % 60);
        drawing.write(when, digits, (x, y + radius + 26.0), &text);
    }
}

fn teacher(drawing: &mut Drawing, timeline: &Timeline, levels: &[f64]) {
    let steps = timeline.length.as_millis() / STEP.as_millis();
    let mut smooth = 0.0;
    for step in 0..u32::try_from(steps).unwrap_or(u32::MAX) {
        let level = usize::try_from(step)
            .ok()
            .and_then(|step| levels.get(step))
            .copied()
            .unwrap_or(0.0);
        // The mouth follows at once, the arm slowly.
        smooth += (level - smooth) * 0.06;
        let at = f64::from(step) * STEP.as_secs_f64();
        let pose = Pose {
            mouth: level,
            blink: step % 97 < 4,
            tilt: 2.2 * (at * 0.9).sin() + 1.2 * (at * 2.3).sin(),
            arm: 4.0 + 26.0 * smooth + 5.0 * (at * 1.7).sin(),
            sway: 6.0 * (at * 0.5).sin(),
        };
        let when = When {
            from: STEP * step,
            to: STEP * (step + 1),
            layer: PERSON,
            tags: "",
        };
        figure::draw(drawing, when, TEACHER, pose);
    }
}

fn desk(drawing: &mut Drawing, when: When<'_>) {
    drawing.fill(when, WOOD, &Path::rounded(880.0, 600.0, 340.0, 24.0, 6.0));
    drawing.fill(when, WOOD_DARK, &Path::rect(900.0, 624.0, 300.0, 96.0));
    let sign = Text {
        size: 40.0,
        colour: CHALK,
        align: 5,
        bold: true,
    };
    drawing.write(when, sign, (1_050.0, 672.0), "同　课");
    drawing.fill(
        when,
        Colour(0xf9f7f2),
        &Path::polygon(&[(912.0, 600.0), (924.0, 582.0), (1_004.0, 582.0), (1_000.0, 600.0)]),
    );
}

fn caption(drawing: &mut Drawing, when: When<'_>, words: &str) {
    let shaded = format!("{}\\1a&H40&", when.tags);
    let band = When {
        tags: &shaded,
        ..when
    };
    drawing.fill(band, DARK, &Path::rounded(40.0, 636.0, 830.0, 56.0, 12.0));
    let style = Text {
        size: 34.0,
        colour: CHALK,
        align: 5,
        bold: false,
    };
    let above = When {
        layer: when.layer + 1,
        ..when
    };
    drawing.write(above, style, (455.0, 664.0), words);
}
