use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::divided::Reader;
use crate::divided::tests::{SIZES, l1t3, l3t1_key};
use crate::rtp::descriptor::Structure;
use crate::rtp::descriptor::tests::{frame, structure, write};

/// Packets of each frame.
const PACKETS: u64 = 2;

/// How a stream is divided: its structure, and the templates of its keyframe's picture and of the pictures after it.
struct Shape {
    structure: Structure,
    key: &'static [usize],
    round: &'static [&'static [usize]],
}

fn shape(number: u8) -> Shape {
    match number {
        0 => Shape {
            structure: l3t1_key(),
            key: &[0, 2, 4],
            round: &[&[1, 3, 5]],
        },
        1 => Shape {
            structure: l1t3(),
            key: &[0],
            round: &[&[3], &[2], &[4], &[1]],
        },
        // Each spatial layer needs the one below in every picture.
        _ => Shape {
            structure: structure(
                &[
                    (0, 0, "SSS", &[]),
                    (0, 0, "SRR", &[3]),
                    (1, 0, "-SS", &[1]),
                    (1, 0, "-SR", &[3, 1]),
                    (2, 0, "--S", &[1]),
                    (2, 0, "--S", &[3, 1]),
                ],
                &SIZES,
            ),
            key: &[0, 2, 4],
            round: &[&[1, 3, 5]],
        },
    }
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    part: Part,
    timestamp: u32,
    at: u64,
}

/// So many pictures, with a keyframe where it is said.
fn stream(shape: &Shape, pictures: usize, keys: &HashSet<usize>) -> Vec<Sent> {
    let mut reader = None;
    let mut all = Vec::new();
    let (mut number, mut round) = (65_500_u16, 0);
    for picture in 0..pictures {
        let key = picture == 0 || keys.contains(&picture);
        let templates = if key {
            shape.key
        } else {
            shape.round[round % shape.round.len()]
        };
        round = if key { 0 } else { round + 1 };
        for template in templates {
            for packet in 0..PACKETS {
                let mut said = frame(&shape.structure, *template, number);
                (said.start, said.end) = (packet == 0, packet == PACKETS - 1);
                let brings = key && said.start && template == &templates[0];
                let bytes = write(&shape.structure, &said, *template, brings);
                all.push(Sent {
                    part: Reader::read(&mut reader, &bytes, 20).expect("it is divided"),
                    timestamp: picture as u32 * 3_600,
                    at: all.len() as u64,
                });
            }
            number = number.wrapping_add(1);
        }
    }
    all
}

#[test]
fn who_gets_fewer_frames_goes_up_and_down_without_a_keyframe() {
    let shape = shape(1);
    let packets = stream(&shape, 80, &HashSet::new());
    let mut selection = Selection::default();
    let mut shown = Vec::new();
    for packet in &packets {
        let picture = packet.timestamp / 3_600;
        let target = if (20..40).contains(&picture) { 2 } else { 0 };
        if let Some(taken) = selection.take(target, &packet.part, packet.timestamp, packet.at) {
            assert_eq!(taken.number, shown.len() as u64);
            assert_eq!(taken.last, packet.part.end);
            shown.push(picture);
        }
    }
    shown.dedup();
    let few: Vec<_> = shown
        .iter()
        .filter(|picture| (22..40).contains(*picture))
        .collect();
    assert_eq!(few.len(), 4, "{few:?}");
    assert_eq!(shown.iter().filter(|picture| **picture > 44).count(), 35);
}

#[test]
fn another_size_waits_for_its_keyframe_and_the_old_one_flows_until_then() {
    let packets = stream(&shape(0), 30, &HashSet::from([20]));
    let mut selection = Selection::default();
    let mut tops = BTreeMap::new();
    for packet in &packets {
        let picture = packet.timestamp / 3_600;
        let target = if picture < 10 { 0 } else { 2 };
        if selection
            .take(target, &packet.part, packet.timestamp, packet.at)
            .is_some_and(|taken| taken.last)
        {
            tops.insert(picture, packet.part.top);
        }
        if picture == 15 {
            assert!(selection.waits_for(2));
        }
    }
    assert_eq!(tops.len(), 30, "each picture has an end");
    assert!(
        tops.iter()
            .all(|(picture, top)| *top == if *picture < 20 { 0b001 } else { 0b100 }),
        "{tops:?}"
    );
}

proptest! {
    /// Whatever the order, the loss and the wishes: no frame that came is left out if one that is sent needs it, numbers keep the order of
    /// the packets, and there are holes only for what did not come in time.
    #[test]
    fn what_is_sent_can_be_decoded_and_has_no_holes(
        kind in 0u8..3,
        keys in proptest::collection::hash_set(0usize..60, 0..6),
        wishes in proptest::collection::vec((0u32..60, 0u8..3), 0..12),
        lost in proptest::collection::hash_set(0usize..360, 0..30),
        late in proptest::collection::vec((0usize..360, 1usize..40), 0..20),
    ) {
        let shape = shape(kind);
        let packets = stream(&shape, 60, &keys);
        let mut order: Vec<(usize, usize)> = (0..packets.len()).map(|at| (at, at)).collect();
        for (at, by) in &late {
            if let Some(place) = order.get_mut(*at).filter(|_| *at > 0) {
                place.0 += by;
            }
        }
        order.sort_by_key(|(when, at)| (*when, *at));
        let arrived: Vec<&Sent> = order
            .iter()
            .filter(|(_, at)| *at == 0 || !lost.contains(at))
            .map(|(_, at)| &packets[*at])
            .collect();
        let mut wishes = wishes;
        wishes.sort_by_key(|(picture, _)| *picture);
        let mut selection = Selection::default();
        let (mut numbers, mut sent, mut left) = (BTreeMap::new(), HashSet::new(), HashSet::new());
        let (mut newest, mut behind) = (0, 0);
        for packet in &arrived {
            let picture = packet.timestamp / 3_600;
            let target = wishes.iter().rfind(|(from, _)| *from <= picture).map_or(0, |(_, layer)| *layer);
            let after = packet.at < newest;
            newest = newest.max(packet.at);
            match selection.take(target, &packet.part, packet.timestamp, packet.at) {
                Some(taken) => {
                    prop_assert!(numbers.insert(packet.at, taken.number).is_none());
                    sent.insert(packet.part.frame);
                    prop_assert_eq!(selection.original(taken.number), Some(packet.at));
                    prop_assert_eq!(selection.placed(&packet.part, packet.at), Some(Ok(taken)));
                }
                None => {
                    left.insert(packet.part.frame);
                    if after {
                        behind += 1;
                        prop_assert!(selection.placed(&packet.part, packet.at).is_some_and(|place| place.is_err()));
                    }
                }
            }
        }
        prop_assert!(sent.is_disjoint(&left), "a frame is sent whole or not at all");
        for packet in arrived.iter().filter(|packet| sent.contains(&packet.part.frame)) {
            for back in packet.part.refs.into_iter() {
                let needed = packet.part.frame - u64::from(back);
                prop_assert!(!left.contains(&needed), "{needed} was left out, {} needs it", packet.part.frame);
            }
        }
        let in_order: Vec<u64> = numbers.values().copied().collect();
        prop_assert!(in_order.windows(2).all(|pair| pair[0] < pair[1]), "{in_order:?}");
        let holes = in_order.last().map_or(0, |last| last + 1) - in_order.len() as u64;
        let missing = packets.len() - arrived.len() + behind;
        prop_assert!(holes <= missing as u64, "{holes} holes, {missing} packets missing");
        // Without loss the wished layer is sent from the next keyframe on.
        if lost.is_empty() && late.is_empty() {
            prop_assert_eq!(holes, 0);
        }
    }
}
