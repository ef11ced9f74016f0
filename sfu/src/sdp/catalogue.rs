//! What the engine offers: fixed payload types and extension ids.
//!
//! The ids are the same in all sections, because bundled sections share one number space (RFC 9143 §9.1), and the same in all
//! offers, so that a packet goes from a browser to browsers without new numbers.

use protocol::media::{Codec, MediaKind};

use crate::negotiated::{Extensions, Flow, Payload, Section};

impl Section {
    /// One that is offered with all the engine knows, and carries nothing yet.
    pub(crate) fn offered(mid: String, kind: MediaKind, flow: Flow) -> Self {
        Self {
            mid,
            kind,
            flow,
            track: None,
            stream: None,
            payloads: offered_payloads(kind),
            extensions: offered_extensions(kind),
            ssrcs: Vec::new(),
            rids: Vec::new(),
        }
    }
}

/// Opus, H264 (constrained baseline first), VP8, VP9 profile 0, AV1; best first.
pub(crate) fn offered_payloads(kind: MediaKind) -> Vec<Payload> {
    match kind {
        MediaKind::Audio => vec![Payload {
            pt: 111,
            codec: Codec::Opus,
            rtx_pt: None,
            red_pt: Some(63),
            profile_level_id: 0,
            // Opus repairs itself (RED, in-band FEC). A retransmission without RTX would seal other bytes under a used nonce.
            nack: false,
            pli: false,
            fir: false,
            transport_cc: true,
            remb: false,
        }],
        MediaKind::Video => vec![
            video(102, Codec::H264, 0x42_e01f),
            video(104, Codec::H264, 0x42_001f),
            video(106, Codec::H264, 0x4d_001f),
            video(108, Codec::H264, 0x64_0c1f),
            video(96, Codec::Vp8, 0),
            video(98, Codec::Vp9, 0),
            video(100, Codec::Av1, 0),
        ],
    }
}

fn video(pt: u8, codec: Codec, profile_level_id: u32) -> Payload {
    Payload {
        pt,
        codec,
        rtx_pt: Some(pt + 1),
        red_pt: None,
        profile_level_id,
        nack: true,
        pli: true,
        fir: true,
        transport_cc: true,
        remb: false,
    }
}

/// The header extensions the engine knows for audio or video, all with ids that fit one byte.
pub(crate) fn offered_extensions(kind: MediaKind) -> Extensions {
    let both = Extensions {
        abs_send_time: Some(2),
        transport_cc: Some(3),
        mid: Some(4),
        ..Extensions::default()
    };
    match kind {
        MediaKind::Audio => Extensions {
            audio_level: Some(1),
            ..both
        },
        MediaKind::Video => Extensions {
            playout_delay: Some(5),
            dependency_descriptor: Some(8),
            rid: Some(10),
            repaired_rid: Some(11),
            video_orientation: Some(13),
            ..both
        },
    }
}
