//! One recorder process per live lesson: started, fed, watched, restarted without a limit, and closed whole at the end.

mod process;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use protocol::id::LessonId;
use protocol::signal::Recording;
use protocol::tap::Status;
use sfu::Engine;
use time::OffsetDateTime;
use tokio::io::BufReader;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::lamp::{Happened, Lamp};
use super::pump::Pump;
use crate::clock::SharedClock;
use crate::domain::event::EventKind;
use crate::room::Recorded;
use process::{Running, next, read_line, write};

/// A recorder that says nothing for so long is stuck.
const SILENT: Duration = Duration::from_secs(15);
/// So long may it take to come up: it waits for one before it to let go of the directory, and repairs.
const COMES_UP: Duration = Duration::from_secs(60);
/// Waits before each restart in a row; the last one repeats.
const BACKOFF: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];
/// A recorder that lived so long was well: the next restart is at once.
const WELL: Duration = Duration::from_secs(30);
/// So long may closing a recording take.
const CLOSES: Duration = Duration::from_secs(30);
/// So often is closing tried before the lesson is archived as it is: what is on disk plays.
const CLOSE_TRIES: usize = 3;
/// Longest line a recorder may say.
const LINE_MAX: usize = 16 << 10;

/// How recorders are run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program.
    pub program: PathBuf,
    /// Where recordings lie: one directory per lesson.
    pub recordings: PathBuf,
    /// Free space to leave on the disk, in bytes.
    pub reserve_bytes: u64,
}

/// What a recorder is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Record.
    Run,
    /// The lesson is over: close whole.
    Finish,
    /// The server goes away: write what there is and exit; the lesson goes on later.
    Stop,
}

/// What the room is told.
#[derive(Clone, Copy, Debug)]
pub enum News {
    /// The lamp shows something else.
    Lamp(Recording),
    /// Belongs in the event log.
    Log(EventKind),
    /// There is nothing more to do: the recording is closed (or the server stops).
    Over,
}

/// A recorder's handle. Dropping it stops the recorder.
#[derive(Debug)]
pub struct Recorder {
    order: watch::Sender<Order>,
    tracks: watch::Sender<Vec<Recorded>>,
}

impl Recorder {
    /// Starts recording a lesson: `epoch_us` is class time zero, Unix time in µs.
    #[must_use]
    pub fn start(job: Job, tracks: Vec<Recorded>, news: mpsc::Sender<News>) -> Self {
        let (order, orders) = watch::channel(Order::Run);
        let (tracks, track_changes) = watch::channel(tracks);
        let supervisor = Supervisor {
            lamp: Lamp::new(job.clock.now()),
            job,
            orders,
            tracks: track_changes,
            news,
        };
        tokio::spawn(supervisor.run());
        Self { order, tracks }
    }

    /// These tracks are recorded from now on.
    pub fn set_tracks(&self, tracks: Vec<Recorded>) {
        self.tracks.send_replace(tracks);
    }

    /// Says what is to be done. Nothing comes after [`Order::Stop`].
    pub fn order(&self, order: Order) {
        self.order.send_if_modified(|current| {
            let changes = *current != order && *current != Order::Stop;
            if changes {
                *current = order;
            }
            changes
        });
    }
}

/// What is to be recorded, and with what.
#[derive(Clone)]
pub struct Job {
    /// Which lesson.
    pub lesson: LessonId,
    /// Class time zero, Unix time in µs.
    pub epoch_us: u64,
    /// How recorders are run.
    pub settings: Settings,
    /// Where the media comes from.
    pub engine: Engine,
    /// The clock.
    pub clock: SharedClock,
    /// Counts restarts and drops.
    pub metrics: crate::rooms::Metrics,
}

struct Supervisor {
    job: Job,
    orders: watch::Receiver<Order>,
    tracks: watch::Receiver<Vec<Recorded>>,
    news: mpsc::Sender<News>,
    lamp: Lamp,
}

/// How one process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Finished,
    Stopped,
    Died,
}

impl Supervisor {
    async fn run(mut self) {
        let mut failures = 0;
        let mut close_tries = 0;
        loop {
            let began = Instant::now();
            let outcome = match self.one().await {
                Ok(outcome) => outcome,
                Err(error) => {
                    tracing::error!(lesson = %self.job.lesson, %error, "the recorder cannot be started");
                    Outcome::Died
                }
            };
            let order = self.order();
            match outcome {
                Outcome::Finished => {
                    self.happened(&Happened::Finished).await;
                    break;
                }
                Outcome::Stopped => break,
                Outcome::Died => {}
            }
            self.job.metrics.recorder_restarts.inc();
            tracing::warn!(lesson = %self.job.lesson, "the recorder died");
            self.happened(&Happened::Died).await;
            failures = if began.elapsed() >= WELL { 0 } else { failures + 1 };
            if order == Order::Finish {
                close_tries += 1;
                failures = close_tries;
            }
            if close_tries >= CLOSE_TRIES {
                tracing::error!(lesson = %self.job.lesson, "the recording could not be closed whole");
                self.happened(&Happened::Finished).await;
                break;
            }
            let wait = BACKOFF[usize::min(failures, BACKOFF.len() - 1)];
            let changed = tokio::time::timeout(wait, self.orders.changed()).await;
            let order = self.order();
            if matches!(changed, Ok(Err(_))) || order == Order::Stop {
                break;
            }
            if order == Order::Finish && !self.begun() {
                tracing::warn!(lesson = %self.job.lesson, "there is nothing recorded to close");
                break;
            }
        }
        let _ = self.news.send(News::Over).await;
    }

    /// What is to be done; a room that is gone wants nothing any more.
    fn order(&mut self) -> Order {
        if self.orders.has_changed().is_err() {
            Order::Stop
        } else {
            *self.orders.borrow_and_update()
        }
    }

    async fn happened(&mut self, happened: &Happened) {
        let before = self.lamp.shown();
        let event = self.lamp.take(self.job.clock.now(), happened);
        let shown = self.lamp.shown();
        // Nobody listens when the room is gone.
        if shown != before {
            let _ = self.news.send(News::Lamp(shown)).await;
        }
        if let Some(event) = event {
            let _ = self.news.send(News::Log(event)).await;
        }
    }

    fn directory(&self) -> PathBuf {
        self.job.settings.recordings.join(self.job.lesson.to_string())
    }

    /// Something is recorded already, by this process or one before.
    fn begun(&self) -> bool {
        self.directory().join(protocol::journal::FILE).exists()
    }

    /// One process from its start to its end.
    async fn one(&mut self) -> anyhow::Result<Outcome> {
        let directory = self.directory();
        if self.begun() {
            self.lamp.resume();
        }
        tokio::fs::create_dir_all(&directory).await?;
        let recorded = self.tracks.borrow_and_update().clone();
        let ids = recorded.iter().map(|recorded| recorded.track).collect();
        // The tap first: what comes before the process is ready waits in the pump.
        let tap = self.job.engine.tap(self.job.lesson, ids).await;
        let mut child = Command::new(&self.job.settings.program)
            .arg("--dir")
            .arg(&directory)
            .arg("--reserve-bytes")
            .arg(self.job.settings.reserve_bytes.to_string())
            // A Ctrl-C in the terminal is for the server, which then closes the recording.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            anyhow::bail!("the recorder's pipes are missing");
        };
        let mut running = Running {
            child,
            stdin: Some(stdin),
            stdout: BufReader::new(stdout),
            line: Vec::new(),
            tap: tap.ok(),
            pump: Pump::new(self.job.lesson, self.job.epoch_us, &recorded),
            numbers: std::collections::HashMap::new(),
            deadline: Instant::now() + COMES_UP,
            closing: None,
            finished: false,
        };
        self.happened(&Happened::Spawned).await;
        let outcome = self.feed(&mut running).await;
        if outcome == Outcome::Died {
            // It may have exited by itself already; a stuck one must not write beside its successor.
            let _ = running.child.kill().await;
        }
        Ok(outcome)
    }

    async fn feed(&mut self, running: &mut Running) -> Outcome {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            let order = self.order();
            if order != Order::Run && running.closing != Some(order) {
                running.close(order);
            }
            tokio::select! {
                // What was said counts before the end of who said it.
                biased;
                said = read_line(&mut running.stdout, &mut running.line) => match said {
                    Some(line) => self.said(running, &line).await,
                    None => return running.ended().await,
                },
                wrote = write(&mut running.stdin, running.pump.pending()) => match wrote {
                    Ok(bytes) => running.pump.wrote(bytes),
                    // It closed its input: it is ending, and its output will say how.
                    Err(_) => running.stdin = None,
                },
                event = next(&mut running.tap) => running.take(event),
                () = sleep_until(running.deadline) => {
                    tracing::warn!(lesson = %self.job.lesson, "the recorder is stuck");
                    return Outcome::Died;
                }
                _ = self.orders.changed(), if running.closing.is_none() => {}
                // Once it closes, no track matters: a room that is gone would make this ready for ever.
                changed = self.tracks.changed(), if running.closing.is_none() => {
                    if changed.is_err() {
                        running.close(Order::Stop);
                    } else {
                        self.retap(running).await;
                    }
                }
                _ = tick.tick() => {
                    self.job.metrics.tap_dropped.inc_by(running.pump.take_dropped());
                    self.happened(&Happened::Tick).await;
                }
            }
            // Everything is written: the end of the input tells the recorder to close.
            if running.closing == Some(Order::Stop) && running.tap.is_none() && running.pump.waiting() == 0 {
                running.stdin = None;
            }
        }
    }

    async fn retap(&mut self, running: &mut Running) {
        let recorded = self.tracks.borrow_and_update().clone();
        running.pump.set_tracks(&recorded);
        let ids = recorded.iter().map(|recorded| recorded.track).collect();
        self.job.engine.retap(self.job.lesson, ids).await;
    }

    async fn said(&mut self, running: &mut Running, line: &[u8]) {
        let status = match serde_json::from_slice::<Status>(line) {
            Ok(status) => status,
            Err(error) => {
                tracing::warn!(lesson = %self.job.lesson, %error, "the recorder said something unknown");
                return;
            }
        };
        if running.closing.is_none() {
            running.deadline = Instant::now() + SILENT;
        }
        match &status {
            Status::KeyframeWanted { number } => {
                if let Some(track) = running.numbers.get(number) {
                    self.job.engine.request_keyframe(*track);
                }
            }
            Status::Warning { message } => tracing::warn!(lesson = %self.job.lesson, message, "recorder"),
            Status::Finished { .. } => running.finished = true,
            Status::Ready { .. } | Status::Progress { .. } => {}
        }
        self.happened(&Happened::Said(status)).await;
    }
}

/// Class time zero of a lesson that went live at `live_since`.
#[must_use]
pub fn epoch_us(live_since: OffsetDateTime) -> u64 {
    u64::try_from(live_since.unix_timestamp_nanos() / 1_000).unwrap_or_default()
}
