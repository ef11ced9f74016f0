//! What comes over the wire: any bytes, and what our own writer writes.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::Bandwidth;
use super::super::feedback::{FarClock, Feedback, Status};
use crate::rtcp::read::Malformed;
use crate::rtcp::write;

/// Numbers and arrivals in µs since the reference, `None` where a packet did not come.
fn statuses(fci: &[u8]) -> Vec<(u16, Option<i64>)> {
    let mut all = Vec::new();
    Feedback::parse(fci).unwrap().each(|number, status| match status {
        Status::Missing(run) => all.extend((0..run).map(|off| (number.wrapping_add(off), None))),
        Status::Arrived { after_us } => all.push((number, Some(after_us))),
    });
    all
}

/// Base 65,534, so many statuses, reference 1, then the rest.
fn fci(count: u8, rest: &[u8]) -> Vec<u8> {
    [&[0xff, 0xfe, 0, count, 0, 0, 1, 0], rest].concat()
}

#[test]
fn reads_runs_and_vectors() {
    let run = statuses(&fci(3, &[0x20, 3, 4, 0, 8]));
    assert_eq!(
        run,
        [(65_534, Some(1_000)), (65_535, Some(1_000)), (0, Some(3_000))]
    );
    let one_bit = statuses(&fci(4, &[0b1010_1000, 0, 4, 8, 0]));
    assert_eq!(
        one_bit,
        [(65_534, Some(1_000)), (65_535, None), (0, Some(3_000)), (1, None)]
    );
    let two_bits = statuses(&fci(3, &[0b1101_0010, 0, 4, 0xff, 0xfe]));
    assert_eq!(two_bits, [(65_534, Some(1_000)), (65_535, None), (0, Some(500))]);
}

#[test]
fn a_long_run_of_missing_packets_is_one_status() {
    let mut seen = Vec::new();
    let long = [0, 0, 0x20, 0, 0, 0, 0, 0, 0x1f, 0xff, 0, 1];
    Feedback::parse(&long)
        .unwrap()
        .each(|number, status| seen.push((number, status)));
    assert_eq!(seen, [(0, Status::Missing(0x1fff)), (0x1fff, Status::Missing(1))]);
}

#[test]
fn what_is_cut_off_is_malformed() {
    let malformed = [
        fci(0, &[]),
        fci(1, &[]),
        fci(1, &[0x20]),
        // A delta less than statuses, and half a large one.
        fci(2, &[0x20, 2, 4]),
        fci(1, &[0x40, 1, 4]),
        // More statuses than chunks.
        fci(8, &[0x20, 7, 1, 1, 1, 1, 1, 1, 1]),
        // A reserved symbol.
        fci(1, &[0x60, 1, 4, 4]),
        vec![0; 7],
    ];
    let start = Instant::now();
    let mut bandwidth = Bandwidth::new(start);
    bandwidth.sent(start, 100, None);
    for bytes in malformed {
        assert_eq!(bandwidth.feedback(start, &bytes), Err(Malformed), "{bytes:?}");
    }
    assert_eq!(bandwidth.estimate(), None);
}

#[test]
fn reference_times_wrap_and_clocks_are_replaced() {
    let mut clock = FarClock::default();
    let unit = 64_000;
    assert_eq!(clock.reference_us(0, 0x00ff_ffff), (0x00ff_ffff * unit, false));
    assert_eq!(clock.reference_us(64_000, 0), (0x0100_0000 * unit, false));
    // A late one.
    assert_eq!(
        clock.reference_us(64_000, 0x00ff_fffe),
        (0x00ff_fffe * unit, false)
    );
    // After a silence of a minute, and after another browser took over.
    assert_eq!(clock.reference_us(64_000_000, 1_000), (0x0100_03e8 * unit, false));
    assert_eq!(
        clock.reference_us(64_000_000, 0x0080_0000),
        (0x0080_0000 * unit, true)
    );
}

#[test]
fn doubled_late_and_unknown_feedback_changes_nothing() {
    let start = Instant::now();
    let mut bandwidth = Bandwidth::new(start);
    let at = |ms| start + Duration::from_millis(ms);
    for ms in 0..2_000 {
        bandwidth.sent(at(ms), 500, None);
    }
    let mut packet = Vec::new();
    let all: Vec<_> = (0..500).map(|ms| Some(Duration::from_millis(ms))).collect();
    write::transport_cc(&mut packet, 1, 2, 1_500, 0, 10, &all);
    bandwidth.feedback(at(2_000), &packet[12..]).unwrap();
    let (loss, estimate) = (bandwidth.loss(), bandwidth.estimate());
    assert_eq!(loss, 0.0);
    // The same again, the same as all lost, numbers long ago and not yet sent.
    bandwidth.feedback(at(2_001), &packet[12..]).unwrap();
    for base in [1_500u16, 0, 30_000, 60_000] {
        packet.clear();
        write::transport_cc(&mut packet, 1, 2, base, 0, 10, &vec![None; 500]);
        bandwidth.feedback(at(2_001), &packet[12..]).unwrap();
    }
    assert_eq!((bandwidth.loss(), bandwidth.estimate()), (loss, estimate));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..20),
        near in any::<bool>(),
    ) {
        let start = Instant::now();
        let mut bandwidth = Bandwidth::new(start);
        bandwidth.want(3_000_000);
        for (index, mut bytes) in packets.into_iter().enumerate() {
            let now = start + Duration::from_millis(100 * index as u64);
            for _ in 0..20 {
                bandwidth.sent(now, 1_000, None);
            }
            if near && bytes.len() > 8 {
                // A likely head.
                bytes[..8].copy_from_slice(&[0, 10 * index as u8, 0, 20, 0, 0, 2 * index as u8, 0]);
            }
            let _ = bandwidth.feedback(now, &bytes);
            bandwidth.handle_timeout(now);
            let _ = bandwidth.probe(now);
        }
        prop_assert!(bandwidth.estimate().unwrap_or(600_000) >= 50_000);
    }

    #[test]
    fn what_is_written_is_read(
        base in any::<u16>(),
        reference in 0u32..1 << 24,
        ticks in proptest::collection::vec(proptest::option::of(0i64..20_000), 1..300),
    ) {
        let arrivals: Vec<_> =
            ticks.iter().map(|ticks| ticks.map(|ticks| Duration::from_micros(ticks as u64 * 250))).collect();
        let mut packet = Vec::new();
        write::transport_cc(&mut packet, 1, 2, base, 0, reference, &arrivals);
        prop_assert_eq!(Feedback::parse(&packet[12..]).unwrap().reference, reference);
        let expected: Vec<_> = ticks
            .iter()
            .enumerate()
            .map(|(off, ticks)| (base.wrapping_add(off as u16), ticks.map(|ticks| ticks * 250)))
            .collect();
        prop_assert_eq!(statuses(&packet[12..]), expected);
    }
}
