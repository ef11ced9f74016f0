//! The thread that writes: parts into the tracks' media files, then a line into the journal. Another thread syncs, so that
//! a slow disk holds up nothing.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use gstreamer as gst;
use protocol::id::LessonId;
use protocol::journal::{Interruption, Part};
use protocol::tap::TrackKey;

use crate::error::Error;
use crate::files::Files;
use crate::mux::Sample;
use crate::resume::Resumed;

/// Parts that may wait to be written; beyond, the muxers wait.
const MAX_JOBS: usize = 256;
/// Files that may wait to be synced; beyond, a sync is left out, and the next one makes up for it.
const MAX_SYNCS: usize = 64;

/// What a part is, known before it is muxed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartPlan {
    pub(crate) at_us: u64,
    pub(crate) duration_us: u64,
    pub(crate) samples: u32,
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) independent: bool,
    pub(crate) filled: bool,
}

impl PartPlan {
    /// A part that begins with `sample`, which is still to be counted.
    pub(crate) fn new(sample: &Sample, first: bool, filled: bool) -> Self {
        Self {
            at_us: sample.at_us,
            duration_us: 0,
            samples: 0,
            first,
            last: false,
            independent: sample.independent,
            filled,
        }
    }

    /// The journal's words for it.
    pub(crate) fn part(self, track: u32, offset: u64, length: u64) -> Part {
        Part {
            track,
            offset,
            length,
            at_us: self.at_us,
            duration_us: self.duration_us,
            samples: self.samples,
            first: self.first,
            last: self.last,
            independent: self.independent,
            filled: self.filled,
        }
    }
}

/// What the thread has to do.
pub(crate) enum Job {
    /// The recording begins.
    Begin { lesson: LessonId, epoch_us: u64 },
    /// A track begins; its number is the next.
    Track { key: TrackKey },
    /// An init segment.
    Init {
        track: u32,
        caps: gst::Caps,
        data: Vec<u8>,
    },
    /// A part.
    Part {
        track: u32,
        plan: PartPlan,
        data: Vec<u8>,
    },
    /// A stretch without media.
    Interrupted(Interruption),
    /// Answers with the class time of the end of each track when everything before it is done. With `retry`, writes again
    /// after a failure.
    Barrier { ends: SyncSender<Vec<u64>>, retry: bool },
    /// The end of the recording: everything is synced.
    Close { duration_us: u64, done: SyncSender<()> },
}

/// What is on disk.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    bytes: AtomicU64,
    end_us: AtomicU64,
    failed: AtomicBool,
}

/// A handle to the thread; it ends when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
}

impl Writer {
    /// Starts the threads on a recording.
    ///
    /// # Errors
    ///
    /// When a file cannot be opened or a thread not started.
    pub(crate) fn start(dir: &Path, resumed: &Resumed) -> Result<(Self, JoinHandle<()>), Error> {
        let shared = Arc::new(Shared::default());
        let (syncs, to_sync) = sync_channel(MAX_SYNCS);
        let files = Files::open(dir, resumed, syncs)?;
        shared.bytes.store(files.bytes(), Ordering::Relaxed);
        shared
            .end_us
            .store(resumed.recording.duration_us(), Ordering::Relaxed);
        spawn("sync", move || sync(&to_sync), dir)?;
        let (jobs, inbox) = sync_channel(MAX_JOBS);
        let theirs = shared.clone();
        let thread = spawn("write", move || write(files, &inbox, &theirs), dir)?;
        Ok((Self { jobs, shared }, thread))
    }

    /// Hands a job over; waits while too many wait.
    ///
    /// # Errors
    ///
    /// When the thread is gone.
    pub(crate) fn send(&self, job: Job) -> Result<(), Error> {
        self.jobs.send(job).map_err(|_| Error::Writer)
    }

    /// Waits until everything so far is done: class time of the end of each track.
    ///
    /// # Errors
    ///
    /// When the thread is gone.
    pub(crate) fn barrier(&self, retry: bool) -> Result<Vec<u64>, Error> {
        let (ends, answer) = sync_channel(1);
        self.send(Job::Barrier { ends, retry })?;
        answer.recv().map_err(|_| Error::Writer)
    }

    /// Closes the recording at `duration_us` and waits for the disk.
    ///
    /// # Errors
    ///
    /// When the thread is gone.
    pub(crate) fn close(&self, duration_us: u64) -> Result<(), Error> {
        let (done, answer) = sync_channel(1);
        self.send(Job::Close { duration_us, done })?;
        answer.recv().map_err(|_| Error::Writer)
    }

    /// Bytes of media on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Class time on disk in microseconds.
    pub(crate) fn end_us(&self) -> u64 {
        self.shared.end_us.load(Ordering::Relaxed)
    }

    /// A write failed, and nothing is written until a barrier with `retry`.
    pub(crate) fn failed(&self) -> bool {
        self.shared.failed.load(Ordering::Relaxed)
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static, dir: &Path) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(Error::io(dir))
}

fn sync(files: &Receiver<Arc<File>>) {
    while let Ok(file) = files.recv() {
        if let Err(error) = file.sync_data() {
            tracing::warn!(%error, "the disk does not sync");
        }
    }
}

fn write(mut files: Files, jobs: &Receiver<Job>, shared: &Shared) {
    while let Ok(job) = jobs.recv() {
        let failed = shared.failed.load(Ordering::Relaxed);
        let result = match job {
            Job::Begin { lesson, epoch_us } => files.begin(lesson, epoch_us),
            Job::Track { key } => files.track(key),
            Job::Init { .. } | Job::Part { .. } if failed => Ok(()),
            Job::Init { track, caps, data } => files.init(track, &caps, &data),
            Job::Part { track, plan, data } => files.part(track, plan, &data).map(|()| {
                shared
                    .end_us
                    .fetch_max(plan.at_us + plan.duration_us, Ordering::Relaxed);
            }),
            Job::Interrupted(interruption) => files.interrupted(interruption),
            Job::Barrier { ends, retry } => {
                shared.failed.fetch_and(!retry, Ordering::Relaxed);
                let _ = ends.send(files.ends());
                Ok(())
            }
            Job::Close { duration_us, done } => {
                let result = files.close(duration_us);
                let _ = done.send(());
                result
            }
        };
        if let Err(error) = result {
            tracing::error!(%error, "cannot write");
            shared.failed.store(true, Ordering::Relaxed);
        }
        shared.bytes.store(files.bytes(), Ordering::Relaxed);
    }
}
