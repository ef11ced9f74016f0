//! Forwarding allocates per packet that comes, never per packet that goes.

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
    lesson.run(Duration::from_secs(2));
    let mut datagrams = lesson.sent_by_teachers(Duration::from_secs(1));
    let now = lesson.now;
    lesson.core.discard();
    // What grows to its size once does so with the first of them.
    let (first, measured) = datagrams.split_at_mut(30);
    for datagram in first {
        let (from, to) = (datagram.from, datagram.to);
        lesson
            .core
            .receive_in_place(now, from, to, &mut datagram.contents);
    }
    let before = lesson.core.discarded();
    let region = Region::new(ALLOCATOR);
    for datagram in measured {
        let (from, to) = (datagram.from, datagram.to);
        lesson
            .core
            .receive_in_place(now, from, to, &mut datagram.contents);
    }
    let change = region.change();
    (
        change.allocations + change.reallocations,
        lesson.core.discarded() - before,
    )
}

#[test]
fn forwarding_to_more_classrooms_allocates_no_more() {
    let (few, to_few) = second_of_media(5);
    let (many, to_many) = second_of_media(40);
    assert!(to_few > 500 && to_many > 7 * to_few, "{to_few}, {to_many}");
    // The same media, so the same packets come in; a queue of the measurement may grow once more.
    assert!(
        many <= few + 20,
        "{few} allocations for {to_few} packets, {many} for {to_many}"
    );
}
