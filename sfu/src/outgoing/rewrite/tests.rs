use std::collections::HashMap;

use proptest::prelude::*;
use protocol::media::Codec;

use super::*;
use crate::rtp::picture::Picture;

fn packet(generation: u64, index: u64, timestamp: u32, keyframe: bool) -> Packet {
    Packet {
        generation: Generation(generation),
        index,
        timestamp,
        keyframe,
        codec: Codec::Vp8,
        ..Packet::test(Vec::new())
    }
}

fn of_layer(layer: u8, index: u64, timestamp: u32, captured: u64, keyframe: bool) -> Packet {
    Packet {
        layer,
        captured: Some(captured),
        ..packet(u64::from(layer) + 1, index, timestamp, keyframe)
    }
}

#[test]
fn begins_with_a_keyframe() {
    let now = Instant::now();
    let mut rewriter = Rewriter::new(100, 0);
    assert_eq!(rewriter.place(&packet(1, 9, 0, false), true, now), None);
    let place = rewriter.place(&packet(1, 10, 0, true), true, now).unwrap();
    assert_eq!(place.index, 100);
    assert_eq!(rewriter.place(&packet(1, 9, 0, false), true, now), None);
    let original = rewriter.original(100).unwrap();
    assert_eq!((original.generation, original.index), (Generation(1), 10));
    assert_eq!(rewriter.original(99), None);
    assert_eq!(rewriter.original(101), None);
}

#[test]
fn time_that_passed_between_incarnations_is_in_the_timestamps() {
    let now = Instant::now();
    let mut rewriter = Rewriter::new(100, 0);
    let first = rewriter.place(&packet(1, 10, 5_000, true), true, now).unwrap();
    let later = now + Duration::from_secs(2);
    let second = rewriter.place(&packet(2, 60_000, 77, true), true, later).unwrap();
    assert_eq!(second.index, first.index + 1);
    assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 180_000);
}

#[test]
fn the_old_layer_flows_until_the_keyframe_of_the_new_one() {
    let now = Instant::now();
    let mut rewriter = Rewriter::new(100, 0);
    let first = rewriter
        .place(&of_layer(0, 10, 3_000, 1_000_000, true), true, now)
        .unwrap();
    rewriter.aim(Some(2));
    assert_eq!(
        rewriter.place(&of_layer(2, 500, 90_000, 1_040_000, false), true, now),
        None
    );
    let second = rewriter
        .place(&of_layer(0, 11, 6_600, 1_040_000, false), true, now)
        .unwrap();
    assert_eq!(second.index, first.index + 1);
    let third = rewriter
        .place(&of_layer(2, 501, 93_600, 1_080_000, true), true, now)
        .unwrap();
    assert_eq!(third.index, second.index + 1);
    assert_eq!(third.timestamp.wrapping_sub(second.timestamp), 3_600);
    assert_eq!(
        rewriter.place(&of_layer(0, 12, 10_200, 1_080_000, false), true, now),
        None
    );
    // What of the old layer is missed can still be asked for.
    let missed = rewriter.original((second.index & 0xffff) as u16).unwrap();
    assert_eq!((missed.layer, missed.index), (0, 11));
    assert_eq!(rewriter.placed(&of_layer(0, 11, 6_600, 0, false)), Some(second));
    assert_eq!(rewriter.placed(&of_layer(0, 12, 10_200, 0, false)), None);
}

#[test]
fn a_layer_that_lags_never_takes_the_viewers_time_back() {
    let now = Instant::now();
    let mut rewriter = Rewriter::new(100, 0);
    let mut last = 0;
    for frame in 0..10u32 {
        let of = of_layer(
            0,
            u64::from(frame),
            frame * 3_600,
            u64::from(frame) * 40_000,
            frame == 0,
        );
        last = rewriter.place(&of, true, now).unwrap().timestamp;
    }
    rewriter.aim(Some(1));
    // Captured two frames before the last one sent.
    for frame in 8..20u32 {
        let of = of_layer(
            1,
            u64::from(frame),
            77_000 + frame * 3_600,
            u64::from(frame) * 40_000,
            frame == 8,
        );
        let timestamp = rewriter.place(&of, true, now).unwrap().timestamp;
        assert!((timestamp.wrapping_sub(last) as i32) > 0, "frame {frame}");
        last = timestamp;
    }
    // In the end it is where it belongs: 19 frames after the first, which got timestamp 1.
    assert_eq!(last, 1 + 19 * 3_600);
}

#[test]
fn a_pause_ends_with_a_keyframe() {
    let now = Instant::now();
    let mut rewriter = Rewriter::new(100, 0);
    let first = rewriter.place(&packet(1, 10, 0, true), true, now).unwrap();
    rewriter.aim(None);
    assert_eq!(rewriter.place(&packet(1, 11, 3_600, true), true, now), None);
    assert!(rewriter.original(100).is_some());
    rewriter.aim(Some(0));
    let later = now + Duration::from_secs(1);
    assert_eq!(rewriter.place(&packet(1, 30, 80_000, false), true, later), None);
    let second = rewriter.place(&packet(1, 31, 90_000, true), true, later).unwrap();
    assert_eq!(second.index, first.index + 1);
    assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 90_000);
}

/// A VP8 payload with this PictureID and TL0PICIDX.
fn vp8(id: u16, base: u8) -> Vec<u8> {
    vec![0x90, 0xc0, 0x80 | (id >> 8) as u8, (id & 0xff) as u8, base, 0]
}

fn with_picture(mut packet: Packet, id: u16, base: u8) -> Packet {
    packet.picture = Picture::read(Codec::Vp8, &vp8(id, base));
    packet
}

#[test]
fn picture_numbers_rise_by_one_over_a_switch() {
    let now = Instant::now();
    let mut rewriter = Rewriter::new(100, 0);
    let seen = |rewriter: &mut Rewriter, packet: &Packet| {
        let place = rewriter.place(packet, true, now).unwrap();
        packet.picture.unwrap().shifted(place.shift)
    };
    let of = |layer, index, key, id, base| {
        with_picture(of_layer(layer, index, index as u32, index, key), id, base)
    };
    assert_eq!(seen(&mut rewriter, &of(0, 1, true, 0x7ffe, 254)), (0x7ffe, 254));
    assert_eq!(seen(&mut rewriter, &of(0, 2, false, 0x7fff, 255)), (0x7fff, 255));
    rewriter.aim(Some(1));
    assert_eq!(seen(&mut rewriter, &of(1, 3, true, 17, 9)), (0, 0));
    assert_eq!(seen(&mut rewriter, &of(1, 4, false, 18, 10)), (1, 1));
}

proptest! {
    /// Whatever the order, loss, layers, pauses and changes of the source: no number is used for two packets, within one
    /// incarnation distances stay what they were, and a new one begins with a keyframe.
    #[test]
    fn numbers_are_unique_and_keep_their_distance(
        input in proptest::collection::vec((0u8..3, 0u64..4, 0u64..60, any::<bool>(), 0u8..12), 1..300),
    ) {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(0x4000, 0);
        let mut placed = HashMap::new();
        let mut begun = std::collections::HashSet::new();
        for (step, (layer, generation, index, keyframe, aim)) in input.into_iter().enumerate() {
            match aim {
                0..=2 => rewriter.aim(Some(aim)),
                3 => rewriter.aim(None),
                _ => {}
            }
            let generation = generation.max(step as u64 / 60) * 3 + u64::from(layer);
            let source = Packet { layer, ..packet(generation, 70_000 + index, index as u32 * 3_000, keyframe) };
            let now = now + Duration::from_millis(step as u64);
            let before = (rewriter.current(), rewriter.next());
            if let Some(place) = rewriter.place(&source, true, now) {
                let key = (layer, generation, index);
                let other = placed.insert(place.index, key);
                prop_assert!(other.is_none_or(|other| other == key));
                if begun.insert((layer, generation, place.index - index)) {
                    prop_assert!(keyframe);
                    prop_assert_eq!(place.index, before.1);
                }
                let original = rewriter.original((place.index & 0xffff) as u16);
                let expected = Original { layer, generation: Generation(generation), index: 70_000 + index };
                prop_assert_eq!(original, Some(expected));
                prop_assert_eq!(rewriter.placed(&source), Some(place));
            } else if let Some(place) = rewriter.placed(&source) {
                // It was sent before, or could have been: never under another's number.
                let key = (layer, generation, index);
                prop_assert!(placed.get(&place.index).is_none_or(|other| *other == key));
            }
        }
    }

    /// Timestamps of one incarnation rise as the publisher's do, however far the layers are apart.
    #[test]
    fn timestamps_rise(apart in -20_000_000i64..20_000_000, frames in 2u32..40) {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(0x4000, 0);
        let first = rewriter.place(&of_layer(0, 1, 1_000, 100_000_000, true), true, now).unwrap();
        let mut last = first.timestamp;
        rewriter.aim(Some(1));
        for frame in 0..frames {
            let captured = 100_000_000u64.saturating_add_signed(apart) + u64::from(frame) * 40_000;
            let of = of_layer(1, u64::from(frame), frame * 3_600, captured, frame == 0);
            let timestamp = rewriter.place(&of, true, now).unwrap().timestamp;
            prop_assert!((timestamp.wrapping_sub(last) as i32) > 0);
            last = timestamp;
        }
    }
}
