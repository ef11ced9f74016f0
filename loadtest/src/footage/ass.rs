//! Drawings and text in the Advanced SubStation format, which libass draws smoothly at any frame rate.

use std::f64::consts::TAU;
use std::fmt::{Display, Write as _};
use std::time::Duration;

/// Distance of a Bézier circle's control points.
const KAPPA: f64 = 0.552_284_75;
/// The font of all text.
const FONT: &str = "Noto Sans CJK SC";

/// A colour, 0xRRGGBB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u32);

impl Display for Colour {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [_, red, green, blue] = self.0.to_be_bytes();
        write!(out, "&H{blue:02X}{green:02X}{red:02X}&")
    }
}

/// An outline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path(Vec<Step>);

/// One command of an outline: `m`ove, `l`ine or `b`ézier.
type Step = (char, Vec<(f64, f64)>);

impl Path {
    /// Of straight lines between points.
    #[must_use]
    pub fn polygon(points: &[(f64, f64)]) -> Self {
        let mut path = Self::default();
        for (index, &(x, y)) in points.iter().enumerate() {
            path.step(if index == 0 { 'm' } else { 'l' }, &[(x, y)]);
        }
        path
    }

    /// A rectangle.
    #[must_use]
    pub fn rect(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self::polygon(&[(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    }

    /// A rectangle with round corners.
    #[must_use]
    pub fn rounded(x: f64, y: f64, width: f64, height: f64, radius: f64) -> Self {
        let (right, bottom) = (x + width, y + height);
        let pull = radius * (1.0 - KAPPA);
        let mut path = Self::default();
        path.step('m', &[(x + radius, y)]);
        path.step('l', &[(right - radius, y)]);
        path.step('b', &[(right - pull, y), (right, y + pull), (right, y + radius)]);
        path.step('l', &[(right, bottom - radius)]);
        path.step(
            'b',
            &[
                (right, bottom - pull),
                (right - pull, bottom),
                (right - radius, bottom),
            ],
        );
        path.step('l', &[(x + radius, bottom)]);
        path.step(
            'b',
            &[(x + pull, bottom), (x, bottom - pull), (x, bottom - radius)],
        );
        path.step('l', &[(x, y + radius)]);
        path.step('b', &[(x, y + pull), (x + pull, y), (x + radius, y)]);
        path
    }

    /// An ellipse.
    #[must_use]
    pub fn ellipse(x: f64, y: f64, across: f64, down: f64) -> Self {
        let (a, d) = (across * KAPPA, down * KAPPA);
        let mut path = Self::default();
        path.step('m', &[(x, y - down)]);
        path.step('b', &[(x + a, y - down), (x + across, y - d), (x + across, y)]);
        path.step('b', &[(x + across, y + d), (x + a, y + down), (x, y + down)]);
        path.step('b', &[(x - a, y + down), (x - across, y + d), (x - across, y)]);
        path.step('b', &[(x - across, y - d), (x - a, y - down), (x, y - down)]);
        path
    }

    /// A circle.
    #[must_use]
    pub fn circle(x: f64, y: f64, radius: f64) -> Self {
        Self::ellipse(x, y, radius, radius)
    }

    /// A piece of a cake, of turns from the top, clockwise: `pie(x, y, r, 0.0, 0.25)` is the upper right quarter.
    #[must_use]
    pub fn pie(x: f64, y: f64, radius: f64, from: f64, to: f64) -> Self {
        let steps = 48_u32;
        let mut points = vec![(x, y)];
        points.extend((0..=steps).map(|step| {
            let turn = from + (to - from) * f64::from(step) / f64::from(steps);
            (x + radius * (turn * TAU).sin(), y - radius * (turn * TAU).cos())
        }));
        Self::polygon(&points)
    }

    /// A line of some width.
    #[must_use]
    pub fn line(from: (f64, f64), to: (f64, f64), width: f64) -> Self {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(0.001);
        let (nx, ny) = (-dy / length * width / 2.0, dx / length * width / 2.0);
        Self::polygon(&[
            (from.0 + nx, from.1 + ny),
            (to.0 + nx, to.1 + ny),
            (to.0 - nx, to.1 - ny),
            (from.0 - nx, from.1 - ny),
        ])
    }

    /// A smooth outline: a start, and Bézier curves of three points each.
    #[must_use]
    pub fn curves(start: (f64, f64), curves: &[[(f64, f64); 3]]) -> Self {
        let mut path = Self::default();
        path.step('m', &[start]);
        for curve in curves {
            path.step('b', curve);
        }
        path
    }

    /// Both outlines as one.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }

    /// The outline made `scale` times as large, with its (0, 0) at `origin`.
    #[must_use]
    pub fn placed(mut self, origin: (f64, f64), scale: f64) -> Self {
        for (x, y) in self.0.iter_mut().flat_map(|step| &mut step.1) {
            *x = origin.0 + *x * scale;
            *y = origin.1 + *y * scale;
        }
        self
    }

    fn step(&mut self, command: char, points: &[(f64, f64)]) {
        self.0.push((command, points.to_vec()));
    }
}

impl Display for Path {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (command, points) in &self.0 {
            write!(out, "{command} ")?;
            for (x, y) in points {
                write!(out, "{x:.1} {y:.1} ")?;
            }
        }
        Ok(())
    }
}

/// How text looks.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Height of a line in pixels.
    pub size: f64,
    /// Colour.
    pub colour: Colour,
    /// 1 to 9 as on a telephone turned upside down: 7 is the upper left of the text at its place, 5 its middle.
    pub align: u8,
    /// Heavy letters.
    pub bold: bool,
}

/// When something is there, in what layer (higher lies above), and with which further tags.
#[derive(Clone, Copy, Debug)]
pub struct When<'a> {
    /// From.
    pub from: Duration,
    /// To.
    pub to: Duration,
    /// Layer.
    pub layer: u32,
    /// Override tags, such as `\fad(300,0)`.
    pub tags: &'a str,
}

/// A drawing that changes with time.
#[derive(Clone, Debug)]
pub struct Drawing {
    out: String,
}

impl Drawing {
    /// An empty one of so many pixels.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let out = format!(
            "[Script Info]\nScriptType: v4.00+\nPlayResX: {width}\nPlayResY: {height}\nWrapStyle: 2\n\
             ScaledBorderAndShadow: yes\nYCbCr Matrix: None\n\n\
             [V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, \
             BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, \
             Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n\
             Style: D,{FONT},40,&H00FFFFFF,&H00FFFFFF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,0,0,7,0,0,0,1\n\n\
             [Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        );
        Self { out }
    }

    /// Fills an outline.
    pub fn fill(&mut self, when: When<'_>, colour: Colour, path: &Path) {
        let text = format!("{{\\an7\\pos(0,0)\\1c{colour}{}\\p1}}{path}{{\\p0}}", when.tags);
        self.event(when, &text);
    }

    /// Writes at a place.
    pub fn write(&mut self, when: When<'_>, style: Text, (x, y): (f64, f64), words: &str) {
        let Text {
            size,
            colour,
            align,
            bold,
        } = style;
        let bold = u8::from(bold);
        // Braces begin tags and a backslash begins a command: words have neither.
        let words: String = words.chars().filter(|c| !matches!(c, '{' | '}' | '\\')).collect();
        let text = format!(
            "{{\\an{align}\\pos({x:.1},{y:.1})\\fs{size:.1}\\b{bold}\\1c{colour}{}}}{words}",
            when.tags
        );
        self.event(when, &text);
    }

    fn event(&mut self, when: When<'_>, text: &str) {
        if when.to <= when.from {
            return;
        }
        let _ = writeln!(
            self.out,
            "Dialogue: {},{},{},D,,0,0,0,,{text}",
            when.layer,
            clock(when.from),
            clock(when.to)
        );
    }

    /// The file.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }
}

/// `h:mm:ss.cc`.
fn clock(at: Duration) -> String {
    let hundredths = (at.as_millis() + 5) / 10;
    let (seconds, rest) = (hundredths / 100, hundredths % 100);
    format!(
        "{}:{:02}:{:02}.{rest:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_written_backwards() {
        assert_eq!(Colour(0x0f5c4a).to_string(), "&H4A5C0F&");
    }

    #[test]
    fn times_have_hundredths() {
        assert_eq!(clock(Duration::from_millis(3_723_040)), "1:02:03.04");
    }

    #[test]
    fn words_cannot_become_tags() {
        let mut drawing = Drawing::new(100, 100);
        let when = When {
            from: Duration::ZERO,
            to: Duration::from_secs(1),
            layer: 0,
            tags: "",
        };
        let style = Text {
            size: 20.0,
            colour: Colour(0),
            align: 5,
            bold: false,
        };
        drawing.write(when, style, (1.0, 2.0), "{\\b1}词");
        let file = drawing.finish();
        assert!(file.lines().last().is_some_and(|line| line.ends_with("}b1词")));
    }

    #[test]
    fn what_lasts_no_time_is_not_there() {
        let mut drawing = Drawing::new(100, 100);
        let when = When {
            from: Duration::ZERO,
            to: Duration::ZERO,
            layer: 0,
            tags: "",
        };
        drawing.fill(when, Colour(0), &Path::circle(1.0, 1.0, 1.0));
        assert!(!drawing.finish().contains("Dialogue"));
    }
}
