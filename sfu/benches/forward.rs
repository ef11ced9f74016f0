//! CPU of the engine's core per packet forwarded, without sockets: a teacher's packets come in encrypted and leave sealed for
//! each classroom. Items are packets that leave. `cargo bench -p tongke-sfu --bench forward`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::cell::RefCell;
use std::time::Duration;

use common::Lesson;
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 10, 100, 1000], sample_count = 20, sample_size = 1)]
fn one_second_of_camera_and_sound(bencher: Bencher<'_, '_>, classrooms: usize) {
    let mut lesson = Lesson::new(1, 1);
    let (_, camera, microphone) = lesson.teacher();
    for _ in 0..classrooms {
        lesson.classroom(camera, microphone);
    }
    lesson.all_connected();
    lesson.run(Duration::from_secs(2));
    lesson.core.discard();
    let lesson = RefCell::new(lesson);
    bencher
        .with_inputs(|| lesson.borrow_mut().sent_by_teachers(Duration::from_secs(1)))
        .input_counter(move |datagrams| ItemsCount::new(datagrams.len() * classrooms))
        .bench_local_values(|mut datagrams| {
            let mut lesson = lesson.borrow_mut();
            let now = lesson.now;
            for datagram in &mut datagrams {
                let (from, to) = (datagram.from, datagram.to);
                lesson
                    .core
                    .receive_in_place(now, from, to, &mut datagram.contents);
            }
            datagrams
        });
}
