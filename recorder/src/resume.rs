//! Finds a recording that is already in the directory: reads its journal, checks it against the media files, and takes the
//! last picture of each video track, with which its gap is filled.

use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use gstreamer as gst;
use protocol::journal::{self, Entry, Reader, RecordedTrack, Recording};
use protocol::media::MediaKind;

use crate::error::Error;

/// What was there.
#[derive(Default)]
pub(crate) struct Resumed {
    pub(crate) recording: Recording,
    /// Where the journal goes on: behind its last whole line.
    pub(crate) journal_bytes: u64,
    /// The end of each track.
    pub(crate) tails: Vec<Tail>,
    /// Lines to add to the journal, because media is missing.
    pub(crate) amendments: Vec<Entry>,
}

/// The end of a track.
#[derive(Default)]
pub(crate) struct Tail {
    /// The init segment that holds.
    pub(crate) init: Vec<u8>,
    /// Video: the last picture that needs no other, and its caps.
    pub(crate) picture: Option<(gst::Caps, gst::Buffer)>,
}

/// Reads what is in `dir`.
///
/// # Errors
///
/// When a file is there and cannot be read.
pub(crate) fn read(dir: &Path) -> Result<Resumed, Error> {
    let path = dir.join(journal::FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Resumed::default()),
        Err(error) => return Err(Error::io(&path)(error)),
    };
    let mut resumed = Resumed::default();
    let mut reader = Reader::default();
    reader.feed(&bytes, |entry| resumed.recording.apply(entry));
    resumed.journal_bytes = reader.whole_bytes();
    if reader.bad_lines() > 0 {
        tracing::warn!(
            lines = reader.bad_lines(),
            "the journal has lines that cannot be read"
        );
    }
    for number in 0..resumed.recording.tracks.len() {
        let track = &resumed.recording.tracks[number];
        let path = dir.join(journal::media_file(&track.key.slug()));
        let there = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if there < track.length {
            let track = u32::try_from(number).expect("a lesson has fewer than 2^32 tracks");
            let entry = Entry::Truncate { track, length: there };
            resumed.recording.apply(entry.clone());
            resumed.amendments.push(entry);
        }
        let track = &resumed.recording.tracks[number];
        resumed.tails.push(tail(&path, track).unwrap_or_default());
    }
    Ok(resumed)
}

fn tail(path: &Path, track: &RecordedTrack) -> Option<Tail> {
    let file = std::fs::File::open(path).ok()?;
    let bytes = |offset: u64, length: u64| {
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        file.read_exact_at(&mut bytes, offset).ok().map(|()| bytes)
    };
    let init = track.inits.last()?;
    let init_bytes = bytes(init.offset, init.length)?;
    let mut picture = None;
    if track.key.kind() == MediaKind::Video {
        let mut parts = track.segments.iter().flat_map(|segment| &segment.parts).rev();
        let last = parts.find(|part| part.independent && part.offset > init.offset);
        picture = last.and_then(|part| {
            let caps = caps(&init_bytes, init.width, init.height)?;
            let part = bytes(part.offset, part.length)?;
            Some((caps, gst::Buffer::from_slice(first_sample(&part)?.to_vec())))
        });
    }
    Some(Tail {
        init: init_bytes,
        picture,
    })
}

/// What decides whether an init segment fits: the decoder's configuration (`avcC`, `dOps`) of its one track.
pub(crate) fn decoder_config<'a>(init: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    let at = init.windows(4).position(|window| window == kind)?;
    let size = u32::from_be_bytes(*init.get(at.checked_sub(4)?..)?.first_chunk()?);
    let end = (at - 4).checked_add(usize::try_from(size).ok()?)?;
    init.get(at + 4..end)
}

/// Caps of an H264 track by its init segment.
fn caps(init: &[u8], width: u32, height: u32) -> Option<gst::Caps> {
    let config = decoder_config(init, b"avcC")?;
    Some(
        gst::Caps::builder("video/x-h264")
            .field("stream-format", "avc")
            .field("alignment", "au")
            .field("width", width.cast_signed())
            .field("height", height.cast_signed())
            .field("codec_data", gst::Buffer::from_slice(config.to_vec()))
            .build(),
    )
}

/// The content of the first box of `kind` (ISO/IEC 14496-12 §4.2).
fn find<'a>(mut boxes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    loop {
        let size = usize::try_from(u32::from_be_bytes(*boxes.first_chunk()?)).ok()?;
        let content = boxes.get(8..size)?;
        if boxes.get(4..8)? == kind {
            return Some(content);
        }
        boxes = boxes.get(size..)?;
    }
}

/// The first sample of a part of one track (§8.8.7 and 8.8.8).
fn first_sample(part: &[u8]) -> Option<&[u8]> {
    let number = |bytes: &[u8], at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
    };
    let traf = find(find(part, b"moof")?, b"traf")?;
    let (tfhd, trun) = (find(traf, b"tfhd")?, find(traf, b"trun")?);
    let flags = number(trun, 0)? & 0x00ff_ffff;
    let mut at = 8;
    at += if flags & 0x1 != 0 { 4 } else { 0 };
    at += if flags & 0x4 != 0 { 4 } else { 0 };
    at += if flags & 0x100 != 0 { 4 } else { 0 };
    let size = if flags & 0x200 != 0 {
        number(trun, at)?
    } else {
        let flags = number(tfhd, 0)? & 0x00ff_ffff;
        let before: usize = [(0x1, 8), (0x2, 4), (0x8, 4)]
            .into_iter()
            .map(|(flag, size)| if flags & flag != 0 { size } else { 0 })
            .sum();
        (flags & 0x10 != 0).then(|| number(tfhd, 8 + before))??
    };
    find(part, b"mdat")?.get(..usize::try_from(size).ok()?)
}
