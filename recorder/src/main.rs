//! `tongke-recorder`: reads the tap on standard input, writes the recording, says on standard output how it goes.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Parser;
use protocol::tap::{Frame, Status};
use recorder::{Options, Recorder, Splitter};
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

enum Input {
    Bytes(Vec<u8>),
    End,
}

/// Pieces of input that may wait; beyond, the server waits.
const MAX_INPUT: usize = 64;
const PIECE: usize = 64 << 10;
/// Without input, time goes on in such steps.
const STEP: Duration = Duration::from_millis(100);

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
    let (sender, inputs) = sync_channel(MAX_INPUT);
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT])?;
    let stop = sender.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if signals.forever().next().is_some() {
                let _ = stop.send(Input::End);
            }
        })?;
    std::thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || read(&sender))?;
    let mut splitter = Splitter::default();
    let mut clock = Clock::new();
    say_all(&mut recorder)?;
    loop {
        match inputs.recv_timeout(STEP) {
            Ok(Input::Bytes(bytes)) => splitter.feed(&bytes, |body| {
                clock.see(body);
                recorder.take(body)
            })?,
            Ok(Input::End) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => recorder.tick(clock.now_us())?,
        }
        say_all(&mut recorder)?;
        if recorder.finish_asked() {
            break;
        }
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

/// Reads standard input to its end.
fn read(inputs: &SyncSender<Input>) {
    let mut stdin = std::io::stdin().lock();
    loop {
        let mut piece = vec![0; PIECE];
        let input = match stdin.read(&mut piece) {
            Ok(0) => Input::End,
            Ok(length) => {
                piece.truncate(length);
                Input::Bytes(piece)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                tracing::error!(%error, "standard input");
                Input::End
            }
        };
        let end = matches!(input, Input::End);
        if inputs.send(input).is_err() || end {
            return;
        }
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
