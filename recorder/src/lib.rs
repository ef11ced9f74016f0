//! Records one lesson to crash-safe CMAF.
//!
//! A packet's way: the tap's frame ([`Splitter`], [`Recorder::take`]) → `feed`: in order (`reorder`), in class time
//! (`clock`), as a frame (`depay`, by GStreamer) → the recorded track (`video`, `audio`): no holes → `packer`: parts and
//! segments → `mux` (`cmafmux`) → `writer`: media file, then journal. After a kill `resume` finds where to go on.

mod audio;
mod av1;
mod avc;
mod clock;
mod depay;
mod disk;
mod error;
mod feed;
mod files;
mod input;
mod lane;
mod mux;
mod opus;
mod packer;
mod poster;
mod recorder;
mod reorder;
mod resume;
mod rtp;
mod video;
mod writer;

pub use disk::{FreeSpace, free_space};
pub use error::Error;
pub use input::Splitter;
pub use poster::make_poster;
pub use recorder::{Closed, Options, Recorder, init};
