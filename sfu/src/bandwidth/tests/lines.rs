//! What the estimate reaches on lines of many kinds.

use super::line::{Line, Source, World, each_seed, line};

/// A camera's layers.
const LAYERS: Source = Source::Layers(&[300_000, 800_000, 1_500_000]);
const WANT: u64 = 3_000_000;
const ELASTIC: Source = Source::Elastic(WANT);

/// The estimates of these seconds are all within these shares of `rate`.
#[track_caller]
fn within(world: &World, seconds: (f64, f64), rate: u64, shares: (f64, f64)) {
    let (least, most) = world.between(seconds.0, seconds.1);
    let (low, high) = (rate as f64 * shares.0, rate as f64 * shares.1);
    assert!(
        least as f64 >= low && most as f64 <= high,
        "{least} to {most}, not {low} to {high}, at {seconds:?}: {:?}",
        world.estimates
    );
}

/// So are all but one in twenty.
#[track_caller]
fn mostly(world: &World, seconds: (f64, f64), rate: u64, shares: (f64, f64)) {
    let mut range = world.estimates[(seconds.0 * 10.0) as usize..(seconds.1 * 10.0) as usize].to_vec();
    range.sort_unstable();
    let (least, most) = (range[range.len() / 40], range[range.len() - 1 - range.len() / 40]);
    let (low, high) = (rate as f64 * shares.0, rate as f64 * shares.1);
    assert!(
        least as f64 >= low && most as f64 <= high,
        "{least} to {most}, not {low} to {high}, at {seconds:?}: {:?}",
        world.estimates
    );
}

#[test]
fn a_constant_line_is_found_and_kept_to() {
    each_seed(|| {
        for (kilobits, source) in [(1_000, ELASTIC), (1_000, LAYERS), (400, LAYERS), (200, LAYERS)] {
            let mut world = World::new(line(kilobits), source, WANT);
            world.run(60.0);
            within(&world, (3.0, 60.0), kilobits * 1_000, (0.6, 1.15));
            let mean = world.mean(5.0, 60.0);
            assert!(mean > kilobits * 850 && mean < kilobits * 1_030, "{mean}");
        }
    });
}

#[test]
fn a_line_with_room_is_found_to_have_it_within_two_seconds_whatever_is_sent() {
    each_seed(|| {
        for layers in [&[300_000], &[800_000], &[1_500_000]] {
            let mut world = World::new(line(5_000), Source::Layers(layers), WANT);
            world.run(60.0);
            within(&world, (2.0, 60.0), WANT, (0.95, 1.2));
            // Enough is known: nothing is sent to learn more.
            assert!(world.probes <= 4, "{}", world.probes);
        }
    });
}

#[test]
fn jitter_is_no_congestion() {
    each_seed(|| {
        for source in [LAYERS, ELASTIC, Source::Layers(&[300_000])] {
            let mut world = World::new(
                Line {
                    jitter_ms: 30,
                    ..line(5_000)
                },
                source,
                WANT,
            );
            world.run(60.0);
            mostly(&world, (5.0, 60.0), WANT, (0.85, 1.35));
        }
    });
}

#[test]
fn a_line_that_falls_and_comes_back_is_followed() {
    each_seed(|| {
        for source in [LAYERS, ELASTIC] {
            for queue_ms in [100, 300, 1_000] {
                let mut world = World::new(
                    Line {
                        queue_ms,
                        ..line(3_000)
                    },
                    source,
                    WANT,
                );
                world.run(10.0);
                world.line.bits_per_second = 400_000;
                world.run(10.0);
                world.line.bits_per_second = 3_000_000;
                world.run(20.0);
                let back = world.reaches(20.0, 2_550_000);
                within(&world, (13.0, 20.0), 400_000, (0.5, 1.2));
                assert!(back.is_some_and(|seconds| seconds < 5.0), "{back:?}");
                within(&world, (25.0, 40.0), 3_000_000, (0.8, 1.15));
            }
        }
    });
}

/// One packet in ten lost both ways, 100 ms round trip.
const LOSSY: Line = Line {
    loss: 0.1,
    feedback_loss: 0.1,
    delay_ms: 50,
    ..line(2_000)
};

#[test]
fn random_loss_is_no_congestion() {
    each_seed(|| {
        for source in [LAYERS, ELASTIC] {
            let mut world = World::new(LOSSY, source, WANT);
            world.run(60.0);
            mostly(&world, (3.0, 60.0), 2_000_000, (0.45, 1.25));
            assert!(world.mean(3.0, 60.0) > 1_750_000);
            let inherent = world.bandwidth.inherent_loss();
            assert!((0.05..0.2).contains(&inherent), "{inherent}");
            assert!(world.media(3.0, 60.0) > 1_300_000, "{}", world.media(3.0, 60.0));
            let mut world = World::new(Line { loss: 0.0, ..LOSSY }, source, WANT);
            world.run(15.0).line.loss = 0.1;
            world.run(30.0);
            mostly(&world, (15.0, 45.0), 2_000_000, (0.45, 1.25));
            assert!(world.mean(15.0, 45.0) > 1_700_000);
        }
    });
}

#[test]
fn loss_that_goes_with_the_rate_is_congestion() {
    each_seed(|| {
        // The queue holds less than a keyframe, and no delay tells that it overflows.
        for (queue_ms, source, high) in [(20, LAYERS, 1.35), (40, LAYERS, 1.35), (40, ELASTIC, 1.85)] {
            let mut world = World::new(
                Line {
                    queue_ms,
                    ..line(3_000)
                },
                source,
                WANT,
            );
            world.run(10.0).line.bits_per_second = 1_000_000;
            world.run(20.0);
            mostly(&world, (14.0, 30.0), 1_000_000, (0.35, high));
            let mean = world.mean(14.0, 30.0);
            assert!((700_000..1_600_000).contains(&mean), "{mean}");
        }
    });
}

#[test]
fn room_that_others_take_and_leave_is_followed() {
    each_seed(|| {
        for source in [LAYERS, ELASTIC] {
            let mut world = World::new(line(2_000), source, WANT);
            for _ in 0..4 {
                world.run(8.0).line.others = 1_000_000;
                world.run(8.0).line.others = 0;
            }
            for begin in [0.0, 16.0, 32.0, 48.0] {
                within(&world, (begin + 4.0, begin + 8.0), 2_000_000, (0.7, 1.4));
                // A probe takes its share from the others for a moment, so it finds more than is left.
                mostly(&world, (begin + 10.0, begin + 16.0), 1_000_000, (0.6, 1.95));
            }
            let last = [10.0, 26.0, 42.0, 58.0].map(|begin| world.mean(begin, begin + 6.0));
            let mean = last.iter().sum::<u64>() / 4;
            assert!((850_000..1_350_000).contains(&mean), "{mean}");
        }
    });
}

#[test]
fn a_cut_line_is_not_flooded_and_found_again() {
    each_seed(|| {
        for seconds in [2.0, 30.0] {
            let mut world = World::new(line(3_000), LAYERS, WANT);
            world.run(10.0).line.cut = true;
            world.run(seconds).line.cut = false;
            world.run(10.0);
            let end = 10.0 + seconds;
            within(&world, (11.7, end), 400_000, (0.0, 1.0));
            within(&world, (end + 2.0, end + 10.0), 3_000_000, (0.85, 1.05));
            if seconds > 5.0 {
                within(&world, (14.0, end), 50_000, (1.0, 1.0));
            }
        }
    });
}

#[test]
fn a_blink_of_the_line_costs_little_and_silence_nothing() {
    each_seed(|| {
        let mut world = World::new(line(3_000), LAYERS, WANT);
        world.run(10.0).line.cut = true;
        world.run(0.6).line.cut = false;
        world.run(5.0);
        within(&world, (11.0, 15.0), 3_000_000, (0.8, 1.05));
        // Nothing is sent, so nothing is missed.
        world.silent = true;
        world.run(30.0);
        within(&world, (16.0, 45.0), 3_000_000, (0.8, 1.05));
    });
}

#[test]
fn what_is_not_wanted_is_not_probed_for() {
    each_seed(|| {
        let mut world = World::new(line(5_000), Source::Layers(&[300_000]), 400_000);
        world.run(20.0);
        assert_eq!(world.probes, 0);
        // Something is wanted: a look is enough.
        world.bandwidth.want(2_000_000);
        world.run(2.0);
        within(&world, (21.0, 22.0), 2_000_000, (0.95, 1.2));
        assert!(world.probes < 4, "{}", world.probes);
    });
}

#[test]
fn memory_is_bounded_and_silence_costs_nothing() {
    each_seed(|| {
        assert!(World::new(line(5_000), LAYERS, WANT).bandwidth.memory() < 1_300);
        let mut world = World::new(line(50_000), Source::Elastic(20_000_000), 20_000_000);
        world.run(20.0);
        assert!(world.memory <= 8 * 1024, "{}", world.memory);
        assert!(world.mean(10.0, 20.0) > 15_000_000, "{:?}", world.estimates);
        let mut audio = World::new(line(50_000), Source::Layers(&[]), WANT);
        audio.run(20.0);
        assert!(audio.memory <= 4 * 1024, "{}", audio.memory);
    });
}
