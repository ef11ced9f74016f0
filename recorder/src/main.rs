//! `tongke-recorder`: reads the tap on standard input, writes the recording, says on standard output how it goes.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Parser;
use protocol::tap::{Frame, Status};
use recorder::{Options, Recorder, Splitter};
use rustix::event::{PollFd, PollFlags};
use signal_hook::consts::{SIGINT, SIGTERM};

/// Records one lesson to crash-safe CMAF. Started by the server, one process per lesson.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Directory of the recording; a recording that is there goes on.
    #[arg(long)]
    dir: PathBuf,
    /// Bytes of the disk that have to stay free.
    #[arg(long, default_value_t = 512 << 20)]
    reserve_bytes: u64,
}

/// Read at once at most.
const PIECE: usize = 64 << 10;
/// Without input, time goes on in such steps.
const STEP: rustix::event::Timespec = rustix::event::Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("TONGKE_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    recorder::init()?;
    let options = Options {
        reserve_bytes: arguments.reserve_bytes,
        free_space: recorder::free_space(),
    };
    let mut recorder = Recorder::open(&arguments.dir, options)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let mut input = vec![0; PIECE];
    let mut splitter = Splitter::default();
    let mut clock = Clock::new();
    say_all(&mut recorder)?;
    while !stop.load(Ordering::Relaxed) && !recorder.finish_asked() {
        match read(&mut input)? {
            Read::Bytes(length) => splitter.feed(&input[..length], |body| {
                clock.see(body);
                recorder.take(body)
            })?,
            Read::Nothing => recorder.tick(clock.now_us())?,
            Read::End => break,
        }
        say_all(&mut recorder)?;
    }
    finish(recorder, &clock)
}

fn finish(mut recorder: Recorder, clock: &Clock) -> anyhow::Result<()> {
    recorder.tick(clock.now_us())?;
    say_all(&mut recorder)?;
    let asked = recorder.finish_asked();
    let closed = recorder.close()?;
    if asked {
        say(&Status::Finished {
            duration_ms: closed.duration_ms,
            bytes: closed.bytes,
        })?;
        let poster = recorder::make_poster(&closed.dir).context("no poster was made");
        if let Err(error) = poster {
            tracing::warn!("{error:#}");
        }
    }
    Ok(())
}

enum Read {
    Bytes(usize),
    Nothing,
    End,
}

/// Waits for input, at most for [`STEP`].
fn read(piece: &mut [u8]) -> anyhow::Result<Read> {
    let stdin = std::io::stdin();
    let mut wanted = [PollFd::new(&stdin, PollFlags::IN)];
    match rustix::event::poll(&mut wanted, Some(&STEP)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Read::Nothing),
        Ok(_) => {}
        Err(error) => return Err(error).context("standard input"),
    }
    // Not by `Stdin`, whose buffer poll knows nothing of.
    match rustix::io::read(&stdin, piece) {
        Ok(0) => Ok(Read::End),
        Ok(length) => Ok(Read::Bytes(length)),
        Err(rustix::io::Errno::INTR) => Ok(Read::Nothing),
        Err(error) => Err(error).context("standard input"),
    }
}

fn say_all(recorder: &mut Recorder) -> anyhow::Result<()> {
    while let Some(status) = recorder.poll_status() {
        say(&status)?;
    }
    Ok(())
}

fn say(status: &Status) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(status)?;
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    // The server may be gone: the recording is closed whole all the same.
    if let Err(error) = stdout.write_all(&line).and_then(|()| stdout.flush()) {
        tracing::debug!(%error, "nobody listens");
    }
    Ok(())
}

/// The engine's clock, by the arrivals of its packets.
struct Clock {
    unix_us: u64,
    at: Instant,
}

impl Clock {
    fn new() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            unix_us: u64::try_from(unix.as_micros()).unwrap_or(0),
            at: Instant::now(),
        }
    }

    fn see(&mut self, body: &[u8]) {
        if let Ok(Frame::Rtp { arrival_us, .. } | Frame::SenderReport { arrival_us, .. }) =
            Frame::decode(body)
        {
            self.unix_us = arrival_us;
            self.at = Instant::now();
        }
    }

    fn now_us(&self) -> u64 {
        let passed = u64::try_from(self.at.elapsed().as_micros()).unwrap_or(0);
        self.unix_us + passed
    }
}
