//! What two sides agreed on by SDP, in the engine's own words: written by `sdp`, read by everything else.

use std::net::SocketAddr;

use protocol::id::TrackId;
use protocol::media::{Codec, MediaKind};

/// Our side of a transport, as SDP says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalTransport {
    /// `a=ice-ufrag`; also finds the peer of a STUN check.
    pub(crate) ufrag: String,
    /// `a=ice-pwd`.
    pub(crate) pwd: String,
    /// SHA-256 of the engine's certificate.
    pub(crate) fingerprint: [u8; 32],
    /// Host candidates, best first.
    pub(crate) candidates: Vec<SocketAddr>,
    /// Each is one of TCP, too.
    pub(crate) tcp: bool,
}

/// The other side of a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteTransport {
    /// `a=ice-ufrag`.
    pub(crate) ufrag: String,
    /// `a=ice-pwd`.
    pub(crate) pwd: String,
    /// `a=fingerprint:sha-256`.
    pub(crate) fingerprint: [u8; 32],
    /// The other side is DTLS client (`active`, or `actpass` where we answer `passive`).
    pub(crate) dtls_client: bool,
}

/// Which way media goes in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The peer sends to us.
    FromPeer,
    /// We send to the peer.
    ToPeer,
    /// Neither; the section may be used again for the same kind.
    Inactive,
}

/// One payload type agreed on in a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    /// Payload type of the codec.
    pub(crate) pt: u8,
    /// The codec.
    pub(crate) codec: Codec,
    /// Payload type of its retransmissions (RFC 4588).
    pub(crate) rtx_pt: Option<u8>,
    /// Payload type of RED (RFC 2198) around it, for audio.
    pub(crate) red_pt: Option<u8>,
    /// H264 profile-level-id as three bytes; 0 for others.
    pub(crate) profile_level_id: u32,
    /// `a=rtcp-fb nack`.
    pub(crate) nack: bool,
    /// `a=rtcp-fb nack pli`.
    pub(crate) pli: bool,
    /// `a=rtcp-fb ccm fir`.
    pub(crate) fir: bool,
    /// `a=rtcp-fb transport-cc`.
    pub(crate) transport_cc: bool,
    /// `a=rtcp-fb goog-remb`.
    pub(crate) remb: bool,
}

/// Ids of RTP header extensions in a section (RFC 8285); `None` where not agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`
    pub(crate) mid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`
    pub(crate) rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id`
    pub(crate) repaired_rid: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`
    pub(crate) abs_send_time: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`
    pub(crate) transport_cc: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level`
    pub(crate) audio_level: Option<u8>,
    /// `https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension`
    pub(crate) dependency_descriptor: Option<u8>,
    /// `urn:3gpp:video-orientation`
    pub(crate) video_orientation: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/playout-delay`
    pub(crate) playout_delay: Option<u8>,
}

impl Extensions {
    /// These, and of the others what is not among these.
    pub(crate) fn and(self, others: Self) -> Self {
        Self {
            mid: self.mid.or(others.mid),
            rid: self.rid.or(others.rid),
            repaired_rid: self.repaired_rid.or(others.repaired_rid),
            abs_send_time: self.abs_send_time.or(others.abs_send_time),
            transport_cc: self.transport_cc.or(others.transport_cc),
            audio_level: self.audio_level.or(others.audio_level),
            dependency_descriptor: self.dependency_descriptor.or(others.dependency_descriptor),
            video_orientation: self.video_orientation.or(others.video_orientation),
            playout_delay: self.playout_delay.or(others.playout_delay),
        }
    }
}

/// A pair of SSRCs: media and its retransmissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SsrcPair {
    /// Media.
    pub(crate) media: u32,
    /// Retransmissions (`a=ssrc-group:FID`).
    pub(crate) rtx: Option<u32>,
}

/// A media section both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// `a=mid`, at most 16 bytes.
    pub(crate) mid: String,
    /// Audio or video.
    pub(crate) kind: MediaKind,
    /// Which way.
    pub(crate) flow: Flow,
    /// What it carries, unless inactive.
    pub(crate) track: Option<TrackId>,
    /// `ToPeer`: the MediaStream it belongs to (`a=msid`, and the CNAME of its sender reports). Tracks of one publisher have
    /// the same one, so that a receiver plays them in step. A token without spaces.
    pub(crate) stream: Option<String>,
    /// Agreed payload types, best first. For `FromPeer` those the peer may send.
    pub(crate) payloads: Vec<Payload>,
    /// Agreed header extensions.
    pub(crate) extensions: Extensions,
    /// `ToPeer`: ours. `FromPeer`: those the peer announced, if it did (else learn them by mid or payload type).
    pub(crate) ssrcs: Vec<SsrcPair>,
    /// Simulcast layers the peer sends (`a=simulcast:send`), in its order; empty without simulcast.
    pub(crate) rids: Vec<String>,
}
