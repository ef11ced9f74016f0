//! Media to negotiate.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::id::{PeerId, TrackId};
use crate::media::{MediaKind, Source};

/// A media offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Offer {
    /// Rises with each offer; the answer repeats it.
    pub negotiation: u32,
    /// A new connection: close the old RTCPeerConnection and make another.
    pub fresh: bool,
    /// SDP.
    pub sdp: String,
    /// What each media section is for. Sections not listed are inactive.
    pub sections: Vec<Section>,
}

/// What a media section is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Section {
    /// Its `a=mid`.
    pub mid: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// The peer sends this source of its own in it, or receives that track.
    #[serde(flatten)]
    pub use_: SectionUse,
}

/// Direction of a media section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "direction", rename_all = "snake_case")]
#[ts(export)]
pub enum SectionUse {
    /// The peer sends.
    Send {
        /// Its own source.
        source: Source,
    },
    /// The peer receives.
    Receive {
        /// The track.
        track: TrackId,
        /// Whose it is.
        peer: PeerId,
        /// What it is.
        source: Source,
    },
}
