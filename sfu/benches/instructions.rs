//! Work for `valgrind --tool=callgrind --toggle-collect='*measured*'`: a second of camera and sound to 100 classrooms through the
//! engine's core. Prints how many packets leave, by which the count of instructions is divided (scripts/instructions does both).

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::Lesson;
use sfu::testing::Datagram;

const CLASSROOMS: usize = 100;
const FORWARDED: &str = "tongke_sfu_rtp_forwarded_total";

fn main() {
    let mut lesson = Lesson::new(1, 1);
    let (_, camera, microphone) = lesson.teacher();
    for _ in 0..CLASSROOMS {
        lesson.classroom(camera, microphone);
    }
    lesson.all_connected();
    lesson.run(Duration::from_secs(2));
    lesson.core.discard(true);
    let mut datagrams = lesson.sent_by_teachers(Duration::from_secs(1));
    let before = lesson.core.metric(FORWARDED);
    measured(&mut lesson, &mut datagrams);
    let packets = lesson.core.metric(FORWARDED) - before;
    #[expect(clippy::print_stdout, reason = "the script reads it")]
    {
        println!("{packets}");
    }
}

#[inline(never)]
fn measured(lesson: &mut Lesson, datagrams: &mut [(Instant, Datagram)]) {
    lesson.forward(datagrams);
}
