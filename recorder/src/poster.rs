//! The picture by which a recording is known in the library.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;
use protocol::journal::{self, Part, RecordedTrack, Recording};
use protocol::media::{MediaKind, Source};

use crate::error::Error;

/// The picture is taken so long after a track's first real picture: by then the teacher has sat down.
const INTO_US: u64 = 5_000_000;
/// How long it may take.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(5);
/// Width of the picture in pixels.
const WIDTH: u32 = 640;

/// Makes [`journal::POSTER`] of a closed recording: of the teacher's camera, or else of another picture of the teacher's, or
/// of anybody's. `false` when there is no picture.
///
/// # Errors
///
/// When the picture cannot be read, decoded or written.
pub fn make_poster(dir: &Path) -> Result<bool, Error> {
    let path = dir.join(journal::FILE);
    let recording = Recording::read(&std::fs::read(&path).map_err(Error::io(&path))?);
    let Some((track, part)) = choose(&recording) else {
        return Ok(false);
    };
    let clip = dir.join(".poster.mp4");
    let picture = dir.join(".poster.jpg");
    let made = cut(dir, track, part, &clip).and_then(|()| decode(&clip, &picture));
    let _ = std::fs::remove_file(&clip);
    made?;
    let poster = dir.join(journal::POSTER);
    std::fs::rename(&picture, &poster).map_err(Error::io(&poster))?;
    Ok(true)
}

fn choose(recording: &Recording) -> Option<(&RecordedTrack, &Part)> {
    let rank = |track: &RecordedTrack| {
        let teacher = track.key.who != "teacher";
        let source = match track.key.source {
            Source::Camera => 0,
            Source::Screen | Source::Document => 1,
            Source::Microphone | Source::ScreenAudio => 2,
        };
        (teacher, source)
    };
    let mut tracks: Vec<&RecordedTrack> = recording.tracks.iter().collect();
    tracks.retain(|track| track.key.kind() == MediaKind::Video);
    tracks.sort_by_key(|track| rank(track));
    tracks.into_iter().find_map(|track| {
        let parts = track.segments.iter().flat_map(|segment| &segment.parts);
        let real: Vec<&Part> = parts.filter(|part| part.independent && !part.filled).collect();
        let first_us = real.first()?.at_us;
        let later = real.iter().find(|part| part.at_us >= first_us + INTO_US);
        Some((track, *later.or(real.last())?))
    })
}

/// Writes the part with its init segment to `clip`.
fn cut(dir: &Path, track: &RecordedTrack, part: &Part, clip: &Path) -> Result<(), Error> {
    let path = dir.join(journal::media_file(&track.key.slug()));
    let media = File::open(&path).map_err(Error::io(&path))?;
    let init = track.inits.iter().rev().find(|init| init.offset < part.offset);
    let mut bytes = Vec::new();
    for (offset, length) in init
        .map(|init| (init.offset, init.length))
        .into_iter()
        .chain([(part.offset, part.length)])
    {
        let start = bytes.len();
        bytes.resize(start + usize::try_from(length).unwrap_or(0), 0);
        media
            .read_exact_at(&mut bytes[start..], offset)
            .map_err(Error::io(&path))?;
    }
    let mut file = File::create(clip).map_err(Error::io(clip))?;
    file.write_all(&bytes).map_err(Error::io(clip))
}

fn decode(clip: &Path, picture: &Path) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Pipeline(format!("poster: {error}"));
    let decoder = ["avdec_h264", "openh264dec"];
    let decoder = decoder
        .into_iter()
        .find(|name| gst::ElementFactory::find(name).is_some());
    let decoder = decoder.ok_or_else(|| Error::Element("avdec_h264".to_owned()))?;
    let line = format!(
        "filesrc name=in ! qtdemux ! h264parse ! {decoder} ! videoconvert ! videoscale ! \
         video/x-raw,width={WIDTH},pixel-aspect-ratio=1/1 ! jpegenc quality=82 snapshot=true ! filesink name=out"
    );
    let pipeline = gst::parse::launch(&line).map_err(|error| failed(&error))?;
    let bin = pipeline
        .downcast_ref::<gst::Bin>()
        .expect("a launch line of several elements is a bin");
    for (name, path) in [("in", clip), ("out", picture)] {
        let element = bin.by_name(name).expect("the launch line names it");
        element.set_property("location", path);
    }
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let ended = pipeline
        .set_state(gst::State::Playing)
        .map_err(|error| failed(&error))
        .and_then(|_| {
            let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
            let message = bus.timed_pop_filtered(PATIENCE, &kinds);
            match message.as_ref().map(|message| message.view()) {
                Some(gst::MessageView::Eos(_)) => Ok(()),
                Some(gst::MessageView::Error(error)) => Err(failed(&error.error())),
                _ => Err(failed(&"took too long")),
            }
        });
    let _ = pipeline.set_state(gst::State::Null);
    ended
}
