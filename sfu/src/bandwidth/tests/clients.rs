//! Clients that send no transport-wide feedback.

use std::time::{Duration, Instant};

use super::super::{Bandwidth, INITIAL};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn nothing_is_known_at_first_and_nothing_is_due() {
    let now = Instant::now();
    let mut bandwidth = Bandwidth::new(now);
    bandwidth.want(3_000_000);
    for number in 0..100 {
        assert_eq!(bandwidth.sent(now, 1_000, None), number);
    }
    assert_eq!((bandwidth.estimate(), bandwidth.deadline()), (None, None));
    assert_eq!(bandwidth.probe(now + SECOND), None);
}

#[test]
fn remb_is_the_estimate_where_there_is_no_other() {
    let now = Instant::now();
    let mut bandwidth = Bandwidth::new(now);
    bandwidth.remb(now, 900_000);
    bandwidth.report(now, 128, None);
    assert_eq!(bandwidth.estimate(), Some(900_000));
    bandwidth.handle_timeout(now + 60 * SECOND);
    assert_eq!(bandwidth.estimate(), Some(900_000));
}

#[test]
fn remb_bounds_an_estimate_for_a_while() {
    let now = Instant::now();
    let mut bandwidth = Bandwidth::new(now);
    bandwidth.sent(now, 1_000, None);
    let one_arrived = [0, 0, 0, 1, 0, 0, 0, 0, 0x20, 1, 0];
    bandwidth.feedback(now, &one_arrived).unwrap();
    assert_eq!(bandwidth.estimate(), Some(INITIAL));
    bandwidth.remb(now, 200_000);
    assert_eq!(bandwidth.estimate(), Some(200_000));
    let due = bandwidth.deadline().unwrap();
    assert!(due <= now + 5 * SECOND);
    bandwidth.handle_timeout(due);
    assert_eq!(bandwidth.estimate(), Some(INITIAL));
}

#[test]
fn reports_of_loss_are_heeded_where_nothing_else_is_told() {
    let start = Instant::now();
    let mut bandwidth = Bandwidth::new(start);
    bandwidth.want(2_000_000);
    bandwidth.report(start, 0, Some(Duration::from_millis(80)));
    assert_eq!(bandwidth.estimate(), Some(INITIAL));
    for second in 1..30 {
        bandwidth.report(start + second * SECOND, 0, None);
    }
    assert_eq!(bandwidth.estimate(), Some(2_000_000));
    assert_eq!(bandwidth.round_trip(), Some(Duration::from_millis(80)));
    bandwidth.report(start + 30 * SECOND, 128, None);
    assert_eq!(bandwidth.loss(), 0.5);
    assert_eq!(bandwidth.estimate(), Some(1_500_000));
}
