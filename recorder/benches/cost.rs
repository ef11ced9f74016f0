//! What recording costs: `cargo bench -p tongke-recorder` feeds the program a camera of 720p at 1.5 Mbit/s and a microphone,
//! in real time, and prints the CPU seconds per recorded hour. `TONGKE_BENCH_SECONDS` says how long (60).

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::Write;
use std::time::{Duration, Instant};

use common::media::{Video, audio, video};
use common::process::Process;
use common::{Lesson, Path};
use protocol::media::{Codec, Source};
use protocol::tap::{Control, Status};

/// User and system time of a process so far, in clock ticks of 10 ms.
fn ticks(process: u32) -> (u64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .expect("a name")
        .split_whitespace()
        .collect();
    let field = |index: usize| fields[index].parse().expect("a number");
    (field(11), field(12))
}

/// Starting costs once and is not counted.
const WARM_US: u64 = 5_000_000;

fn main() {
    let seconds = std::env::var("TONGKE_BENCH_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let mut lesson = Lesson::begin();
    lesson.up(0, 1, Source::Camera, Codec::H264);
    lesson.up(0, 2, Source::Microphone, Codec::Opus);
    let camera = Video {
        width: 1280,
        height: 720,
        fps: 30,
        noise: 100,
        seconds,
        encoder: "openh264enc gop-size=60 complexity=low rate-control=off qp-min=10 qp-max=12 ! h264parse ! \
                  rtph264pay config-interval=-1",
        ..Video::default()
    };
    lesson.media(1, &video(camera), 0, Path::default(), |_| false);
    lesson.media(2, &audio(seconds, 0, 12), 0, Path::default(), |_| false);
    lesson.control(seconds * 1_000_000, Control::Finish {});
    let dir = tempfile::tempdir().expect("a directory");
    let mut process = Process::start(dir.path());
    let began = Instant::now();
    let (mut before, mut after) = (None, (0, 0));
    for (at_us, frame) in lesson.frames() {
        let due = began + Duration::from_micros(at_us);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if at_us >= WARM_US && before.is_none() {
            before = Some(ticks(process.child.id()));
        }
        if at_us >= seconds * 1_000_000 {
            after = ticks(process.child.id());
        }
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).expect("short enough");
        process.send(&bytes);
    }
    let finished = process.expect(|status| matches!(status, Status::Finished { .. }));
    process.wait();
    let before = before.expect("longer than the warm-up");
    let hourly = |ticks: u64| ticks * 36 / (seconds - WARM_US / 1_000_000);
    let Status::Finished { bytes, .. } = finished else {
        unreachable!("waited for it");
    };
    let (user, system) = (hourly(after.0 - before.0), hourly(after.1 - before.1));
    let line = format!(
        "{user} s user and {system} s system per recorded hour, {} kbit/s\n",
        bytes / 125 / seconds
    );
    std::io::stdout().write_all(line.as_bytes()).expect("a terminal");
}
