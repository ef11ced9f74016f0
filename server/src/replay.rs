//! Recordings as HLS: live with low latency while they are written, on demand after.
//!
//! [`ReplayStore`] reads the journals that recorders write and answers `/hls/{lesson}/…`. It asks nobody who may see: that is
//! the caller's. The query string of a playlist's request (`?token=…`) is carried on to every address in the playlist.
//!
//! Addresses below `/hls/{lesson}/`: `master.m3u8`, `poster.jpg`, and per track `{track}/index.m3u8`, `{track}/init-{n}.mp4`,
//! `{track}/{segment}.m4s`, `{track}/{segment}.{part}.m4s`.

mod answer;
mod cache;
mod master;
mod playlist;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::api::ReplayTrack;
use protocol::id::LessonId;
use protocol::journal::{Interruption, Recording};

pub use cache::ReplayStore;

/// A recording as it is now.
#[derive(Clone, Debug)]
pub struct Snapshot {
    recording: Arc<Recording>,
    dir: PathBuf,
    /// Nothing will be added: closed by its recorder, or left alone for long.
    ended: bool,
}

impl Snapshot {
    /// What the journal says.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Directory of the recording.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether nothing will be added any more.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Class time zero in microseconds of Unix time.
    #[must_use]
    pub fn epoch_us(&self) -> u64 {
        self.recording.begin.map_or(0, |(_, epoch_us)| epoch_us)
    }

    /// Length in ms.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        self.recording.duration_us() / 1_000
    }

    /// Bytes of media on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.recording.bytes()
    }

    /// When the recording was interrupted and went on.
    #[must_use]
    pub fn interruptions(&self) -> &[Interruption] {
        &self.recording.interruptions
    }

    /// Address of the poster picture, relative to the server, if there is one. `query` is added to it.
    #[must_use]
    pub fn poster_url(&self, lesson: LessonId, query: Option<&str>) -> Option<String> {
        let there = self.dir.join(protocol::journal::POSTER).exists();
        there.then(|| format!("/hls/{lesson}/poster.jpg{}", playlist::suffix(query)))
    }

    /// Every track, for a player. `query` (without `?`) is added to each address.
    #[must_use]
    pub fn tracks(&self, lesson: LessonId, query: Option<&str>) -> Vec<ReplayTrack> {
        let tracks = self
            .recording
            .tracks
            .iter()
            .filter(|track| !track.segments.is_empty());
        tracks
            .map(|track| {
                let key = track.key.slug();
                let init = track.inits.last();
                let ms = |[from, to]: [u64; 2]| [from / 1_000, to / 1_000];
                ReplayTrack {
                    playlist_url: format!("/hls/{lesson}/{key}/index.m3u8{}", playlist::suffix(query)),
                    key,
                    name: track.key.name.clone(),
                    source: track.key.source,
                    kind: track.key.kind(),
                    width: init.map_or(0, |init| init.width),
                    height: init.map_or(0, |init| init.height),
                    spans: track.spans_us().into_iter().map(ms).collect(),
                }
            })
            .collect()
    }
}
