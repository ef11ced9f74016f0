//! What can go wrong in a recorder.

use protocol::media::Codec;

/// Why a recorder cannot go on, or a track cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory of the recording cannot be used: the destination's fault.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The directory holds the recording of another lesson.
    #[error("the directory holds the recording of another lesson")]
    OtherLesson,
    /// GStreamer itself does not start.
    #[error("GStreamer does not start: {0}")]
    Gstreamer(String),
    /// An element is not installed.
    #[error(
        "GStreamer element {0} is missing; install gstreamer1.0-plugins-good, -bad and gstreamer1.0-libav"
    )]
    Element(String),
    /// Elements could not be linked or failed.
    #[error("pipeline: {0}")]
    Pipeline(String),
    /// The codec cannot be recorded.
    #[error("{0:?} cannot be recorded")]
    Codec(Codec),
    /// The thread that writes is gone.
    #[error("the writer stopped")]
    Writer,
}

impl Error {
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::Io { path, error }
    }
}
