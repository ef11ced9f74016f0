//! Words for tracks and codecs.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

/// What media runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Transport {
    /// As it should.
    Udp,
    /// Where a network lets no UDP through: what is lost comes late.
    Tcp,
    /// Where it lets nothing but TLS on the port of HTTPS through: TCP, relayed within the server.
    Tls,
}

/// Where a track comes from. A peer publishes at most one track per source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Source {
    /// Picture of a person or a room.
    Camera,
    /// Sound of a person or a room.
    Microphone,
    /// A shared screen or window.
    Screen,
    /// Sound that belongs to the shared screen.
    ScreenAudio,
    /// A document camera.
    Document,
}

impl Source {
    /// Every source, in the order pages and recordings list them.
    pub const ALL: [Self; 5] = [
        Self::Camera,
        Self::Microphone,
        Self::Screen,
        Self::ScreenAudio,
        Self::Document,
    ];

    /// Whether the source is heard or seen.
    #[must_use]
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Microphone | Self::ScreenAudio => MediaKind::Audio,
            Self::Camera | Self::Screen | Self::Document => MediaKind::Video,
        }
    }

    /// The word used in messages, file names and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Screen => "screen",
            Self::ScreenAudio => "screen_audio",
            Self::Document => "document",
        }
    }
}

/// A codec the engine forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Codec {
    /// RFC 6716, RTP by RFC 7587.
    Opus,
    /// RTP by RFC 6184, packetization-mode 1.
    H264,
    /// RTP by RFC 7741.
    Vp8,
    /// RTP by RFC 9628.
    Vp9,
    /// RTP by the AOMedia payload specification.
    Av1,
}

impl Codec {
    /// What the codec carries.
    #[must_use]
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Opus => MediaKind::Audio,
            _ => MediaKind::Video,
        }
    }

    /// RTP clock rate in Hz.
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            _ => 90_000,
        }
    }
}
