//! Media to negotiate.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

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

/// A relay for who cannot reach the media ports: an `RTCIceServer`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct IceServer {
    /// `turns:` addresses.
    pub urls: Vec<String>,
    /// Says until when it is good, and for whom.
    pub username: String,
    /// Its password.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").finish_non_exhaustive()
    }
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
