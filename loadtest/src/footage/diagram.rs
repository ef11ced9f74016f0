//! What each slide shows, drawn once for the blackboard and the screen: 768 by 408 units, in the colours of either.

use super::ass::{Colour, Drawing, Path, Text, When};

/// Colours of a board.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Lines.
    pub line: Colour,
    /// Words.
    pub ink: Colour,
    /// What is taken of the whole.
    pub part: Colour,
    /// What is pointed out.
    pub accent: Colour,
}

/// A board to draw on.
#[derive(Debug)]
pub struct Board<'a> {
    /// Where it is drawn into.
    pub drawing: &'a mut Drawing,
    /// Its colours.
    pub palette: Palette,
    /// Place of its upper left corner.
    pub origin: (f64, f64),
    /// Pixels of a unit.
    pub scale: f64,
}

/// Name of each slide.
pub const TITLES: [&str; 7] = [
    "分数的初步认识",
    "平均分",
    "四分之几",
    "分数各部分的名称",
    "比一比",
    "练一练",
    "小结",
];

impl Board<'_> {
    /// Draws a slide: `first` is there from the beginning, `second` comes with the second sentence.
    pub fn slide(&mut self, slide: usize, first: When<'_>, second: When<'_>) {
        match slide {
            0 => self.opening(first, second),
            1 => self.halves(first, second),
            2 => self.quarters(first, second),
            3 => self.names(first, second),
            4 => self.compare(first, second),
            5 => self.exercise(first, second),
            _ => self.summary(first, second),
        }
    }

    fn opening(&mut self, first: When<'_>, second: When<'_>) {
        self.words(first, 64.0, (384.0, 150.0), self.palette.ink, TITLES[0]);
        self.stroke(first, (150.0, 205.0), (618.0, 205.0), 4.0);
        self.words(
            first,
            30.0,
            (384.0, 250.0),
            self.palette.line,
            "三年级　数学　上册",
        );
        for (index, parts) in [2, 3, 4].into_iter().enumerate() {
            let x = 244.0 + 140.0 * number(index);
            self.cake(second, (x, 335.0), 50.0, parts, 1);
        }
    }

    fn halves(&mut self, first: When<'_>, second: When<'_>) {
        self.cake(first, (230.0, 220.0), 140.0, 2, 0);
        self.cake(second, (230.0, 220.0), 140.0, 2, 1);
        self.fraction(second, (560.0, 200.0), 90.0, "1", "2");
        self.words(second, 34.0, (560.0, 360.0), self.palette.accent, "二分之一");
    }

    fn quarters(&mut self, first: When<'_>, second: When<'_>) {
        for (when, x, taken, top, name) in [
            (first, 200.0, 1, "1", "四分之一"),
            (second, 568.0, 3, "3", "四分之三"),
        ] {
            self.cake(when, (x - 70.0, 210.0), 105.0, 4, taken);
            self.fraction(when, (x + 95.0, 205.0), 64.0, top, "4");
            self.words(when, 32.0, (x, 365.0), self.palette.accent, name);
        }
    }

    fn names(&mut self, first: When<'_>, second: When<'_>) {
        self.fraction(first, (230.0, 215.0), 120.0, "3", "4");
        for (y, name) in [(130.0, "分子"), (215.0, "分数线"), (300.0, "分母")] {
            self.stroke(first, (330.0, y), (420.0, y), 3.0);
            self.left(first, 38.0, (440.0, y), self.palette.ink, name);
        }
        self.left(second, 28.0, (540.0, 130.0), self.palette.accent, "取了几份");
        self.left(second, 28.0, (540.0, 300.0), self.palette.accent, "平均分成几份");
    }

    fn compare(&mut self, first: When<'_>, second: When<'_>) {
        for (x, parts, bottom) in [(180.0, 2, "2"), (588.0, 4, "4")] {
            self.cake(first, (x, 175.0), 95.0, parts, 1);
            self.fraction(first, (x, 340.0), 44.0, "1", bottom);
        }
        self.words(first, 90.0, (384.0, 175.0), self.palette.line, "？");
        self.words(second, 120.0, (384.0, 330.0), self.palette.accent, ">");
    }

    fn exercise(&mut self, first: When<'_>, second: When<'_>) {
        let (x, y, width, height) = (110.0, 110.0, 260.0, 220.0);
        for (column, row) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)] {
            let part = Path::rect(
                x + column * width / 2.0,
                y + row * height / 2.0,
                width / 2.0,
                height / 2.0,
            );
            self.fill(second, self.palette.part, part);
        }
        for (from, to) in [
            ((x, y), (x + width, y)),
            ((x, y + height), (x + width, y + height)),
            ((x, y), (x, y + height)),
            ((x + width, y), (x + width, y + height)),
            ((x + width / 2.0, y), (x + width / 2.0, y + height)),
            ((x, y + height / 2.0), (x + width, y + height / 2.0)),
        ] {
            self.stroke(first, from, to, 4.0);
        }
        self.left(first, 34.0, (430.0, 140.0), self.palette.ink, "① 对折两次");
        self.left(second, 34.0, (430.0, 215.0), self.palette.ink, "② 涂出四分之三");
        self.left(
            second,
            34.0,
            (430.0, 290.0),
            self.palette.accent,
            "③ 涂好了请举手",
        );
    }

    fn summary(&mut self, first: When<'_>, second: When<'_>) {
        self.left(
            first,
            34.0,
            (90.0, 130.0),
            self.palette.ink,
            "把一个整体平均分成几份，",
        );
        self.left(
            first,
            34.0,
            (90.0, 190.0),
            self.palette.ink,
            "取其中的一份或几份，就是分数。",
        );
        self.fraction(first, (180.0, 315.0), 50.0, "1", "2");
        self.fraction(first, (290.0, 315.0), 50.0, "1", "4");
        self.fraction(first, (400.0, 315.0), 50.0, "3", "4");
        self.words(second, 44.0, (590.0, 315.0), self.palette.accent, "下课！");
    }

    /// A cake in `parts`, of which some are taken.
    fn cake(&mut self, when: When<'_>, (x, y): (f64, f64), radius: f64, parts: u32, taken: u32) {
        let of = f64::from(parts);
        if taken > 0 {
            let piece = Path::pie(x, y, radius, 0.0, f64::from(taken) / of);
            self.fill(when, self.palette.part, piece);
        }
        let rim = format!(
            "{}\\1a&HFF&\\bord{:.1}\\3c{}",
            when.tags,
            2.6 * self.scale,
            self.palette.line
        );
        let outlined = When {
            tags: &rim,
            layer: when.layer + 1,
            ..when
        };
        self.fill(outlined, self.palette.line, Path::circle(x, y, radius));
        for cut in 0..parts {
            let turn = f64::from(cut) / of * std::f64::consts::TAU;
            let edge = (x + radius * turn.sin(), y - radius * turn.cos());
            self.stroke(when, (x, y), edge, 4.0);
        }
    }

    /// A fraction with its line in the middle of `place`.
    fn fraction(&mut self, when: When<'_>, (x, y): (f64, f64), size: f64, top: &str, bottom: &str) {
        self.words(when, size, (x, y - size * 0.62), self.palette.ink, top);
        self.stroke(when, (x - size * 0.55, y), (x + size * 0.55, y), size * 0.07);
        self.words(when, size, (x, y + size * 0.62), self.palette.ink, bottom);
    }

    fn stroke(&mut self, when: When<'_>, from: (f64, f64), to: (f64, f64), width: f64) {
        let above = When {
            layer: when.layer + 1,
            ..when
        };
        self.fill(above, self.palette.line, Path::line(from, to, width));
    }

    fn fill(&mut self, when: When<'_>, colour: Colour, path: Path) {
        self.drawing
            .fill(when, colour, &path.placed(self.origin, self.scale));
    }

    fn words(&mut self, when: When<'_>, size: f64, at: (f64, f64), colour: Colour, words: &str) {
        self.text(when, size, at, colour, 5, words);
    }

    fn left(&mut self, when: When<'_>, size: f64, at: (f64, f64), colour: Colour, words: &str) {
        self.text(when, size, at, colour, 4, words);
    }

    fn text(
        &mut self,
        when: When<'_>,
        size: f64,
        (x, y): (f64, f64),
        colour: Colour,
        align: u8,
        words: &str,
    ) {
        let style = Text {
            size: size * self.scale * 1.25,
            colour,
            align,
            bold: true,
        };
        let place = (self.origin.0 + x * self.scale, self.origin.1 + y * self.scale);
        let above = When {
            layer: when.layer + 1,
            ..when
        };
        self.drawing.write(above, style, place, words);
    }
}

fn number(index: usize) -> f64 {
    u32::try_from(index).map_or(0.0, f64::from)
}
