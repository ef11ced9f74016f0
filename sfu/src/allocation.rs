//! Which layer of each track a viewer gets, within what its line carries. Pure.
//!
//! Audio is not here: it is never given up, and its rate is taken off the budget before. Of the videos the one of highest priority
//! gets its least layer first, then the next, and so on; what is left raises them in the same order.

pub(crate) mod decoding;

use crate::packet::MAX_LAYERS;

/// A layer is kept while the line carries this share of it: the estimate is never exact, and a picture that comes and goes is worse
/// than one that is late for a moment.
const KEEP: f64 = 0.9;
/// A layer that is not sent yet has to fit with so much room, so that what is raised is not lowered at once.
const RAISE: f64 = 1.15;

/// A layer that comes in, or would if it were wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Offered {
    /// Bits per second.
    pub(crate) rate: u64,
    /// Lines of its picture; 0 is unknown.
    pub(crate) height: u16,
    /// Its publisher was asked to pause it; it comes again when it is chosen.
    pub(crate) asleep: bool,
}

/// A track a viewer wants to see.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    /// 255 is given up last.
    pub(crate) priority: u8,
    /// Height on screen; 0 is unknown.
    pub(crate) height: u16,
    /// Lines its decoder has time for; 0 is no bound. The least layer is sent whatever it has.
    pub(crate) at_most: u16,
    /// The layer that was decided on before.
    pub(crate) now: Option<u8>,
    /// The layers that flow or sleep.
    pub(crate) layers: [Option<Offered>; MAX_LAYERS],
}

impl Wanted {
    /// The layer that takes the least.
    pub(crate) fn least(&self) -> Option<u8> {
        self.ladder().steps().next().map(|(layer, _)| layer)
    }

    /// The best layer that the screen can show.
    pub(crate) fn best(&self) -> Option<u8> {
        self.ladder().best().map(|(layer, _)| layer)
    }

    /// What is sent for a chosen layer: itself, or until it is awake the best one below that is. Where there is none, what is sent now.
    pub(crate) fn meanwhile(&self, chosen: Option<u8>) -> Option<u8> {
        let ladder = self.ladder();
        let sleeps = |layer: u8| {
            let mut steps = ladder.steps();
            steps.any(|(number, offered)| number == layer && offered.asleep)
        };
        let Some(layer) = chosen.filter(|layer| sleeps(*layer)) else {
            return chosen;
        };
        let below = ladder.steps().take_while(|(number, _)| *number != layer);
        let awake = below.filter(|(_, offered)| !offered.asleep).last();
        awake.map_or(self.now, |(number, _)| Some(number))
    }

    /// Its layers from the least to the best that the screen can show.
    fn ladder(&self) -> Ladder {
        let mut steps = [None; MAX_LAYERS];
        let flowing = self.layers.iter().enumerate();
        let flowing = flowing.filter_map(|(number, offered)| Some((number as u8, (*offered)?)));
        for (slot, step) in steps.iter_mut().zip(flowing) {
            *slot = Some(step);
        }
        // A large picture of something still may take less than a small one.
        let known = steps.iter().flatten().all(|(_, offered)| offered.height > 0);
        steps.sort_by_key(|step| {
            step.map_or((true, 0, 0), |(_, offered)| {
                let height = if known { offered.height } else { 0 };
                (false, height, offered.rate)
            })
        });
        let enough = steps
            .iter()
            .flatten()
            .position(|(_, offered)| self.height > 0 && offered.height > 0 && offered.height >= self.height);
        let end = enough.map_or(MAX_LAYERS, |at| {
            // Of equal height are those that differ in frames.
            let height = |at: usize| {
                steps
                    .get(at)
                    .copied()
                    .flatten()
                    .map(|(_, offered)| offered.height)
            };
            (at..MAX_LAYERS)
                .take_while(|next| height(*next) == height(at))
                .count()
                + at
        });
        let too_large = |step: &Option<(u8, Offered)>| {
            self.at_most > 0 && step.is_some_and(|(_, offered)| offered.height > self.at_most)
        };
        let decodable = steps
            .iter()
            .position(too_large)
            .map_or(MAX_LAYERS, |at| at.max(1));
        let end = end.min(if known { decodable } else { MAX_LAYERS });
        for beyond in steps.iter_mut().skip(end) {
            *beyond = None;
        }
        Ladder(steps)
    }
}

struct Ladder([Option<(u8, Offered)>; MAX_LAYERS]);

impl Ladder {
    fn steps(&self) -> impl DoubleEndedIterator<Item = (u8, Offered)> + '_ {
        self.0.iter().flatten().copied()
    }

    fn best(&self) -> Option<(u8, Offered)> {
        self.steps().next_back()
    }

    fn rate(&self, layer: Option<u8>) -> u64 {
        self.steps()
            .find(|(number, _)| Some(*number) == layer)
            .map_or(0, |(_, offered)| offered.rate)
    }
}

/// What the best of everything takes, in bits per second.
pub(crate) fn appetite(tracks: &[Wanted]) -> u64 {
    tracks
        .iter()
        .filter_map(|track| track.ladder().best())
        .map(|(_, offered)| offered.rate)
        .sum()
}

/// What the chosen layers take, in bits per second.
pub(crate) fn rate(tracks: &[Wanted], chosen: &[Option<u8>]) -> u64 {
    let of = |(track, layer): (&Wanted, &Option<u8>)| track.ladder().rate(*layer);
    tracks.iter().zip(chosen).map(of).sum()
}

/// Decides; `chosen` has a place for each track. `None` as budget is a line nothing is known of: everything is sent at its best.
/// A track none of whose layers flows keeps what was decided before.
pub(crate) fn allocate(budget: Option<u64>, tracks: &[Wanted], chosen: &mut [Option<u8>]) {
    let Some(budget) = budget else {
        for (track, chosen) in tracks.iter().zip(chosen) {
            *chosen = track.ladder().best().map(|(layer, _)| layer).or(track.now);
        }
        return;
    };
    let mut left = budget as f64;
    let mut order = [0u8; 256];
    let count = tracks.len().min(chosen.len()).min(order.len());
    for (at, place) in order.iter_mut().enumerate().take(count) {
        *place = at as u8;
    }
    let order = &mut order[..count];
    order.sort_by_key(|at| std::cmp::Reverse(tracks[usize::from(*at)].priority));
    for at in order.iter().map(|at| usize::from(*at)) {
        let track = &tracks[at];
        let ladder = track.ladder();
        chosen[at] = match ladder.steps().next() {
            None => track.now,
            Some((least, offered)) => {
                let fits = left >= offered.rate as f64 * margin(track.now.is_some());
                if fits {
                    left -= offered.rate as f64;
                }
                fits.then_some(least)
            }
        };
    }
    for at in order.iter().map(|at| usize::from(*at)) {
        let track = &tracks[at];
        let ladder = track.ladder();
        if chosen[at].is_none() {
            continue;
        }
        let paid = ladder.rate(chosen[at]) as f64;
        let current = ladder.rate(track.now);
        let raised = ladder.steps().rev().find(|(_, offered)| {
            left + paid >= offered.rate as f64 * margin(track.now.is_some() && offered.rate <= current)
        });
        if let Some((layer, offered)) = raised
            && offered.rate as f64 > paid
        {
            left += paid - offered.rate as f64;
            chosen[at] = Some(layer);
        }
    }
}

fn margin(sent: bool) -> f64 {
    if sent { KEEP } else { RAISE }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAMERA: [Option<Offered>; MAX_LAYERS] = [layer(1_500, 720), layer(500, 360), layer(150, 180)];
    const SCREEN: [Option<Offered>; MAX_LAYERS] = [layer(400, 1_080), None, None];

    const fn layer(kbps: u64, height: u16) -> Option<Offered> {
        Some(Offered {
            rate: kbps * 1_000,
            height,
            asleep: false,
        })
    }

    fn wanted(priority: u8, now: Option<u8>, layers: [Option<Offered>; MAX_LAYERS]) -> Wanted {
        Wanted {
            priority,
            height: 0,
            at_most: 0,
            now,
            layers,
        }
    }

    fn decide(kbps: u64, tracks: &[Wanted]) -> Vec<Option<u8>> {
        let mut chosen = vec![None; tracks.len()];
        allocate(Some(kbps * 1_000), tracks, &mut chosen);
        chosen
    }

    #[test]
    fn a_lone_camera_gets_the_best_that_fits() {
        let table = [
            (2_000, Some(0), Some(0)),
            (1_600, None, Some(1)),
            (1_600, Some(0), Some(0)),
            // A little too much is kept for a while.
            (1_400, Some(0), Some(0)),
            (1_300, Some(0), Some(1)),
            (560, Some(2), Some(2)),
            (580, Some(2), Some(1)),
            (180, None, Some(2)),
            (160, None, None),
            (140, Some(2), Some(2)),
            (130, Some(2), None),
        ];
        for (kbps, now, expected) in table {
            assert_eq!(
                decide(kbps, &[wanted(100, now, CAMERA)]),
                [expected],
                "{kbps} {now:?}"
            );
        }
    }

    #[test]
    fn the_screen_comes_before_the_camera() {
        let both = |now| [wanted(100, now, CAMERA), wanted(200, now, SCREEN)];
        assert_eq!(decide(3_000, &both(Some(0))), [Some(0), Some(0)]);
        assert_eq!(decide(1_200, &both(Some(0))), [Some(1), Some(0)]);
        assert_eq!(decide(600, &both(Some(0))), [Some(2), Some(0)]);
        assert_eq!(decide(450, &both(Some(0))), [None, Some(0)]);
        assert_eq!(decide(200, &both(Some(0))), [Some(2), None]);
        assert_eq!(decide(50, &both(Some(0))), [None, None]);
    }

    #[test]
    fn what_the_screen_cannot_show_is_not_sent() {
        let small = Wanted {
            height: 200,
            ..wanted(100, None, CAMERA)
        };
        assert_eq!(decide(9_000, &[small]), [Some(1)]);
        assert_eq!(appetite(&[small]), 500_000);
        let tiny = Wanted { height: 90, ..small };
        assert_eq!(decide(9_000, &[tiny]), [Some(2)]);
    }

    #[test]
    fn layers_of_one_height_differ_in_frames() {
        let layers = [layer(900, 720), layer(600, 720), layer(400, 720)];
        let on = |height| Wanted {
            height,
            ..wanted(100, None, layers)
        };
        assert_eq!(decide(2_000, &[on(360)]), [Some(0)]);
        assert_eq!(decide(800, &[on(0)]), [Some(1)]);
        assert_eq!(decide(500, &[on(720)]), [Some(2)]);
    }

    #[test]
    fn a_layer_that_sleeps_is_chosen_and_another_is_sent_until_it_is_awake() {
        let mut layers = CAMERA;
        for at in [0, 1] {
            layers[at] = layers[at].map(|offered| Offered {
                asleep: true,
                ..offered
            });
        }
        let on = |now| wanted(100, now, layers);
        let chosen = decide(700, &[on(Some(2))]);
        assert_eq!((chosen[0], on(Some(2)).meanwhile(chosen[0])), (Some(1), Some(2)));
        assert_eq!(on(Some(2)).meanwhile(Some(0)), Some(2));
        assert_eq!(on(Some(2)).meanwhile(Some(2)), Some(2));
        assert_eq!(on(Some(2)).meanwhile(None), None);
        layers[2] = None;
        assert_eq!(wanted(100, Some(2), layers).meanwhile(Some(0)), Some(2));
    }

    #[test]
    fn without_an_estimate_everything_is_sent_and_what_does_not_flow_stays_as_it_is() {
        let mut chosen = [None, Some(1)];
        let silent = wanted(100, Some(1), [None; MAX_LAYERS]);
        allocate(None, &[wanted(1, None, CAMERA), silent], &mut chosen);
        assert_eq!(chosen, [Some(0), Some(1)]);
        assert_eq!(decide(1_000, &[silent]), [Some(1)]);
    }

    fn any_track() -> impl Strategy<Value = Wanted> {
        let layers = proptest::array::uniform3(proptest::option::of((1u64..3_000, 0u16..1_200)));
        (any::<u8>(), 0u16..1_200, proptest::option::of(0u8..3), layers).prop_map(
            |(priority, height, now, layers)| Wanted {
                priority,
                height,
                at_most: 0,
                now,
                layers: layers.map(|layer| {
                    layer.map(|(kbps, height)| Offered {
                        rate: kbps * 1_000,
                        height,
                        asleep: false,
                    })
                }),
            },
        )
    }

    proptest! {
        /// The budget is kept but for what is carried on, the result is stable, and more budget never gives less.
        #[test]
        fn it_fits_is_stable_and_rises_with_the_budget(
            tracks in proptest::collection::vec(any_track(), 0..6),
            kbps in 0u64..8_000,
        ) {
            let tracks: Vec<Wanted> = tracks;
            let chosen = decide(kbps, &tracks);
            let spent: u64 = tracks.iter().zip(&chosen).map(|(track, layer)| track.ladder().rate(*layer)).sum();
            prop_assert!(spent as f64 * KEEP <= (kbps * 1_000) as f64 + 1.0);
            let again: Vec<Wanted> = tracks
                .iter()
                .zip(&chosen)
                .map(|(track, layer)| Wanted { now: *layer, ..*track })
                .collect();
            let mut settled = decide(kbps, &again);
            for _ in 0..tracks.len() * MAX_LAYERS {
                let next: Vec<Wanted> =
                    tracks.iter().zip(&settled).map(|(track, layer)| Wanted { now: *layer, ..*track }).collect();
                let then = decide(kbps, &next);
                if then == settled {
                    break;
                }
                settled = then;
            }
            let last: Vec<Wanted> =
                tracks.iter().zip(&settled).map(|(track, layer)| Wanted { now: *layer, ..*track }).collect();
            prop_assert_eq!(decide(kbps, &last), settled);
        }
    }
}
