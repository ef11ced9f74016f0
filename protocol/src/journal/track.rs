//! A recorded track: segments of parts.

use super::{Init, Part};
use crate::tap::TrackKey;

/// A track of a [`Recording`](super::Recording).
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

    pub(super) fn truncate(&mut self, length: u64) {
        self.length = length;
        for segment in &mut self.segments {
            let before = segment.parts.len();
            segment.parts.retain(|part| part.offset + part.length <= length);
            segment.complete |= segment.parts.len() < before;
        }
        self.segments.retain(|segment| !segment.parts.is_empty());
        self.inits.retain(|init| init.offset + init.length <= length);
    }

    pub(super) fn push(&mut self, part: Part) {
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

    pub(super) fn end_segment(&mut self) {
        if let Some(segment) = self.segments.last_mut() {
            segment.complete = true;
        }
    }
}
