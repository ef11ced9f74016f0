//! A recorder's tap sees every packet of its tracks, and what comes up and goes down.

mod common;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use common::{Lesson, Line, publishing};
use protocol::media::Codec;
use sfu::{Tap, TapEvent};

fn drain(tap: &mut Tap) -> Vec<TapEvent> {
    std::iter::from_fn(|| tap.try_next()).collect()
}

/// Sequence numbers by track number.
fn sequences(events: &[TapEvent]) -> HashMap<u32, BTreeSet<u16>> {
    let mut all: HashMap<u32, BTreeSet<u16>> = HashMap::new();
    for event in events {
        if let TapEvent::Rtp { number, packet, .. } = event {
            all.entry(*number)
                .or_default()
                .insert(u16::from_be_bytes([packet[2], packet[3]]));
        }
    }
    all
}

#[test]
fn it_gets_everything_repaired_and_with_reports() {
    let mut lesson = Lesson::new(12, 2);
    let (teacher, camera, microphone) = lesson.teacher();
    lesson.classroom(camera, microphone);
    lesson.clients[teacher].line = Line {
        loss_up: 30,
        ..Line::default()
    };
    let (now, room) = (lesson.now, lesson.room);
    let mut tap = lesson.core.tap(now, room, &[camera, microphone]);
    lesson.all_connected();
    let mut events = Vec::new();
    for _ in 0..50 {
        lesson.run(Duration::from_millis(100));
        events.extend(drain(&mut tap));
    }
    let up: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            TapEvent::TrackUp { track, codec, .. } => Some((*track, *codec)),
            _ => None,
        })
        .collect();
    assert_eq!(up.len(), 2);
    assert!(up.contains(&(camera, Codec::Vp8)) && up.contains(&(microphone, Codec::Opus)));
    let reports = events
        .iter()
        .filter(|event| matches!(event, TapEvent::SenderReport { .. }))
        .count();
    assert!(reports >= 4, "{reports} reports");
    let arrivals: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            TapEvent::Rtp { arrival_us, .. } => Some(*arrival_us),
            _ => None,
        })
        .collect();
    assert!(arrivals.windows(2).all(|pair| pair[0] <= pair[1]));
    // Video is repaired whole but for what was just lost; sound has no retransmission.
    let video = sequences(&events)
        .into_values()
        .max_by_key(BTreeSet::len)
        .expect("packets");
    let (first, last) = (*video.first().expect("first"), *video.last().expect("last"));
    assert!(u32::from(last - first) + 1 - video.len() as u32 <= 6);
}

#[test]
fn a_tap_in_mid_lesson_hears_at_once_what_is_up_and_later_what_changes() {
    let mut lesson = Lesson::new(13, 2);
    let (teacher, camera, microphone) = lesson.teacher();
    lesson.all_connected();
    // Clients report sound every 5 s.
    lesson.run(Duration::from_secs(7));
    let (now, room) = (lesson.now, lesson.room);
    let mut tap = lesson.core.tap(now, room, &[camera, microphone]);
    let at_once = drain(&mut tap);
    let up = at_once
        .iter()
        .filter(|event| matches!(event, TapEvent::TrackUp { .. }))
        .count();
    let reports = at_once
        .iter()
        .filter(|event| matches!(event, TapEvent::SenderReport { .. }))
        .count();
    assert_eq!((up, reports), (2, 2));

    lesson.state(teacher, &publishing(camera, microphone), true);
    let gone = drain(&mut tap)
        .iter()
        .filter(|event| matches!(event, TapEvent::TrackDown { .. }))
        .count();
    assert_eq!(gone, 2);
    lesson.until("the teacher is back", |lesson| lesson.clients[teacher].connected);
    lesson.run(Duration::from_secs(1));
    let numbers: BTreeSet<u32> = drain(&mut tap)
        .iter()
        .filter_map(|event| match event {
            TapEvent::TrackUp { number, .. } => Some(*number),
            _ => None,
        })
        .collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_tap_nobody_reads_overflows_and_says_so() {
    let mut lesson = Lesson::new(14, 1);
    let (_, camera, microphone) = lesson.teacher();
    let classroom = lesson.classroom(camera, microphone);
    let (now, room) = (lesson.now, lesson.room);
    let mut tap = lesson.core.tap(now, room, &[camera, microphone]);
    lesson.all_connected();
    lesson.run(Duration::from_secs(40));
    assert!(lesson.core.metric("tongke_sfu_tap_dropped_total") > 0);
    assert!(lesson.pictures(classroom).len() > 900);
    let before = drain(&mut tap).len();
    assert!(before <= 4_096);
    lesson.run(Duration::from_secs(1));
    let said = drain(&mut tap)
        .iter()
        .any(|event| matches!(event, TapEvent::Overflow { packets } if *packets > 0));
    assert!(said);
}
