//! The recorder itself: frames of the tap in, statuses out, files in between. Its time is that of the frames and ticks it is
//! given; it has no clock.

mod gap;
mod tracks;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use protocol::id::LessonId;
use protocol::journal::Cause;
use protocol::media::{Codec, MediaKind};
use protocol::tap::{Control, Disk, Frame, Status, TrackKey};

use crate::audio::AudioLane;
use crate::clock::Publishers;
use crate::disk::FreeSpace;
use crate::error::Error;
use crate::feed::Feed;
use crate::lane::Lane;
use crate::packer::{Kind, Packer};
use crate::resume::{self, Resumed, Tail};
use crate::video::VideoLane;
use crate::writer::{Job, Writer};

/// How often [`Status::Progress`] is said, and the disk looked at.
const PROGRESS_US: u64 = 1_000_000;
/// How often tracks are looked at for something to fill.
const TICK_US: u64 = 50_000;

/// What a recorder is started with.
pub struct Options {
    /// Bytes of the disk that have to stay free.
    pub reserve_bytes: u64,
    /// Says how much is free.
    pub free_space: FreeSpace,
}

struct Recorded {
    key: TrackKey,
    lane: Box<dyn Lane>,
    /// The stream of the tap that feeds it.
    feed: Option<u32>,
    failures: u32,
}

/// See the module.
pub struct Recorder {
    dir: PathBuf,
    options: Options,
    /// Lesson and class time zero.
    begin: Option<(LessonId, u64)>,
    writer: Writer,
    thread: JoinHandle<()>,
    tracks: Vec<Recorded>,
    feeds: BTreeMap<u32, Feed>,
    publishers: Publishers,
    /// Class time now.
    now_us: u64,
    ticked_us: u64,
    progress_us: Option<u64>,
    told_first: bool,
    disk: Disk,
    /// Class time since which nothing is recorded, and why.
    gap: Option<(u64, Cause)>,
    statuses: VecDeque<Status>,
    finish: bool,
    // Held until the recording is closed.
    _lock: std::fs::File,
}

/// Name of the file that a recorder locks while it writes.
const LOCK: &str = ".lock";

/// Waits until nobody else writes into `dir`: a recorder whose server was killed is still closing its recording while the
/// next server starts another.
fn lock(dir: &Path) -> Result<std::fs::File, Error> {
    let path = dir.join(LOCK);
    let file = std::fs::File::create(&path).map_err(Error::io(&path))?;
    file.lock().map_err(Error::io(&path))?;
    Ok(file)
}

/// Loads GStreamer and the muxer.
///
/// # Errors
///
/// When GStreamer does not start.
pub fn init() -> Result<(), Error> {
    gstreamer::init().map_err(|error| Error::Gstreamer(error.to_string()))?;
    gstfmp4::plugin_register_static().map_err(|error| Error::Gstreamer(error.to_string()))
}

impl Recorder {
    /// Opens a new recording in `dir`, or goes on in the one that is there. [`init`] has to come before.
    ///
    /// # Errors
    ///
    /// When files cannot be read or made.
    pub fn open(dir: &Path, options: Options) -> Result<Self, Error> {
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        let lock = lock(dir)?;
        let resumed = resume::read(dir)?;
        let (writer, thread) = Writer::start(dir, &resumed)?;
        let Resumed { recording, tails, .. } = resumed;
        let end_us = recording.duration_us();
        let mut recorder = Self {
            dir: dir.to_path_buf(),
            options,
            begin: recording.begin,
            writer,
            thread,
            tracks: Vec::new(),
            feeds: BTreeMap::new(),
            publishers: Publishers::default(),
            now_us: end_us,
            ticked_us: 0,
            progress_us: None,
            told_first: recording.begin.is_some(),
            disk: Disk::Ok,
            gap: (end_us > 0).then_some((end_us, Cause::Restart)),
            statuses: VecDeque::new(),
            finish: false,
            _lock: lock,
        };
        for (track, tail) in recording.tracks.into_iter().zip(tails) {
            let end_us = track.end_us();
            recorder.add(track.key, end_us, tail);
        }
        let resumed = recorder.begin.is_some();
        recorder.statuses.push_back(Status::Ready { resumed });
        Ok(recorder)
    }

    /// Takes the body of a frame of the tap.
    ///
    /// # Errors
    ///
    /// When the recording cannot go on.
    pub fn take(&mut self, body: &[u8]) -> Result<(), Error> {
        match Frame::decode(body) {
            Ok(frame) => self.handle(&frame),
            Err(error) => {
                tracing::warn!(%error, "a frame of the tap cannot be read");
                Ok(())
            }
        }
    }

    /// Takes a frame of the tap.
    ///
    /// # Errors
    ///
    /// When the recording cannot go on.
    pub fn handle(&mut self, frame: &Frame<&[u8]>) -> Result<(), Error> {
        match frame {
            Frame::Control(control) => self.control(control),
            Frame::Rtp {
                track,
                arrival_us,
                packet,
            } => {
                let arrival_us = self.arrival(*arrival_us)?;
                if let Some(feed) = self.feeds.get_mut(track) {
                    feed.packet(packet, arrival_us);
                    self.advance(*track)?;
                }
                Ok(())
            }
            Frame::SenderReport {
                track,
                arrival_us,
                ntp,
                rtp,
            } => {
                self.arrival(*arrival_us)?;
                if let Some(feed) = self.feeds.get_mut(track) {
                    feed.report(&mut self.publishers, *ntp, *rtp, self.now_us);
                    self.advance(*track)?;
                }
                Ok(())
            }
        }
    }

    /// Time goes on without a frame: `unix_us` is the time by the engine's clock.
    ///
    /// # Errors
    ///
    /// When the recording cannot go on.
    pub fn tick(&mut self, unix_us: u64) -> Result<(), Error> {
        self.arrival(unix_us).map(|_| ())
    }

    /// The next thing to tell the server.
    pub fn poll_status(&mut self) -> Option<Status> {
        self.statuses.pop_front()
    }

    /// Whether [`Control::Finish`] came.
    #[must_use]
    pub fn finish_asked(&self) -> bool {
        self.finish
    }

    /// Closes the recording whole; says where it ends.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    pub fn close(mut self) -> Result<Closed, Error> {
        let numbers: Vec<u32> = self.feeds.keys().copied().collect();
        for number in numbers {
            self.down(number)?;
        }
        if !self.writing() {
            self.gap = self.gap.filter(|(_, cause)| *cause == Cause::DiskFull);
        }
        let nothing_new = self.gap.is_some();
        let end_us = if nothing_new {
            self.writer.end_us()
        } else {
            self.now_us
        };
        if !nothing_new {
            for track in &mut self.tracks {
                if let Err(error) = track.lane.finish(end_us) {
                    tracing::error!(%error, track = track.key.slug(), "a track could not be closed whole");
                }
            }
        }
        self.tracks.clear();
        self.writer.barrier(false)?;
        let duration_us = self.writer.end_us();
        if self.begin.is_some() {
            self.writer.close(duration_us)?;
        }
        let closed = Closed {
            dir: self.dir,
            duration_ms: duration_us / 1_000,
            bytes: self.writer.bytes(),
        };
        drop(self.writer);
        let _ = self.thread.join();
        Ok(closed)
    }

    fn control(&mut self, control: &Control) -> Result<(), Error> {
        match control {
            Control::Begin { lesson, epoch_us } => self.begin(*lesson, *epoch_us),
            Control::TrackUp {
                number,
                key,
                codec,
                publisher,
                ..
            } => self.up(*number, key, *codec, *publisher),
            Control::TrackDown { number } => self.down(*number),
            Control::Finish {} => {
                self.finish = true;
                Ok(())
            }
        }
    }

    fn begin(&mut self, lesson: LessonId, epoch_us: u64) -> Result<(), Error> {
        match self.begin {
            Some((ours, _)) if ours != lesson => Err(Error::OtherLesson),
            Some(_) => Ok(()),
            None => {
                self.begin = Some((lesson, epoch_us));
                self.writer.send(Job::Begin { lesson, epoch_us })
            }
        }
    }

    fn up(&mut self, number: u32, key: &TrackKey, codec: Codec, publisher: u32) -> Result<(), Error> {
        let slug = key.slug();
        if codec.kind() != key.kind() {
            self.warn(format!("track {number} ({slug}) has a codec of another kind"));
            return Ok(());
        }
        let lane = match self.tracks.iter().position(|track| track.key.slug() == slug) {
            Some(lane) => lane,
            None => self.add_new(key)?,
        };
        let feed = match Feed::new(lane, codec, publisher, self.now_us) {
            Ok(feed) => feed,
            Err(error) => {
                self.warn(format!("track {number} ({slug}) is not recorded: {error}"));
                return Ok(());
            }
        };
        tracing::info!(number, %slug, ?codec, publisher, "a track is up");
        self.feeds.insert(number, feed);
        self.tracks[lane].feed = Some(number);
        self.tracks[lane].lane.begin();
        if key.kind() == MediaKind::Video {
            self.statuses.push_back(Status::KeyframeWanted { number });
        }
        Ok(())
    }

    fn down(&mut self, number: u32) -> Result<(), Error> {
        let Some(mut feed) = self.feeds.remove(&number) else {
            return Ok(());
        };
        if let Err(error) = feed.end(&mut self.publishers, self.now_us) {
            tracing::warn!(number, %error, "the end of a track was lost");
        }
        let (missing, late) = feed.losses();
        tracing::info!(number, missing, late, dropped = feed.dropped, "a track is down");
        self.drain(number, &mut feed)?;
        for track in self.tracks.iter_mut().filter(|track| track.feed == Some(number)) {
            track.feed = None;
        }
        Ok(())
    }

    fn add_new(&mut self, key: &TrackKey) -> Result<usize, Error> {
        self.writer.send(Job::Track { key: key.clone() })?;
        Ok(self.add(key.clone(), 0, Tail::default()))
    }

    fn add(&mut self, key: TrackKey, end_us: u64, tail: Tail) -> usize {
        let index = self.tracks.len();
        let number = u32::try_from(index).expect("a lesson has fewer than 2^32 tracks");
        let packer = |kind| Packer::new(number, kind, self.writer.clone(), end_us);
        let lane: Box<dyn Lane> = match key.kind() {
            MediaKind::Video => Box::new(VideoLane::new(packer(Kind::Video), tail.picture)),
            MediaKind::Audio => Box::new(AudioLane::new(packer(Kind::Audio))),
        };
        self.tracks.push(Recorded {
            key,
            lane,
            feed: None,
            failures: 0,
        });
        index
    }

    /// Class time of an arrival; what is due by then is done.
    fn arrival(&mut self, unix_us: u64) -> Result<u64, Error> {
        let Some((_, epoch_us)) = self.begin else {
            return Ok(0);
        };
        let class_us = unix_us.saturating_sub(epoch_us);
        self.now_us = self.now_us.max(class_us);
        if self.now_us >= self.ticked_us + TICK_US {
            self.ticked_us = self.now_us;
            self.watch_disk()?;
            self.go_on()?;
            let numbers: Vec<u32> = self.feeds.keys().copied().collect();
            for number in numbers {
                self.advance(number)?;
            }
            self.tick_tracks()?;
        }
        if !self.told_first && self.writer.bytes() > 0 {
            self.told_first = true;
            self.progress(None);
        }
        Ok(class_us)
    }

    fn warn(&mut self, message: String) {
        tracing::warn!("{message}");
        self.statuses.push_back(Status::Warning { message });
    }
}

/// A recording that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Where it is.
    pub dir: PathBuf,
    /// Class time of its end in ms.
    pub duration_ms: u64,
    /// Bytes of media.
    pub bytes: u64,
}
