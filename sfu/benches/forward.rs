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

#[divan::bench(args = [1, 10, 100, 1000], sample_count = 10, sample_size = 1)]
fn one_second_of_camera_and_sound(bencher: Bencher<'_, '_>, classrooms: usize) {
    let mut lesson = Lesson::new(1, 1);
    let (teacher, camera, microphone) = lesson.teacher();
    for _ in 0..classrooms {
        lesson.classroom(camera, microphone);
    }
    lesson.all_connected();
    lesson.run(Duration::from_secs(2));
    let address = lesson.clients[teacher].outside();
    let lesson = RefCell::new(lesson);
    bencher
        .with_inputs(|| {
            let mut lesson = lesson.borrow_mut();
            // Viewers who say nothing of what they got would be sent less.
            lesson.core.discard(false);
            lesson.run(Duration::from_secs(2));
            lesson.core.discard(true);
            lesson.sent_by_teachers(Duration::from_secs(1))
        })
        .input_counter(move |datagrams| {
            let from_teacher = datagrams.iter().filter(|(_, datagram)| datagram.from == address);
            ItemsCount::new(from_teacher.count() * classrooms)
        })
        .bench_local_values(|mut datagrams| {
            lesson.borrow_mut().forward(&mut datagrams);
            datagrams
        });
}
