//! Curves over time, as SVG.

use std::fmt::Write as _;

/// Size of the picture and of its margins, in its own units.
const SIZE: (f64, f64) = (900.0, 160.0);
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 18.0;
/// Colours that are told apart with any eyes, on white.
const COLOURS: [&str; 4] = ["#0b5fa5", "#c2410c", "#11662f", "#6b21a8"];

/// A curve.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// Its name.
    pub(super) name: &'static str,
    /// Seconds and values.
    pub(super) points: Vec<(f64, f64)>,
}

/// Draws curves on common axes that begin at 0.
pub(super) fn plot(curves: &[Curve]) -> String {
    let all = || curves.iter().flat_map(|curve| curve.points.iter());
    let last = all().map(|point| point.0).fold(1.0, f64::max);
    let most = ceiling(all().map(|point| point.1).fold(0.0, f64::max));
    let (width, height) = SIZE;
    let (plain_width, plain_height) = (width - LEFT - 10.0, height - TOP - BOTTOM);
    let x = |seconds: f64| LEFT + seconds / last * plain_width;
    let y = |value: f64| TOP + (1.0 - value / most) * plain_height;
    let mut out = format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\">\n");
    // Writing to a String cannot fail.
    for value in [0.0, most / 2.0, most] {
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{1:.1}\" y2=\"{1:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{2:.1}\" y=\"{3:.1}\" text-anchor=\"end\">{value}</text>",
            width - 10.0,
            y(value),
            LEFT - 6.0,
            y(value) + 4.0
        );
    }
    for (seconds, anchor) in [(0.0, "start"), (last / 2.0, "middle"), (last, "end")] {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{seconds:.0} s</text>",
            x(seconds),
            height - 5.0
        );
    }
    for (number, (curve, colour)) in (0_u32..).zip(curves.iter().zip(COLOURS.iter().cycle())) {
        let mut points = String::new();
        for (seconds, value) in &curve.points {
            let _ = write!(points, "{:.1},{:.1} ", x(*seconds), y(*value));
        }
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>\
             <text x=\"{:.1}\" y=\"12\" style=\"fill:{colour}\">{}</text>",
            points.trim_end(),
            LEFT + 160.0 * f64::from(number),
            curve.name
        );
    }
    out + "</svg>\n"
}

/// A round number that is at least `value`: 1, 2 or 5 with zeros.
fn ceiling(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let ten = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * ten)
        .find(|round| *round >= value)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, round) in [
            (0.0, 1.0),
            (0.3, 0.5),
            (1.0, 1.0),
            (37.0, 50.0),
            (2_001.0, 5_000.0),
        ] {
            assert!((ceiling(value) - round).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn points_lie_within_the_picture() {
        let curve = Curve {
            name: "a",
            points: vec![(0.0, 0.0), (5.0, 40.0), (10.0, 100.0)],
        };
        let svg = plot(&[curve]);
        let points = svg
            .split("points=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let points: Vec<&str> = points.expect("a curve").split(' ').collect();
        assert_eq!(points, ["60.0,140.0", "475.0,91.2", "890.0,18.0"]);
    }

    #[test]
    fn nothing_to_draw_is_an_empty_picture() {
        assert!(plot(&[]).contains("</svg>"));
    }
}
