//! Why SDP was refused, in words for the person whose program sent it.

use std::fmt;

/// SDP that cannot be used. It is the sender's fault. It repeats no line whole, because lines hold addresses and passwords.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SdpError {
    /// More than is read.
    #[error("{bytes} bytes are too many; at most {limit} are read")]
    TooLong {
        /// Found.
        bytes: usize,
        /// Accepted.
        limit: usize,
    },
    /// A line that is not SDP.
    #[error("line {number} (`{start}…`): {problem}")]
    Line {
        /// From 1.
        number: usize,
        /// Its first letters, at most the attribute's name.
        start: String,
        /// What is wrong, and what is accepted.
        problem: String,
    },
    /// Something that has to be there is not.
    #[error("{place}: {what} is missing; {accepted} is accepted")]
    Missing {
        /// Where it is looked for.
        place: Place,
        /// Its name.
        what: &'static str,
        /// What would do.
        accepted: &'static str,
    },
    /// Something that cannot be used.
    #[error("{place}: {what} cannot be used; {accepted}")]
    Unusable {
        /// Where it is.
        place: Place,
        /// It.
        what: String,
        /// What would do.
        accepted: &'static str,
    },
}

/// A place in SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before the first `m=`, or the whole.
    Session,
    /// The n-th `m=`, from 0.
    Section(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session => f.write_str("the session"),
            Self::Section(index) => write!(f, "media section {}", index + 1),
        }
    }
}

/// The beginning of foreign text that is safe and short enough to repeat in an error.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    text.chars()
        .filter(|letter| letter.is_ascii_graphic() || *letter == ' ')
        .take(LONGEST)
        .collect()
}
