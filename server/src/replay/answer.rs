//! Answers of `/hls/{lesson}/…`.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::id::LessonId;
use protocol::journal::{self, RecordedTrack, Recording};

use super::playlist::{Directives, target_s};
use super::{ReplayStore, Snapshot, master, playlist};

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// A request for a segment farther ahead than this makes no sense (§6.2.5.2).
const MAX_AHEAD: u64 = 2;
/// How long a part that was hinted at is waited for.
const PART_PATIENCE: Duration = Duration::from_secs(10);
/// Media never changes under its address, but is for those who may see it only.
const FOREVER: &str = "private, max-age=31536000, immutable";

/// Bytes of a file.
struct Piece {
    path: PathBuf,
    offset: u64,
    length: u64,
    content_type: &'static str,
}

/// What an address below a track names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Index,
    Init(usize),
    Segment(usize),
    Part(usize, usize),
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        if name == "index.m3u8" {
            return Some(Self::Index);
        }
        if let Some(init) = name.strip_prefix("init-") {
            return Some(Self::Init(init.strip_suffix(".mp4")?.parse().ok()?));
        }
        match name.strip_suffix(".m4s")?.split_once('.') {
            Some((segment, part)) => Some(Self::Part(segment.parse().ok()?, part.parse().ok()?)),
            None => Some(Self::Segment(name.strip_suffix(".m4s")?.parse().ok()?)),
        }
    }
}

impl ReplayStore {
    /// Answers `/hls/{lesson}/{path}?{query}`. Who may see it was decided before.
    ///
    /// Live playlists answer when what they are asked for is there (RFC 8216bis §6.2.5.2).
    pub async fn serve(
        &self,
        lesson: LessonId,
        path: &str,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Response {
        match self.answer(lesson, path, query, headers).await {
            Ok(response) => response,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => none(),
            Err(error) => {
                tracing::error!(%error, %lesson, "a recording cannot be read");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    async fn answer(
        &self,
        lesson: LessonId,
        path: &str,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> std::io::Result<Response> {
        if path == journal::POSTER {
            let path = self.recording_dir(lesson).join(journal::POSTER);
            let length = tokio::fs::metadata(&path).await?.len();
            let piece = Piece {
                path,
                offset: 0,
                length,
                content_type: "image/jpeg",
            };
            return piece.answer(headers, "private, max-age=3600").await;
        }
        if path == "master.m3u8" {
            let snapshot = self.snapshot(lesson).await?;
            return Ok(snapshot.map_or_else(none, |now| text(master::write(&now, query))));
        }
        let named = path
            .split_once('/')
            .and_then(|(slug, name)| Some((slug, Name::parse(name)?)));
        match named {
            Some((slug, Name::Index)) => self.index(lesson, slug, query).await,
            Some((slug, name)) => self.media(lesson, slug, name, headers).await,
            None => Ok(none()),
        }
    }

    async fn index(&self, lesson: LessonId, slug: &str, query: Option<&str>) -> std::io::Result<Response> {
        let Some(directives) = Directives::parse(query) else {
            return Ok(StatusCode::BAD_REQUEST.into_response());
        };
        let Some(first) = self.snapshot(lesson).await? else {
            return Ok(none());
        };
        let Some(track) = find(first.recording(), slug) else {
            return Ok(none());
        };
        let ahead = directives
            .segment
            .is_some_and(|wanted| wanted > track.segments.len() as u64 + MAX_AHEAD);
        if ahead && !first.ended() {
            return Ok(StatusCode::BAD_REQUEST.into_response());
        }
        let patience = Duration::from_secs(target_s(track) * 3);
        let met = |recording: &Recording| find(recording, slug).is_none_or(|track| directives.met_by(track));
        let now = if first.ended() || met(first.recording()) {
            Some(first)
        } else {
            drop(first);
            self.wait(lesson, patience, met).await?
        };
        let Some((now, track)) = now
            .as_ref()
            .and_then(|now| Some((now, find(now.recording(), slug)?)))
        else {
            return Ok(none());
        };
        if !now.ended() && !directives.met_by(track) {
            return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
        Ok(text(playlist::write(now, track, query, directives.skip)))
    }

    async fn media(
        &self,
        lesson: LessonId,
        slug: &str,
        name: Name,
        headers: &HeaderMap,
    ) -> std::io::Result<Response> {
        let has =
            |recording: &Recording| find(recording, slug).is_some_and(|track| range(track, name).is_some());
        let now = match (self.snapshot(lesson).await?, name) {
            (Some(now), Name::Part(segment, _)) if !now.ended() && !has(now.recording()) => {
                let last = find(now.recording(), slug).map_or(0, |track| track.segments.len());
                if segment + 1 < last || segment > last {
                    return Ok(none());
                }
                self.wait(lesson, PART_PATIENCE, has).await?
            }
            (now, _) => now,
        };
        let piece = now.as_ref().and_then(|now: &Snapshot| {
            let (offset, length) = range(find(now.recording(), slug)?, name)?;
            Some(Piece {
                path: now.dir().join(journal::media_file(slug)),
                offset,
                length,
                content_type: if slug.ends_with("microphone") || slug.ends_with("audio") {
                    "audio/mp4"
                } else {
                    "video/mp4"
                },
            })
        });
        match piece {
            Some(piece) => piece.answer(headers, FOREVER).await,
            None => Ok(none()),
        }
    }
}

fn find<'a>(recording: &'a Recording, slug: &str) -> Option<&'a RecordedTrack> {
    let mut tracks = recording.tracks.iter();
    tracks.find(|track| track.key.slug() == slug && !track.segments.is_empty())
}

/// Where what is named is in the track's media file.
fn range(track: &RecordedTrack, name: Name) -> Option<(u64, u64)> {
    match name {
        Name::Index => None,
        Name::Init(init) => track.inits.get(init).map(|init| (init.offset, init.length)),
        Name::Segment(segment) => track.segments.get(segment).map(journal::Segment::range),
        Name::Part(segment, part) => {
            let part = track.segments.get(segment)?.parts.get(part)?;
            Some((part.offset, part.length))
        }
    }
}

fn none() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

fn text(playlist: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, PLAYLIST),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, playlist).into_response()
}

/// The one range of a Range header (RFC 9110 §14.2): first and last byte. `Err` when no byte of it is there.
fn asked(headers: &HeaderMap, length: u64) -> Option<Result<(u64, u64), ()>> {
    let value = headers
        .get(header::RANGE)?
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?;
    let (first, last) = value.trim().split_once('-')?;
    let last_byte = length.checked_sub(1);
    let range = match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
        (Some(first), last) if last.is_none_or(|last| last >= first) => (first, last.unwrap_or(u64::MAX)),
        (None, Some(count)) if first.is_empty() => (length.saturating_sub(count), u64::MAX),
        _ => return None,
    };
    Some(match last_byte {
        Some(last_byte) if range.0 <= last_byte => Ok((range.0, range.1.min(last_byte))),
        _ => Err(()),
    })
}

impl Piece {
    async fn answer(self, headers: &HeaderMap, caching: &'static str) -> std::io::Result<Response> {
        let (status, first, last) = match asked(headers, self.length) {
            None => (StatusCode::OK, 0, self.length.saturating_sub(1)),
            Some(Ok((first, last))) => (StatusCode::PARTIAL_CONTENT, first, last),
            Some(Err(())) => {
                let range = format!("bytes */{}", self.length);
                let headers = [(header::CONTENT_RANGE, range)];
                return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
            }
        };
        let length = if self.length == 0 { 0 } else { last - first + 1 };
        let (path, offset) = (self.path, self.offset + first);
        let bytes = tokio::task::spawn_blocking(move || read(&path, offset, length));
        let bytes = bytes.await.map_err(std::io::Error::other)??;
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {first}-{last}/{}", self.length);
            if let Ok(range) = HeaderValue::from_str(&range) {
                fields.insert(header::CONTENT_RANGE, range);
            }
        }
        Ok(response)
    }
}

fn read(path: &Path, offset: u64, length: u64) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        assert_eq!(Name::parse("index.m3u8"), Some(Name::Index));
        assert_eq!(Name::parse("init-2.mp4"), Some(Name::Init(2)));
        assert_eq!(Name::parse("17.m4s"), Some(Name::Segment(17)));
        assert_eq!(Name::parse("17.3.m4s"), Some(Name::Part(17, 3)));
        for other in ["", "..", "17", "17.m4s.m4s", "../x.m4s", "init-.mp4", "-1.m4s"] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let range = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, value.parse().expect("a header"));
            asked(&headers, 100)
        };
        assert_eq!(range("bytes=0-9"), Some(Ok((0, 9))));
        assert_eq!(range("bytes=90-"), Some(Ok((90, 99))));
        assert_eq!(range("bytes=90-500"), Some(Ok((90, 99))));
        assert_eq!(range("bytes=-10"), Some(Ok((90, 99))));
        assert_eq!(range("bytes=100-"), Some(Err(())));
        assert_eq!(range("bytes=9-0"), None);
        assert_eq!(range("bytes=x"), None);
        assert_eq!(range("lines=0-9"), None);
    }
}
