//! The media playlist of a track (RFC 8216bis): an EVENT with parts while it is written, VOD after.
//!
//! A new resolution has a new EXT-X-MAP but no EXT-X-DISCONTINUITY: timestamps go on, and a discontinuity would have to be at
//! the same place in every rendition (§4.4.4.3), where nothing else changes.

use std::fmt::Write;

use protocol::journal::{Part, RecordedTrack, Segment};

use super::Snapshot;

/// Segments at the end that are listed part by part (§4.4.4.9: at least three target durations).
const SEGMENTS_WITH_PARTS: usize = 4;
/// EXT-X-PART-INF's PART-TARGET at least, in ms.
const PART_TARGET_MS: u64 = 210;
/// How far behind the last part players stay, in ms: three parts at least (§4.4.3.8), and some for the network.
const HOLD_BACK_MS: u64 = 1_000;
/// Shortest target duration: segments are 2 s long and wait a moment for a keyframe.
const TARGET_S: u64 = 3;

/// The query of a request as it is added to addresses.
pub(super) fn suffix(query: Option<&str>) -> String {
    let own = |pair: &&str| !pair.is_empty() && !pair.starts_with("_HLS_");
    let kept: Vec<&str> = query.unwrap_or("").split('&').filter(own).collect();
    if kept.is_empty() {
        String::new()
    } else {
        format!("?{}", kept.join("&"))
    }
}

/// What a request for a playlist asks for (§6.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives {
    /// Answer when this segment...
    pub(super) segment: Option<u64>,
    /// ...or this part of it is there.
    pub(super) part: Option<u64>,
    /// Leave out what is old.
    pub(super) skip: bool,
}

impl Directives {
    /// Reads the query; `None` when it makes no sense, which the RFC answers with 400.
    pub(super) fn parse(query: Option<&str>) -> Option<Self> {
        let mut directives = Self::default();
        for pair in query.unwrap_or("").split('&') {
            match pair.split_once('=') {
                Some(("_HLS_msn", value)) => directives.segment = Some(value.parse().ok()?),
                Some(("_HLS_part", value)) => directives.part = Some(value.parse().ok()?),
                Some(("_HLS_skip", value)) => directives.skip = matches!(value, "YES" | "v2"),
                _ => {}
            }
        }
        (directives.part.is_none() || directives.segment.is_some()).then_some(directives)
    }

    /// Whether a track has what is asked for.
    pub(super) fn met_by(self, track: &RecordedTrack) -> bool {
        let Some(wanted) = self.segment else {
            return true;
        };
        let there = track.segments.len() as u64;
        if wanted + 1 < there {
            return true;
        }
        let Some(last) = track.segments.last().filter(|_| wanted + 1 == there) else {
            return false;
        };
        last.complete || self.part.is_some_and(|part| (last.parts.len() as u64) > part)
    }
}

/// Shortest target duration in seconds that fits every segment (§4.4.3.1).
pub(super) fn target_s(track: &RecordedTrack) -> u64 {
    let longest = (0..track.segments.len())
        .map(|index| duration_us(track, index))
        .max()
        .unwrap_or(0);
    ((longest + 500_000) / 1_000_000).max(TARGET_S)
}

/// To the beginning of the next segment, so that the sum of durations is class time.
fn duration_us(track: &RecordedTrack, index: usize) -> u64 {
    let segment = &track.segments[index];
    match track.segments.get(index + 1) {
        Some(next) => next.at_us().saturating_sub(segment.at_us()),
        None => segment.duration_us(),
    }
}

struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Writes the playlist of a track. The query in `query` is added to each address.
pub(super) fn write(snapshot: &Snapshot, track: &RecordedTrack, query: Option<&str>, skip: bool) -> String {
    let mut out = String::with_capacity(256 + track.segments.len() * 40);
    let live = !snapshot.ended();
    let target_s = target_s(track);
    let _ = writeln!(out, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{target_s}");
    if live {
        let parts = track
            .segments
            .iter()
            .rev()
            .take(SEGMENTS_WITH_PARTS)
            .flat_map(|segment| &segment.parts);
        let longest_ms = parts
            .map(|part| part.duration_us.div_ceil(1_000))
            .max()
            .unwrap_or(0);
        let part_ms = longest_ms.max(PART_TARGET_MS);
        let hold_ms = (part_ms * 3).max(HOLD_BACK_MS);
        let _ = writeln!(
            out,
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={},CAN-SKIP-UNTIL={}\n#EXT-X-PART-INF:PART-TARGET={}",
            Seconds(hold_ms * 1_000),
            Seconds(target_s * 6_000_000),
            Seconds(part_ms * 1_000)
        );
    }
    let kind = if live { "EVENT" } else { "VOD" };
    let _ = writeln!(
        out,
        "#EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS"
    );
    let mut from = 0;
    if live && skip {
        let old_us = track.end_us().saturating_sub(target_s * 6_000_000);
        from = track
            .segments
            .iter()
            .take_while(|segment| segment.end_us() < old_us)
            .count();
        if from > 0 {
            let _ = writeln!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={from}");
        }
    }
    let with_parts = track.segments.len().saturating_sub(SEGMENTS_WITH_PARTS);
    let suffix = suffix(query);
    let mut init = None;
    for (index, segment) in track.segments.iter().enumerate().skip(from) {
        if init != Some(segment.init) {
            init = Some(segment.init);
            let _ = writeln!(out, "#EXT-X-MAP:URI=\"init-{}.mp4{suffix}\"", segment.init);
            date(&mut out, snapshot, segment);
        }
        if live && index >= with_parts {
            parts(&mut out, index, &segment.parts, &suffix);
        }
        if segment.complete || !live {
            let _ = writeln!(
                out,
                "#EXTINF:{},\n{index}.m4s{suffix}",
                Seconds(duration_us(track, index))
            );
        }
    }
    if live {
        let (segment, part) = match track.segments.last() {
            Some(last) if !last.complete => (track.segments.len() - 1, last.parts.len()),
            _ => (track.segments.len(), 0),
        };
        let _ = writeln!(
            out,
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{segment}.{part}.m4s{suffix}\""
        );
    } else {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    out
}

fn date(out: &mut String, snapshot: &Snapshot, segment: &Segment) {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let at = protocol::tap::epoch_of(snapshot.epoch_us() + segment.at_us());
    if let Some(text) = at.and_then(|at| at.format(&format).ok()) {
        let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{text}");
    }
}

fn parts(out: &mut String, segment: usize, parts: &[Part], suffix: &str) {
    for (index, part) in parts.iter().enumerate() {
        let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
        let _ = writeln!(
            out,
            "#EXT-X-PART:DURATION={},URI=\"{segment}.{index}.m4s{suffix}\"{independent}",
            Seconds(part.duration_us)
        );
    }
}
