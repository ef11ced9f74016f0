//! The multivariant playlist (RFC 8216bis §4.4.6): the main picture with the main sound; everything else is a rendition.

use std::fmt::Write;

use protocol::journal::{RecordedTrack, Segment};
use protocol::media::{MediaKind, Source};

use super::Snapshot;
use super::playlist::suffix;

/// Bits per second of a track: of its busiest segment, and on average.
fn bandwidth(track: &RecordedTrack) -> (u64, u64) {
    let rate = |bytes: u64, us: u64| bytes * 8 * 1_000_000 / us.max(1);
    let long = |segment: &&Segment| segment.duration_us() >= 500_000;
    let peak = track
        .segments
        .iter()
        .filter(long)
        .map(|s| rate(s.range().1, s.duration_us()))
        .max();
    let bytes: u64 = track.segments.iter().map(|segment| segment.range().1).sum();
    let average = rate(bytes, track.end_us());
    (peak.unwrap_or(average).max(average), average)
}

/// Pictures per second in thousandths, without filling.
fn frame_rate_milli(track: &RecordedTrack) -> u64 {
    let parts = track
        .segments
        .iter()
        .flat_map(|segment| &segment.parts)
        .filter(|part| !part.filled);
    let (samples, us) = parts.fold((0, 0), |(samples, us), part| {
        (samples + u64::from(part.samples), us + part.duration_us)
    });
    (samples * 1_000_000_000).checked_div(us).unwrap_or(1_000)
}

/// The teacher's before others, and by source.
fn rank(track: &RecordedTrack) -> (bool, Source) {
    (track.key.who != "teacher", track.key.source)
}

fn quoted(text: &str) -> String {
    let fit = |c: &char| !c.is_control() && *c != '"';
    text.chars().filter(fit).collect()
}

/// A rendition's name: unique in its group, since a publisher has one track per source.
fn name(track: &RecordedTrack) -> String {
    format!("{} ({})", quoted(&track.key.name), track.key.slug())
}

/// The codec of a track; of several epochs the most demanding one.
fn codecs(track: &RecordedTrack) -> &str {
    track
        .inits
        .iter()
        .map(|init| init.codecs.as_str())
        .max()
        .unwrap_or("")
}

/// Writes the playlist. `query` is added to each address.
pub(super) fn write(snapshot: &Snapshot, query: Option<&str>) -> String {
    let mut videos: Vec<&RecordedTrack> = Vec::new();
    let mut audios: Vec<&RecordedTrack> = Vec::new();
    for track in snapshot
        .recording()
        .tracks
        .iter()
        .filter(|track| !track.segments.is_empty())
    {
        match track.key.kind() {
            MediaKind::Video => videos.push(track),
            MediaKind::Audio => audios.push(track),
        }
    }
    videos.sort_by_key(|track| rank(track));
    audios.sort_by_key(|track| rank(track));
    let mut out = String::from("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let suffix = suffix(query);
    let uri = |track: &RecordedTrack| format!("{}/index.m3u8{suffix}", track.key.slug());
    let yes = |first: bool| if first { "YES" } else { "NO" };
    if !videos.is_empty() {
        for (index, track) in audios.iter().enumerate() {
            let (name, first, uri) = (name(track), yes(index == 0), uri(track));
            let _ = writeln!(
                out,
                "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"{name}\",DEFAULT={first},AUTOSELECT={first},\
                 CHANNELS=\"2\",URI=\"{uri}\""
            );
        }
    }
    if videos.len() > 1 {
        for (index, track) in videos.iter().enumerate() {
            let (name, first) = (name(track), yes(index == 0));
            let uri = if index == 0 {
                String::new()
            } else {
                format!(",URI=\"{}\"", uri(track))
            };
            let _ = writeln!(
                out,
                "#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID=\"view\",NAME=\"{name}\",DEFAULT={first},AUTOSELECT={first}{uri}"
            );
        }
    }
    let sound = audios.first().copied();
    let Some(main) = videos.first().copied().or(sound) else {
        return out;
    };
    let sound = sound.filter(|_| !videos.is_empty());
    let (peak, average) = [Some(main), sound]
        .into_iter()
        .flatten()
        .map(bandwidth)
        .fold((0, 0), |sum, add| (sum.0 + add.0, sum.1 + add.1));
    let codecs = [Some(main), sound]
        .into_iter()
        .flatten()
        .map(codecs)
        .collect::<Vec<_>>()
        .join(",");
    let _ = write!(
        out,
        "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{codecs}\""
    );
    if let (false, Some(init)) = (videos.is_empty(), main.inits.last()) {
        let milli = frame_rate_milli(main);
        let _ = write!(
            out,
            ",RESOLUTION={}x{},FRAME-RATE={}.{:03}",
            init.width,
            init.height,
            milli / 1_000,
            milli % 1_000
        );
    }
    if sound.is_some() {
        out.push_str(",AUDIO=\"sound\"");
    }
    if videos.len() > 1 {
        out.push_str(",VIDEO=\"view\"");
    }
    let _ = writeln!(out, "\n{}", uri(main));
    out
}
