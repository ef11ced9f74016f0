//! The screen's picture: slides, changing as the lesson goes.

use std::time::Duration;

use super::ass::{Colour, Drawing, Path, Text, When};
use super::diagram::{Board, Palette, TITLES};
use super::script::Timeline;

const PAPER: Colour = Colour(0xfbfaf6);
const GREEN: Colour = Colour(0x0f5c4a);
const CHALK: Colour = Colour(0xf6f4ee);
const GREY: Colour = Colour(0x6c7672);
const PRINT: Palette = Palette {
    line: Colour(0x2f4a43),
    ink: Colour(0x212b28),
    part: Colour(0xf0b43c),
    accent: Colour(0xc85532),
};

/// Draws all slides.
#[must_use]
pub fn draw(timeline: &Timeline) -> String {
    let mut drawing = Drawing::new(1_920, 1_080);
    for (number, (slide, from, to)) in timeline.slides().into_iter().enumerate() {
        let when = When {
            from,
            to,
            layer: 0,
            tags: "",
        };
        frame(&mut drawing, when, slide, number % TITLES.len() + 1);
        let shown = |from| When {
            from,
            to,
            layer: 2,
            tags: "\\fad(300,0)",
        };
        let second = shown(timeline.second(from, to));
        let mut board = Board {
            drawing: &mut drawing,
            palette: PRINT,
            origin: (192.0, 172.0),
            scale: 2.0,
        };
        board.slide(slide, shown(from), second);
    }
    running_time(&mut drawing, timeline.length);
    drawing.finish()
}

fn frame(drawing: &mut Drawing, when: When<'_>, slide: usize, number: usize) {
    drawing.fill(when, PAPER, &Path::rect(0.0, 0.0, 1_920.0, 1_080.0));
    drawing.fill(when, GREEN, &Path::rect(0.0, 0.0, 1_920.0, 132.0));
    drawing.fill(when, PRINT.part, &Path::rect(0.0, 132.0, 1_920.0, 8.0));
    let text = |size, colour, align, bold| Text {
        size,
        colour,
        align,
        bold,
    };
    let above = When { layer: 1, ..when };
    let title = TITLES.get(slide).copied().unwrap_or_default();
    drawing.write(above, text(72.0, CHALK, 4, true), (80.0, 66.0), title);
    let lesson = "三年级数学　第八单元";
    drawing.write(above, text(42.0, CHALK, 6, false), (1_840.0, 66.0), lesson);
    let page = format!("{number} / {}", TITLES.len());
    drawing.write(above, text(38.0, GREY, 6, false), (1_840.0, 1_030.0), &page);
    drawing.write(
        above,
        text(38.0, GREY, 4, false),
        (80.0, 1_030.0),
        "同课 · 专递课堂",
    );
}

/// A clock in the corner shows that the picture is live even while a slide stands.
fn running_time(drawing: &mut Drawing, length: Duration) {
    for second in 0..length.as_secs() {
        let when = When {
            from: Duration::from_secs(second),
            to: Duration::from_secs(second + 1),
            layer: 4,
            tags: "",
        };
        let style = Text {
            size: 38.0,
            colour: GREY,
            align: 5,
            bold: false,
        };
        let text = format!("{:02}:{:02}", second / 60, second % 60);
        drawing.write(when, style, (960.0, 1_030.0), &text);
    }
}
