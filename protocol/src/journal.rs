//! What the recorder writes beside the media, one JSON object a line ([`Entry`]), data first and journal after; and what
//! follows from it ([`Recording`]): tracks of segments of parts, from which the server builds playlists.
//!
//! A recording is a directory: `journal.ndjson` ([`FILE`]), one media file per track ([`media_file`]) that holds init
//! segments and parts in the order they were written, and after the lesson `poster.jpg` ([`POSTER`]). All times are class
//! time in microseconds: 0 is [`Entry::Begin`]'s `epoch_us`.
//!
//! After a kill the last line may be torn. A reader takes whole lines only ([`Reader`]); the recorder cuts the torn line off
//! before it goes on. Bytes of a media file behind the last journalled part belong to nobody and are overwritten.

mod entry;
mod reader;
mod recording;
mod track;

pub use entry::{Cause, Entry, Init, Interruption, Part};
pub use reader::Reader;
pub use recording::Recording;
pub use track::{RecordedTrack, Segment};

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

#[cfg(test)]
mod tests;
