//! How large the pictures may be that a weak device decodes at once. Pure.

use super::{Offered, Wanted};

/// Bounds each picture so that all together are no larger than one of so many lines; 0 is no bound. Each has at least its least layer; what
/// is left raises them by priority. What a line carries is weighed afterwards, within these bounds.
pub(crate) fn bound(lines: u16, tracks: &mut [Wanted]) {
    if lines == 0 {
        return;
    }
    let least = |track: &Wanted| {
        track
            .ladder()
            .steps()
            .next()
            .map_or(0, |(_, offered)| area(&offered))
    };
    let spent: u64 = tracks.iter().map(least).sum();
    let mut left = (u64::from(lines) * u64::from(lines)).saturating_sub(spent);
    let mut below = None;
    while let Some(priority) = highest_below(tracks, below) {
        for track in tracks.iter_mut().filter(|track| track.priority == priority) {
            let paid = least(track);
            let ladder = track.ladder();
            let mut fitting = ladder.steps().rev();
            let chosen = fitting.find(|(_, offered)| area(offered) <= left + paid);
            let chosen = chosen
                .or_else(|| ladder.steps().next())
                .map(|(_, offered)| offered);
            left = (left + paid).saturating_sub(chosen.map_or(paid, |offered| area(&offered)));
            track.at_most = chosen.map_or(0, |offered| offered.height);
        }
        below = Some(priority);
    }
}

fn highest_below(tracks: &[Wanted], below: Option<u8>) -> Option<u8> {
    let priorities = tracks.iter().map(|track| track.priority);
    priorities
        .filter(|priority| below.is_none_or(|below| *priority < below))
        .max()
}

/// The shape of a picture is about the same for all; what is not known costs nothing.
fn area(offered: &Offered) -> u64 {
    u64::from(offered.height) * u64::from(offered.height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocation::allocate;

    const fn layer(kbps: u64, height: u16) -> Option<Offered> {
        Some(Offered {
            rate: kbps * 1_000,
            height,
            asleep: false,
        })
    }

    const CAMERA: [Option<Offered>; 3] = [layer(1_500, 720), layer(500, 360), layer(150, 180)];
    const SCREEN: [Option<Offered>; 3] = [layer(400, 1_080), None, None];

    fn decide(lines: u16, kbps: u64, tracks: &[(u8, [Option<Offered>; 3])]) -> Vec<Option<u8>> {
        let mut wanted: Vec<Wanted> = tracks
            .iter()
            .map(|(priority, layers)| Wanted {
                priority: *priority,
                now: Some(0),
                layers: *layers,
                ..Wanted::default()
            })
            .collect();
        bound(lines, &mut wanted);
        let mut chosen = vec![None; wanted.len()];
        allocate(Some(kbps * 1_000), &wanted, &mut chosen);
        chosen
    }

    #[test]
    fn a_weak_device_gets_what_it_decodes_on_any_line() {
        let camera = [(100, CAMERA)];
        for (lines, kbps, expected) in [
            (0, 9_000, 0),
            (1_080, 9_000, 0),
            (720, 9_000, 0),
            (719, 9_000, 1),
            (360, 9_000, 1),
            (200, 9_000, 2),
            // The least is sent to whoever is there.
            (90, 9_000, 2),
            // The line bounds as before.
            (720, 600, 1),
            (360, 200, 2),
        ] {
            assert_eq!(decide(lines, kbps, &camera), [Some(expected)], "{lines} {kbps}");
        }
    }

    #[test]
    fn what_is_left_goes_to_the_first_by_priority() {
        let teacher_and_stage = [(100, CAMERA), (200, CAMERA), (100, CAMERA)];
        for (lines, expected) in [
            (0, [0, 0, 0]),
            (1_250, [0, 0, 0]),
            (1_110, [0, 0, 1]),
            (900, [1, 0, 1]),
            (850, [1, 0, 2]),
            (770, [2, 0, 2]),
            (700, [1, 1, 1]),
            (500, [2, 1, 2]),
            (300, [2, 2, 2]),
        ] {
            assert_eq!(
                decide(lines, 9_000, &teacher_and_stage),
                expected.map(Some),
                "{lines}"
            );
        }
        // A screen has one layer: the camera beside it is what gets smaller.
        let with_screen = [(150, CAMERA), (200, SCREEN)];
        assert_eq!(decide(1_100, 9_000, &with_screen), [Some(2), Some(0)]);
        assert_eq!(decide(1_300, 9_000, &with_screen), [Some(0), Some(0)]);
    }

    #[test]
    fn sizes_nobody_told_are_not_bounded() {
        let unknown = [layer(900, 0), layer(300, 0), None];
        assert_eq!(decide(180, 9_000, &[(100, unknown)]), [Some(0)]);
    }
}
