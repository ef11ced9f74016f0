use super::*;

/// Frames of three packets, a keyframe every ten, 40 ms apart.
struct Source {
    now: Instant,
    meter: Meter,
}

impl Source {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            meter: Meter::new(true),
        }
    }

    fn packet(index: u32) -> Arrival {
        let frame = index / 3;
        Arrival {
            sequence: u16::try_from((index + 65_500) % 65_536).expect("taken modulo"),
            timestamp: frame * 3_600,
            marker: index % 3 == 2,
            key: frame.is_multiple_of(10) && index.is_multiple_of(3),
            bytes: 1_000,
            repair: false,
        }
    }

    fn send(&mut self, indexes: impl IntoIterator<Item = u32>) {
        for index in indexes {
            if index.is_multiple_of(3) {
                self.now += Duration::from_millis(40);
            }
            self.meter.arrive(self.now, Self::packet(index));
        }
    }
}

#[test]
fn a_clean_stream_shows_every_frame_over_the_wrap_of_numbers() {
    let mut source = Source::new();
    source.send(0..300);
    source.meter.end(source.now);
    let counts = &source.meter.counts;
    assert_eq!((counts.packets, counts.lost, counts.frames), (300, 0, 100));
    assert_eq!(counts.broken_frames, 0);
    assert_eq!(source.meter.freezes.count, 0);
}

#[test]
fn reordered_and_doubled_packets_are_no_loss() {
    let mut source = Source::new();
    source.send([0, 2, 1, 3, 4, 4, 5, 3]);
    let counts = &source.meter.counts;
    assert_eq!((counts.lost, counts.duplicates, counts.frames), (0, 2, 2));
}

#[test]
fn a_repaired_packet_completes_its_frame() {
    let mut source = Source::new();
    source.send((0..10).chain(11..20));
    assert_eq!(source.meter.counts.frames, 3, "the fourth waits for its packet");
    let repair = Arrival {
        repair: true,
        ..Source::packet(10)
    };
    source.meter.arrive(source.now, repair);
    let counts = &source.meter.counts;
    assert_eq!((counts.repaired, counts.lost, counts.frames), (1, 0, 6));
    assert_eq!(counts.packets, 19);
}

#[test]
fn after_an_unrepaired_loss_only_a_keyframe_is_shown_again() {
    let mut source = Source::new();
    source.send((0..10).chain(11..60));
    source.meter.end(source.now);
    let counts = &source.meter.counts;
    assert_eq!(counts.lost, 1);
    assert_eq!(
        counts.frames,
        3 + 10,
        "frames 0 to 2, and 10 to 19 with their keyframe"
    );
    assert_eq!(counts.broken_frames, 7);
}

#[test]
fn of_a_sealed_stream_every_whole_frame_counts() {
    let mut source = Source {
        meter: Meter::sealed(true),
        ..Source::new()
    };
    source.send((15..20).chain(21..60));
    source.meter.end(source.now);
    let counts = &source.meter.counts;
    assert_eq!((counts.lost, counts.frames, counts.broken_frames), (1, 13, 2));
    assert!(!source.meter.wants_key(source.now));
}

#[test]
fn the_first_shown_frame_is_a_keyframe() {
    let mut source = Source::new();
    source.send(15..36);
    assert_eq!(source.meter.counts.frames, 2);
    assert_eq!(
        source.meter.first_frame,
        Some(source.now - Duration::from_millis(40))
    );
}

#[test]
fn a_restarted_numbering_is_not_loss() {
    let mut source = Source::new();
    source.send(0..30);
    source.send(30_000..30_030);
    assert_eq!(source.meter.counts.lost, 0);
    assert_eq!(source.meter.counts.frames, 20);
}

#[test]
fn a_keyframe_is_asked_for_once_a_second_while_one_is_needed() {
    let mut source = Source::new();
    source.send(15..16);
    let start = source.now;
    let asked = (0..300)
        .filter(|ms| source.meter.wants_key(start + Duration::from_millis(ms * 10)))
        .count();
    assert_eq!(asked, 2);
    source.send(30..33);
    source.send(33..36);
}

#[test]
fn what_is_held_is_bounded() {
    let mut source = Source::new();
    let now = source.now;
    for index in (0..1).chain(2..3_000) {
        source.meter.arrive(now, Source::packet(index));
    }
    assert!(source.meter.held.len() <= HELD_MAX);
    assert_eq!(source.meter.counts.lost, 1);
}

#[test]
fn sound_has_a_frame_per_packet() {
    let mut meter = Meter::new(false);
    let now = Instant::now();
    for sequence in 0..50 {
        let arrival = Arrival {
            sequence,
            timestamp: u32::from(sequence) * 960,
            marker: false,
            key: false,
            bytes: 80,
            repair: false,
        };
        meter.arrive(now, arrival);
    }
    assert_eq!(meter.counts.frames, 50);
    assert!(!meter.wants_key(now));
}

#[test]
fn sound_that_is_said_again_is_not_lost() {
    let mut meter = Meter::new(false);
    let (start, step) = (Instant::now(), Duration::from_millis(20));
    let sound = |sequence: u16| Arrival {
        sequence,
        timestamp: u32::from(sequence) * 960,
        marker: false,
        key: false,
        bytes: 100,
        repair: false,
    };
    for sequence in 10..100_u16 {
        // One in ten is lost, and of twenty two in a row: each says the one before again.
        if matches!(sequence % 20, 7 | 17 | 18) {
            continue;
        }
        let now = start + step * u32::from(sequence);
        meter.said_again(now, sound(sequence - 1));
        meter.arrive(now, sound(sequence));
    }
    meter.end(start + step * 100);
    let counts = &meter.counts;
    assert_eq!((counts.packets, counts.repaired, counts.lost), (76, 9, 5));
    assert_eq!((counts.duplicates, counts.frames), (0, 85));
}

#[test]
fn frames_that_were_due_are_those_of_the_whole_time() {
    let mut source = Source::new();
    source.send((0..150).chain(180..300));
    // Ten frames never came, in whose time nothing did.
    source.meter.end(source.now + Duration::from_millis(400));
    let counts = &source.meter.counts;
    assert_eq!((counts.due_frames, counts.frames), (100, 90));
}
