//! Journals that were read, kept and followed while they grow.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use protocol::id::LessonId;
use protocol::journal::{self, Reader, Recording};
use tokio::sync::watch;

use super::Snapshot;

/// Recordings that are kept in memory at most; beyond, the one that was not asked for the longest goes.
const MAX_CACHED: usize = 64;
/// How often a journal that somebody waits for is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(25);
/// A recording that was not closed and has not grown for so long has lost its recorder: it is taken as ended.
const ABANDONED_AFTER: Duration = Duration::from_secs(300);

/// The recordings below a directory, each in the directory named like its lesson. Cheap to share by [`Arc`].
#[derive(Debug)]
pub struct ReplayStore {
    root: PathBuf,
    cached: Mutex<HashMap<LessonId, Arc<Cached>>>,
}

#[derive(Debug)]
struct Cached {
    dir: PathBuf,
    read: Mutex<Progress>,
    /// Counts what was read, for those who wait. A task follows the journal while there are any.
    grown: watch::Sender<u64>,
    asked: Mutex<SystemTime>,
}

#[derive(Debug, Default)]
struct Progress {
    reader: Reader,
    recording: Arc<Recording>,
    modified: Option<SystemTime>,
    following: bool,
}

impl ReplayStore {
    /// The recordings below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            cached: Mutex::new(HashMap::new()),
        }
    }

    /// Directory of a lesson's recording, whether it is there or not.
    #[must_use]
    pub fn recording_dir(&self, lesson: LessonId) -> PathBuf {
        self.root.join(lesson.to_string())
    }

    /// The recording as it is now; `None` when there is nothing to play.
    ///
    /// # Errors
    ///
    /// When its journal cannot be read.
    pub async fn snapshot(&self, lesson: LessonId) -> std::io::Result<Option<Snapshot>> {
        let cached = self.cached(lesson);
        blocking(move || cached.snapshot()).await
    }

    /// The recording as soon as `enough` is true of it, it has ended, or `patience` is over.
    ///
    /// # Errors
    ///
    /// When its journal cannot be read.
    pub async fn wait(
        &self,
        lesson: LessonId,
        patience: Duration,
        enough: impl Fn(&Recording) -> bool,
    ) -> std::io::Result<Option<Snapshot>> {
        let cached = self.cached(lesson);
        let mut grown = cached.grown.subscribe();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            grown.mark_unchanged();
            let reading = cached.clone();
            let snapshot = blocking(move || reading.snapshot()).await?;
            let done = snapshot
                .as_ref()
                .is_none_or(|now| now.ended || enough(now.recording()));
            if done || tokio::time::Instant::now() >= deadline {
                return Ok(snapshot);
            }
            // Nobody holds the recording while it waits, so that it can grow in place.
            drop(snapshot);
            cached.clone().follow();
            // Both a change and the end of patience lead to another look.
            let _ = tokio::time::timeout_at(deadline, grown.changed()).await;
        }
    }

    fn cached(&self, lesson: LessonId) -> Arc<Cached> {
        let mut all = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&lesson) && all.len() >= MAX_CACHED {
            let asked = |cached: &Cached| *cached.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let oldest = all
                .iter()
                .min_by_key(|(_, cached)| asked(cached))
                .map(|(lesson, _)| *lesson);
            if let Some(oldest) = oldest {
                all.remove(&oldest);
            }
        }
        let cached = all.entry(lesson).or_insert_with(|| {
            Arc::new(Cached {
                dir: self.root.join(lesson.to_string()),
                read: Mutex::default(),
                grown: watch::Sender::new(0),
                asked: Mutex::new(SystemTime::UNIX_EPOCH),
            })
        });
        *cached.asked.lock().unwrap_or_else(PoisonError::into_inner) = SystemTime::now();
        cached.clone()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::other)?
}

impl Cached {
    fn snapshot(&self) -> std::io::Result<Option<Snapshot>> {
        let mut progress = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        progress.catch_up(&self.dir.join(journal::FILE))?;
        if progress.recording.begin.is_none() || progress.recording.duration_us() == 0 {
            return Ok(None);
        }
        let age = progress
            .modified
            .and_then(|modified| SystemTime::now().duration_since(modified).ok());
        let abandoned = age.is_some_and(|age| age > ABANDONED_AFTER);
        Ok(Some(Snapshot {
            recording: progress.recording.clone(),
            dir: self.dir.clone(),
            ended: progress.recording.closed.is_some() || abandoned,
        }))
    }

    /// Looks at the journal again and again while somebody waits for it to grow.
    fn follow(self: Arc<Self>) {
        {
            let mut progress = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::replace(&mut progress.following, true) {
                return;
            }
        }
        tokio::spawn(async move {
            let path = self.dir.join(journal::FILE);
            let mut length = 0;
            while self.grown.receiver_count() > 0 {
                let now = tokio::fs::metadata(&path)
                    .await
                    .map_or(0, |metadata| metadata.len());
                if now != length {
                    length = now;
                    self.grown.send_modify(|count| *count += 1);
                }
                tokio::time::sleep(FOLLOW_EVERY).await;
            }
            self.read.lock().unwrap_or_else(PoisonError::into_inner).following = false;
        });
    }
}

impl Progress {
    /// Reads what was added. Torn lines are left for the next time; a journal that became shorter is read anew.
    fn catch_up(&mut self, path: &Path) -> std::io::Result<()> {
        let mut file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                *self = Self {
                    following: self.following,
                    ..Self::default()
                };
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        self.modified = metadata.modified().ok();
        if metadata.len() < self.reader.whole_bytes() {
            self.reader = Reader::default();
            self.recording = Arc::default();
        }
        if metadata.len() == self.reader.whole_bytes() {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.reader.whole_bytes()))?;
        let mut added = Vec::new();
        file.read_to_end(&mut added)?;
        let whole = added
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let recording = Arc::make_mut(&mut self.recording);
        self.reader.feed(&added[..whole], |entry| recording.apply(entry));
        Ok(())
    }
}
