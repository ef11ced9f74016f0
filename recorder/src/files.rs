//! The files of a recording: one media file per track, and the journal. Data first, journal after; what could not be written
//! whole is taken back.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use gstreamer as gst;
use protocol::id::LessonId;
use protocol::journal::{self, Entry, Init, Interruption};
use protocol::tap::TrackKey;

use crate::error::Error;
use crate::resume::{Resumed, decoder_config};
use crate::writer::PartPlan;

/// A file that is appended to, whole pieces only.
struct Appended {
    path: PathBuf,
    file: Arc<File>,
    length: u64,
}

impl Appended {
    /// Opens or makes the file; what is behind `length` goes.
    fn open(path: PathBuf, length: u64) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = file.map_err(Error::io(&path))?;
        file.set_len(length).map_err(Error::io(&path))?;
        Ok(Self {
            path,
            file: Arc::new(file),
            length,
        })
    }

    /// Writes `data` behind the rest and says where; nothing of it stays if it fails.
    fn append(&mut self, data: &[u8]) -> Result<u64, Error> {
        let offset = self.length;
        if let Err(error) = self.file.write_all_at(data, offset) {
            let _ = self.file.set_len(offset);
            return Err(Error::io(&self.path)(error));
        }
        self.length += data.len() as u64;
        Ok(offset)
    }

    fn take_back(&mut self, length: u64) {
        if self.file.set_len(length).is_ok() {
            self.length = length;
        }
    }
}

struct TrackFile {
    media: Appended,
    init: Vec<u8>,
    end_us: u64,
}

/// See the module.
pub(crate) struct Files {
    dir: PathBuf,
    journal: Appended,
    tracks: Vec<TrackFile>,
    syncs: SyncSender<Arc<File>>,
}

impl Files {
    /// Opens the files of a recording as `resumed` found them. Files to sync go to `syncs`.
    pub(crate) fn open(dir: &Path, resumed: &Resumed, syncs: SyncSender<Arc<File>>) -> Result<Self, Error> {
        let mut files = Self {
            dir: dir.to_path_buf(),
            journal: Appended::open(dir.join(journal::FILE), resumed.journal_bytes)?,
            tracks: Vec::new(),
            syncs,
        };
        for (track, tail) in resumed.recording.tracks.iter().zip(&resumed.tails) {
            files.tracks.push(TrackFile {
                media: Appended::open(dir.join(journal::media_file(&track.key.slug())), track.length)?,
                init: tail.init.clone(),
                end_us: track.end_us(),
            });
        }
        for entry in &resumed.amendments {
            files.journal(entry)?;
        }
        Ok(files)
    }

    /// Bytes of media.
    pub(crate) fn bytes(&self) -> u64 {
        self.tracks.iter().map(|track| track.media.length).sum()
    }

    /// Class time of the end of each track.
    pub(crate) fn ends(&self) -> Vec<u64> {
        self.tracks.iter().map(|track| track.end_us).collect()
    }

    /// Begins the journal.
    pub(crate) fn begin(&mut self, lesson: LessonId, epoch_us: u64) -> Result<(), Error> {
        self.journal(&Entry::Begin {
            version: journal::VERSION,
            lesson,
            epoch_us,
        })
    }

    /// Begins a track's media file.
    pub(crate) fn track(&mut self, key: TrackKey) -> Result<(), Error> {
        let media = Appended::open(self.dir.join(journal::media_file(&key.slug())), 0)?;
        let track = u32::try_from(self.tracks.len()).expect("a lesson has fewer than 2^32 tracks");
        self.tracks.push(TrackFile {
            media,
            init: Vec::new(),
            end_us: 0,
        });
        self.journal(&Entry::Track { track, key })
    }

    /// Writes an init segment, unless the one that holds says the same to a decoder: they differ in the time they were made.
    pub(crate) fn init(&mut self, track: u32, caps: &gst::Caps, data: &[u8]) -> Result<(), Error> {
        let Some(file) = self.tracks.get_mut(track as usize) else {
            return Ok(());
        };
        let same = |kind| {
            let config = decoder_config(data, kind);
            config.is_some() && config == decoder_config(&file.init, kind)
        };
        if same(b"avcC") || same(b"dOps") {
            return Ok(());
        }
        let offset = file.media.append(data)?;
        let (width, height) = size(caps);
        let init = Init {
            track,
            offset,
            length: data.len() as u64,
            codecs: codecs(caps),
            width,
            height,
        };
        self.journal_after(track, offset, &Entry::Init(init))?;
        self.tracks[track as usize].init = data.to_vec();
        Ok(())
    }

    /// Writes a part; syncs when it is the last of a segment.
    pub(crate) fn part(&mut self, track: u32, plan: PartPlan, data: &[u8]) -> Result<(), Error> {
        let Some(file) = self.tracks.get_mut(track as usize) else {
            return Ok(());
        };
        let offset = file.media.append(data)?;
        let part = plan.part(track, offset, data.len() as u64);
        let end_us = part.end_us();
        self.journal_after(track, offset, &Entry::Part(part))?;
        let file = &mut self.tracks[track as usize];
        file.end_us = end_us;
        if plan.last {
            // A full queue only means that the disk is slow: the next segment's sync covers this one.
            let _ = self.syncs.try_send(file.media.file.clone());
            let _ = self.syncs.try_send(self.journal.file.clone());
        }
        Ok(())
    }

    pub(crate) fn interrupted(&mut self, interruption: Interruption) -> Result<(), Error> {
        self.journal(&Entry::Interrupted(interruption))
    }

    /// Closes the recording and waits until all of it is on the disk.
    pub(crate) fn close(&mut self, duration_us: u64) -> Result<(), Error> {
        for track in &self.tracks {
            track
                .media
                .file
                .sync_data()
                .map_err(Error::io(&track.media.path))?;
        }
        self.journal(&Entry::Close { duration_us })?;
        self.journal
            .file
            .sync_data()
            .map_err(Error::io(&self.journal.path))?;
        let dir = File::open(&self.dir).map_err(Error::io(&self.dir))?;
        dir.sync_all().map_err(Error::io(&self.dir))
    }

    fn journal(&mut self, entry: &Entry) -> Result<(), Error> {
        let mut line = Vec::with_capacity(192);
        entry.write_line(&mut line);
        self.journal.append(&line).map(|_| ())
    }

    /// Journals what was just written at `offset`; takes it back when that fails.
    fn journal_after(&mut self, track: u32, offset: u64, entry: &Entry) -> Result<(), Error> {
        let result = self.journal(entry);
        if result.is_err() {
            self.tracks[track as usize].media.take_back(offset);
        }
        result
    }
}

fn size(caps: &gst::Caps) -> (u32, u32) {
    let field = |name| {
        let value = caps.structure(0).and_then(|s| s.get::<i32>(name).ok());
        value.and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
    };
    (field("width"), field("height"))
}

/// By RFC 6381.
fn codecs(caps: &gst::Caps) -> String {
    let data = caps
        .structure(0)
        .and_then(|s| s.get::<gst::Buffer>("codec_data").ok());
    let map = data.as_ref().and_then(|data| data.map_readable().ok());
    match map.as_deref() {
        Some(&[_, profile, compatible, level, ..]) => {
            format!("avc1.{profile:02x}{compatible:02x}{level:02x}")
        }
        _ => "opus".to_owned(),
    }
}
