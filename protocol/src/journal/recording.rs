//! The recording a journal tells of.

use super::{Entry, Interruption, Reader, RecordedTrack};
use crate::id::LessonId;

/// What a journal says, applied entry by entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Lesson and class time zero; `None` before the first line.
    pub begin: Option<(LessonId, u64)>,
    /// Tracks by number.
    pub tracks: Vec<RecordedTrack>,
    /// Interruptions by time.
    pub interruptions: Vec<Interruption>,
    /// Class time of the end, when it is closed.
    pub closed: Option<u64>,
}

impl Recording {
    /// Reads a whole journal.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut recording = Self::default();
        Reader::default().feed(bytes, |entry| recording.apply(entry));
        recording
    }

    /// Takes the next entry. One that names an unknown track is ignored.
    pub fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Begin { lesson, epoch_us, .. } => self.begin = Some((lesson, epoch_us)),
            Entry::Track { track, key } => {
                if track as usize == self.tracks.len() {
                    self.tracks.push(RecordedTrack {
                        key,
                        inits: Vec::new(),
                        segments: Vec::new(),
                        length: 0,
                    });
                }
            }
            Entry::Init(init) => {
                if let Some(track) = self.tracks.get_mut(init.track as usize) {
                    track.end_segment();
                    track.length = track.length.max(init.offset + init.length);
                    track.inits.push(init);
                }
            }
            Entry::Part(part) => {
                self.closed = None;
                if let Some(track) = self.tracks.get_mut(part.track as usize) {
                    track.push(part);
                }
            }
            Entry::Truncate { track, length } => {
                if let Some(track) = self.tracks.get_mut(track as usize) {
                    track.truncate(length);
                }
            }
            Entry::Interrupted(interruption) => self.interruptions.push(interruption),
            Entry::Close { duration_us } => {
                self.closed = Some(duration_us);
                self.tracks.iter_mut().for_each(RecordedTrack::end_segment);
            }
        }
    }

    /// Class time recorded so far, of the longest track.
    #[must_use]
    pub fn duration_us(&self) -> u64 {
        self.tracks.iter().map(RecordedTrack::end_us).max().unwrap_or(0)
    }

    /// Bytes of media.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tracks.iter().map(|track| track.length).sum()
    }
}
