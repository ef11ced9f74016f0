//! Forwarding allocates nothing, neither for a packet that comes nor for one that goes.

mod common;

use std::alloc::System;
use std::time::Duration;

use common::Lesson;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations while a second of media is forwarded, and packets forwarded, with so many classrooms.
fn second_of_media(classrooms: usize) -> (usize, usize) {
    let mut lesson = Lesson::new(15, 1);
    let (_, camera, microphone) = lesson.teacher();
    for _ in 0..classrooms {
        lesson.classroom(camera, microphone);
    }
    lesson.all_connected();
    // Longer than the history of a track: from then on its packets are used again.
    lesson.run(Duration::from_secs(5));
    let mut datagrams = lesson.sent_by_teachers(Duration::from_secs(1));
    lesson.core.discard(true);
    // What grows to its size once does so with the first of them.
    let (first, measured) = datagrams.split_at_mut(40);
    lesson.receive(first);
    let before = lesson.core.discarded();
    let region = Region::new(ALLOCATOR);
    lesson.receive(measured);
    let change = region.change();
    (
        change.allocations + change.reallocations,
        lesson.core.discarded() - before,
    )
}

/// A queue of the measurement or of the reports to come may grow once more.
const GROWTH: usize = 16;

#[test]
fn forwarding_allocates_nothing() {
    for classrooms in [5, 40] {
        let (allocations, packets) = second_of_media(classrooms);
        assert!(packets > 100 * classrooms, "{packets} packets to {classrooms}");
        assert!(
            allocations <= GROWTH,
            "{allocations} allocations for {packets} packets to {classrooms}"
        );
    }
}
