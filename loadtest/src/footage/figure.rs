//! The robot teacher herself.

use super::ass::{Colour, Drawing, Path, When};

const SKIN: Colour = Colour(0xf3cfae);
const SKIN_SHADE: Colour = Colour(0xe6b792);
const HAIR: Colour = Colour(0x332926);
const BLOUSE: Colour = Colour(0xd96c4f);
const BLOUSE_SHADE: Colour = Colour(0xc25a40);
const COLLAR: Colour = Colour(0xfbf8f2);
const EYE: Colour = Colour(0x2b2220);
const MOUTH: Colour = Colour(0x963638);
const GLASSES: &str = "\\1a&HFF&\\bord2.5\\3c&H4A4038&";
const BLUSH: &str = "\\1a&H90&\\blur4";
const POINTER: Colour = Colour(0x8a5a2b);

/// How she stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pose {
    /// How wide the mouth is open, 0 to 1.
    pub mouth: f64,
    /// The eyes are shut.
    pub blink: bool,
    /// The head leans, in degrees.
    pub tilt: f64,
    /// The pointing arm is raised, in degrees.
    pub arm: f64,
    /// She leans to a side, in pixels.
    pub sway: f64,
}

/// Draws her with her feet behind the desk, the middle of her at `x`.
pub fn draw(drawing: &mut Drawing, when: When<'_>, x: f64, pose: Pose) {
    let x = x + pose.sway;
    body(drawing, when, x);
    arms(drawing, when, x, pose.arm);
    head(drawing, when, x, pose);
}

fn body(drawing: &mut Drawing, when: When<'_>, x: f64) {
    let neck = Path::polygon(&[
        (x - 22.0, 318.0),
        (x + 22.0, 318.0),
        (x + 26.0, 392.0),
        (x - 26.0, 392.0),
    ]);
    drawing.fill(when, SKIN_SHADE, &neck);
    let torso = Path::curves(
        (x - 30.0, 374.0),
        &[
            [(x - 80.0, 386.0), (x - 104.0, 396.0), (x - 110.0, 440.0)],
            [(x - 116.0, 520.0), (x - 96.0, 620.0), (x - 100.0, 720.0)],
            [(x - 40.0, 722.0), (x + 40.0, 722.0), (x + 100.0, 720.0)],
            [(x + 96.0, 620.0), (x + 116.0, 520.0), (x + 110.0, 440.0)],
            [(x + 104.0, 396.0), (x + 80.0, 386.0), (x + 30.0, 374.0)],
            [(x + 14.0, 400.0), (x - 14.0, 400.0), (x - 30.0, 374.0)],
        ],
    );
    drawing.fill(when, BLOUSE, &torso);
    let collar = Path::polygon(&[
        (x - 34.0, 372.0),
        (x - 8.0, 420.0),
        (x - 40.0, 414.0),
        (x - 52.0, 382.0),
    ])
    .and(&Path::polygon(&[
        (x + 34.0, 372.0),
        (x + 52.0, 382.0),
        (x + 40.0, 414.0),
        (x + 8.0, 420.0),
    ]));
    drawing.fill(when, COLLAR, &collar);
}

fn arms(drawing: &mut Drawing, when: When<'_>, x: f64, raised: f64) {
    // The one at rest lies on the desk.
    let shoulder = (x + 92.0, 430.0);
    let elbow = (x + 128.0, 540.0);
    let hand = (x + 66.0, 590.0);
    limb(drawing, when, [shoulder, elbow, hand], BLOUSE_SHADE);
    // The other one points at the board.
    let shoulder = (x - 92.0, 430.0);
    let angle = raised.to_radians();
    let reach = |from: (f64, f64), length: f64, angle: f64| {
        (from.0 - length * angle.cos(), from.1 - length * angle.sin())
    };
    let elbow = reach(shoulder, 84.0, angle * 0.5 - 0.75);
    let hand = reach(elbow, 92.0, angle + 0.25);
    let tip = reach(hand, 190.0, angle + 0.12);
    drawing.fill(when, POINTER, &Path::line(hand, tip, 6.0));
    drawing.fill(when, COLLAR, &Path::circle(tip.0, tip.1, 5.0));
    limb(drawing, when, [shoulder, elbow, hand], BLOUSE_SHADE);
}

fn limb(drawing: &mut Drawing, when: When<'_>, [shoulder, elbow, hand]: [(f64, f64); 3], sleeve: Colour) {
    drawing.fill(when, sleeve, &Path::line(shoulder, elbow, 46.0));
    drawing.fill(when, sleeve, &Path::circle(shoulder.0, shoulder.1, 23.0));
    drawing.fill(when, sleeve, &Path::circle(elbow.0, elbow.1, 23.0));
    drawing.fill(when, sleeve, &Path::line(elbow, hand, 38.0));
    drawing.fill(when, SKIN, &Path::circle(hand.0, hand.1, 21.0));
}

fn head(drawing: &mut Drawing, when: When<'_>, x: f64, pose: Pose) {
    let lean = format!("{}\\org({x:.1},340)\\frz{:.2}", when.tags, pose.tilt);
    let when = When { tags: &lean, ..when };
    let hair = Path::curves(
        (x - 76.0, 350.0),
        &[
            [(x - 98.0, 250.0), (x - 84.0, 168.0), (x, 164.0)],
            [(x + 84.0, 168.0), (x + 98.0, 250.0), (x + 76.0, 350.0)],
            [(x + 40.0, 362.0), (x - 40.0, 362.0), (x - 76.0, 350.0)],
        ],
    );
    drawing.fill(when, HAIR, &hair);
    drawing.fill(when, SKIN, &Path::ellipse(x, 272.0, 61.0, 72.0));
    let fringe = Path::curves(
        (x - 66.0, 268.0),
        &[
            [(x - 62.0, 214.0), (x - 36.0, 190.0), (x + 6.0, 190.0)],
            [(x + 48.0, 190.0), (x + 66.0, 220.0), (x + 66.0, 268.0)],
            [(x + 54.0, 240.0), (x + 40.0, 226.0), (x + 16.0, 218.0)],
            [(x - 14.0, 240.0), (x - 44.0, 242.0), (x - 66.0, 268.0)],
        ],
    );
    drawing.fill(when, HAIR, &fringe);
    face(drawing, when, x, pose);
}

fn face(drawing: &mut Drawing, when: When<'_>, x: f64, pose: Pose) {
    let tagged = |tags: &str| format!("{}{tags}", when.tags);
    let blush = tagged(BLUSH);
    let glasses = tagged(GLASSES);
    for side in [-1.0, 1.0] {
        let eye = x + side * 25.0;
        let open = if pose.blink { 1.5 } else { 8.0 };
        drawing.fill(when, EYE, &Path::ellipse(eye, 274.0, 6.0, open));
        let brow = Path::line((eye - 12.0, 253.0 + side), (eye + 12.0, 253.0 - side), 4.0);
        drawing.fill(when, HAIR, &brow);
        let rim = Path::rounded(eye - 20.0, 258.0, 40.0, 33.0, 13.0);
        drawing.fill(
            When {
                tags: &glasses,
                ..when
            },
            EYE,
            &rim,
        );
        drawing.fill(
            When { tags: &blush, ..when },
            Colour(0xe88a80),
            &Path::ellipse(x + side * 40.0, 303.0, 11.0, 7.0),
        );
    }
    let bridge = Path::line((x - 5.0, 271.0), (x + 5.0, 271.0), 3.0);
    drawing.fill(when, Colour(0x38404a), &bridge);
    let nose = Path::line((x, 286.0), (x + 3.0, 296.0), 3.0);
    drawing.fill(when, SKIN_SHADE, &nose);
    let (half, deep) = (17.0 - 4.0 * pose.mouth, 2.0 + 15.0 * pose.mouth);
    let mouth = Path::curves(
        (x - half, 313.0),
        &[
            [
                (x - half * 0.5, 313.0),
                (x + half * 0.5, 313.0),
                (x + half, 313.0),
            ],
            [
                (x + half * 0.6, 317.0 + deep),
                (x - half * 0.6, 317.0 + deep),
                (x - half, 313.0),
            ],
        ],
    );
    drawing.fill(when, MOUTH, &mouth);
}
