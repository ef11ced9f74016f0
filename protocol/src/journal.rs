//! What the recorder writes beside the media, one JSON object a line ([`Entry`]), data first and journal after; and what
//! follows from it ([`Recording`]): tracks of segments of parts, from which the server builds playlists.
//!
//! A recording is a directory: `journal.ndjson` ([`FILE`]), one media file per track ([`media_file`]) that holds init
//! segments and parts in the order they were written, and after the lesson `poster.jpg` ([`POSTER`]). All times are class
//! time in microseconds: 0 is [`Entry::Begin`]'s `epoch_us`.
//!
//! After a kill the last line may be torn. A reader takes whole lines only ([`Reader`]); the recorder cuts the torn line off
//! before it goes on. Bytes of a media file behind the last journalled part belong to nobody and are overwritten.

use serde::{Deserialize, Serialize};

use crate::id::LessonId;
use crate::tap::TrackKey;

/// Name of the journal in the recording's directory.
pub const FILE: &str = "journal.ndjson";

/// Name of the poster picture in the recording's directory.
pub const POSTER: &str = "poster.jpg";

/// Version of the journal's format.
pub const VERSION: u32 = 1;

/// Name of a track's media file.
#[must_use]
pub fn media_file(slug: &str) -> String {
    format!("{slug}.mp4")
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Entry {
    /// The first line.
    Begin {
        /// [`VERSION`].
        version: u32,
        /// Whose recording it is.
        lesson: LessonId,
        /// Class time zero in microseconds of Unix time.
        epoch_us: u64,
    },
    /// A track begins.
    Track {
        /// Its number in this journal, from 0.
        track: u32,
        /// What it is.
        key: TrackKey,
    },
    /// An init segment was written. The parts that follow need it: a new epoch of the track.
    Init(Init),
    /// A part was written.
    Part(Part),
    /// Of a track's media file only so many bytes are there (after a power cut): parts behind them are void.
    Truncate {
        /// Which track.
        track: u32,
        /// Bytes that are there.
        length: u64,
    },
    /// Nothing was recorded for a while; the tracks are filled in.
    Interrupted(Interruption),
    /// The recording was closed whole. Parts after it open it again.
    Close {
        /// Class time of its end.
        duration_us: u64,
    },
}

/// An init segment (`ftyp`, `moov`) in a track's media file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Init {
    /// Which track.
    pub track: u32,
    /// Where it is in the media file, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// By RFC 6381, e.g. `avc1.42e01f`.
    pub codecs: String,
    /// In pixels; 0 for audio.
    pub width: u32,
    /// In pixels; 0 for audio.
    pub height: u32,
}

/// A part (`moof`, `mdat`) in a track's media file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which track.
    pub track: u32,
    /// Where it is in the media file, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// Class time of its first sample.
    pub at_us: u64,
    /// The next part follows so much later.
    pub duration_us: u64,
    /// Frames or audio packets in it.
    pub samples: u32,
    /// It is the first of a segment.
    #[serde(default, skip_serializing_if = "is_false")]
    pub first: bool,
    /// It is the last of a segment.
    #[serde(default, skip_serializing_if = "is_false")]
    pub last: bool,
    /// It starts with a frame that needs no other.
    #[serde(default, skip_serializing_if = "is_false")]
    pub independent: bool,
    /// It is filling: a still picture or silence, because nothing came.
    #[serde(default, skip_serializing_if = "is_false")]
    pub filled: bool,
}

impl Part {
    /// Class time where it ends.
    #[must_use]
    pub fn end_us(&self) -> u64 {
        self.at_us + self.duration_us
    }
}

/// A stretch in which nothing was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// Class time of the last that was recorded.
    pub from_us: u64,
    /// Class time when it went on.
    pub to_us: u64,
    /// Why.
    pub cause: Cause,
}

/// Why a recording was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The recorder was gone and started again.
    Restart,
    /// The disk was full.
    DiskFull,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if wants a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl Entry {
    /// Appends the entry as a line to `out`.
    ///
    /// # Panics
    ///
    /// Never: an entry is plain data that JSON can hold.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self).expect("an entry is plain data that JSON can hold");
        out.push(b'\n');
    }
}

/// Cuts a journal that is read piece by piece into entries. Keeps a torn line until the rest of it comes.
#[derive(Debug, Default)]
pub struct Reader {
    torn: Vec<u8>,
    whole: u64,
    bad: u64,
}

impl Reader {
    /// Takes the next bytes of the journal and hands its whole lines to `each`. Lines that cannot be read are counted.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Entry)) {
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if line.last() != Some(&b'\n') {
                self.torn.extend_from_slice(line);
                return;
            }
            let parsed = if self.torn.is_empty() {
                serde_json::from_slice(line)
            } else {
                self.torn.extend_from_slice(line);
                serde_json::from_slice(&self.torn)
            };
            self.whole += line.len().max(self.torn.len()) as u64;
            self.torn.clear();
            match parsed {
                Ok(entry) => each(entry),
                Err(_) => self.bad += 1,
            }
        }
    }

    /// Bytes of whole lines so far: where a torn last line begins.
    #[must_use]
    pub fn whole_bytes(&self) -> u64 {
        self.whole
    }

    /// Lines that could not be read.
    #[must_use]
    pub fn bad_lines(&self) -> u64 {
        self.bad
    }
}

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

/// A track of a [`Recording`].
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedTrack {
    /// What it is.
    pub key: TrackKey,
    /// Its epochs.
    pub inits: Vec<Init>,
    /// Its segments, of which only the last may be open.
    pub segments: Vec<Segment>,
    /// Bytes of its media file that are accounted for.
    pub length: u64,
}

/// A segment of a [`RecordedTrack`].
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Its epoch, an index of [`RecordedTrack::inits`].
    pub init: usize,
    /// Its parts, at least one. They are side by side in the media file.
    pub parts: Vec<Part>,
    /// Nothing will be added.
    pub complete: bool,
}

impl Segment {
    /// Class time of its first sample.
    #[must_use]
    pub fn at_us(&self) -> u64 {
        self.parts.first().map_or(0, |part| part.at_us)
    }

    /// Class time where it ends so far.
    #[must_use]
    pub fn end_us(&self) -> u64 {
        self.parts.last().map_or(0, Part::end_us)
    }

    /// Its length so far.
    #[must_use]
    pub fn duration_us(&self) -> u64 {
        self.end_us().saturating_sub(self.at_us())
    }

    /// Where it is in the media file: offset and length in bytes.
    #[must_use]
    pub fn range(&self) -> (u64, u64) {
        let offset = self.parts.first().map_or(0, |part| part.offset);
        let end = self.parts.last().map_or(0, |part| part.offset + part.length);
        (offset, end.saturating_sub(offset))
    }
}

impl RecordedTrack {
    /// Class time where it ends so far.
    #[must_use]
    pub fn end_us(&self) -> u64 {
        self.segments.last().map_or(0, Segment::end_us)
    }

    /// Where there is media rather than filling: stretches of class time, in order, joined where they touch.
    #[must_use]
    pub fn spans_us(&self) -> Vec<[u64; 2]> {
        let mut spans: Vec<[u64; 2]> = Vec::new();
        let parts = self.segments.iter().flat_map(|segment| &segment.parts);
        for part in parts.filter(|part| !part.filled) {
            match spans.last_mut() {
                Some(last) if part.at_us <= last[1] => last[1] = part.end_us(),
                _ => spans.push([part.at_us, part.end_us()]),
            }
        }
        spans
    }

    fn truncate(&mut self, length: u64) {
        self.length = length;
        for segment in &mut self.segments {
            let before = segment.parts.len();
            segment.parts.retain(|part| part.offset + part.length <= length);
            segment.complete |= segment.parts.len() < before;
        }
        self.segments.retain(|segment| !segment.parts.is_empty());
        self.inits.retain(|init| init.offset + init.length <= length);
    }

    fn push(&mut self, part: Part) {
        self.length = self.length.max(part.offset + part.length);
        let Some(init) = self.inits.len().checked_sub(1) else {
            return;
        };
        let goes_on = !part.first
            && self
                .segments
                .last()
                .is_some_and(|segment| !segment.complete && segment.init == init);
        if !goes_on {
            self.end_segment();
            self.segments.push(Segment {
                init,
                parts: Vec::new(),
                complete: false,
            });
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.complete = part.last;
            segment.parts.push(part);
        }
    }

    fn end_segment(&mut self) {
        if let Some(segment) = self.segments.last_mut() {
            segment.complete = true;
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Source;
    use proptest::prelude::*;

    fn key() -> TrackKey {
        TrackKey {
            who: "teacher".into(),
            name: "李老师".into(),
            source: Source::Camera,
        }
    }

    fn init(offset: u64) -> Entry {
        Entry::Init(Init {
            track: 0,
            offset,
            length: 100,
            codecs: "avc1.42e01f".into(),
            width: 640,
            height: 360,
        })
    }

    fn part(offset: u64, at_us: u64, first: bool, last: bool) -> Entry {
        Entry::Part(Part {
            track: 0,
            offset,
            length: 50,
            at_us,
            duration_us: 200_000,
            samples: 6,
            first,
            last,
            independent: first,
            filled: false,
        })
    }

    fn sample() -> Vec<Entry> {
        vec![
            Entry::Begin {
                version: VERSION,
                lesson: LessonId("01890000-0000-7000-8000-000000000001".parse().expect("a UUID")),
                epoch_us: 1_700_000_000_000_000,
            },
            Entry::Track { track: 0, key: key() },
            init(0),
            part(100, 0, true, false),
            part(150, 200_000, false, true),
            part(200, 400_000, true, false),
            Entry::Interrupted(Interruption {
                from_us: 600_000,
                to_us: 900_000,
                cause: Cause::Restart,
            }),
            Entry::Truncate {
                track: 0,
                length: 250,
            },
            Entry::Close { duration_us: 600_000 },
        ]
    }

    fn lines(entries: &[Entry]) -> Vec<u8> {
        let mut out = Vec::new();
        entries.iter().for_each(|entry| entry.write_line(&mut out));
        out
    }

    #[test]
    fn lines_are_as_they_were() {
        let text = String::from_utf8(lines(&sample())).expect("JSON is UTF-8");
        insta::assert_snapshot!(text, @r#"
        {"type":"begin","version":1,"lesson":"01890000-0000-7000-8000-000000000001","epoch_us":1700000000000000}
        {"type":"track","track":0,"key":{"who":"teacher","name":"李老师","source":"camera"}}
        {"type":"init","track":0,"offset":0,"length":100,"codecs":"avc1.42e01f","width":640,"height":360}
        {"type":"part","track":0,"offset":100,"length":50,"at_us":0,"duration_us":200000,"samples":6,"first":true,"independent":true}
        {"type":"part","track":0,"offset":150,"length":50,"at_us":200000,"duration_us":200000,"samples":6,"last":true}
        {"type":"part","track":0,"offset":200,"length":50,"at_us":400000,"duration_us":200000,"samples":6,"first":true,"independent":true}
        {"type":"interrupted","from_us":600000,"to_us":900000,"cause":"restart"}
        {"type":"truncate","track":0,"length":250}
        {"type":"close","duration_us":600000}
        "#);
    }

    #[test]
    fn segments_follow_from_parts() {
        let recording = Recording::read(&lines(&sample()));
        let track = &recording.tracks[0];
        assert_eq!(track.segments.len(), 2);
        assert_eq!(track.segments[0].range(), (100, 100));
        assert_eq!(track.segments[0].duration_us(), 400_000);
        assert!(track.segments.iter().all(|segment| segment.complete));
        assert_eq!(track.spans_us(), vec![[0, 600_000]]);
        assert_eq!(recording.closed, Some(600_000));
        assert_eq!(recording.bytes(), 250);
    }

    #[test]
    fn a_part_after_the_close_opens_it_again() {
        let mut entries = sample();
        entries.push(part(250, 900_000, true, false));
        let recording = Recording::read(&lines(&entries));
        assert_eq!(recording.closed, None);
        assert_eq!(recording.duration_us(), 1_100_000);
        assert!(!recording.tracks[0].segments[2].complete);
    }

    #[test]
    fn a_new_init_ends_the_segment() {
        let mut entries = sample();
        entries.truncate(6);
        entries.push(init(250));
        entries.push(part(350, 600_000, false, false));
        let recording = Recording::read(&lines(&entries));
        let inits: Vec<usize> = recording.tracks[0].segments.iter().map(|s| s.init).collect();
        assert_eq!(inits, vec![0, 0, 1]);
    }

    #[test]
    fn truncation_voids_what_is_behind_it() {
        let mut entries = sample();
        entries.push(Entry::Truncate {
            track: 0,
            length: 170,
        });
        let recording = Recording::read(&lines(&entries));
        assert_eq!(recording.duration_us(), 200_000);
        assert!(recording.tracks[0].segments[0].complete);
    }

    #[test]
    fn an_unreadable_line_is_skipped_and_counted() {
        let mut reader = Reader::default();
        let mut seen = 0;
        reader.feed(
            b"{\"type\":\"unknown\"}\nrubbish\n{\"type\":\"close\",\"duration_us\":1}\n{",
            |_| seen += 1,
        );
        assert_eq!((seen, reader.bad_lines()), (1, 2));
    }

    proptest! {
        #[test]
        fn pieces_read_as_the_whole(cuts in proptest::collection::vec(0_usize..900, 0..6), torn in 0_usize..60) {
            let mut bytes = lines(&sample());
            bytes.truncate(bytes.len() - torn);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut reader = Reader::default();
            let mut recording = Recording::default();
            for pair in cuts.windows(2) {
                reader.feed(&bytes[pair[0]..pair[1]], |entry| recording.apply(entry));
            }
            let newline = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            prop_assert_eq!(reader.whole_bytes(), newline as u64);
            prop_assert_eq!(recording, Recording::read(&bytes[..newline]));
        }
    }
}
