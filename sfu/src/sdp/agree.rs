//! What both sides can do: policy, apart from parsing.

use protocol::media::{Codec, MediaKind};

use super::catalogue::offered_extensions;
use super::extensions;
use super::formats::{OfferedPayload, parameter};
use super::h264::{self, Profile};
use super::media::OfferedSection;
use crate::negotiated::{Flow, Payload, Section};

/// What the engine would carry of a client's section in the direction `flow`, with the client's payload types and extension
/// ids; codecs in our order, H264 constrained baseline first. `None`: the section is to be refused, because the client refused
/// it, it does not go that way, or there is no codec both know.
///
/// The caller sets `track`, `stream` and, for `ToPeer`, `ssrcs`; it clears `rids` when it does not want simulcast.
pub(crate) fn agree(offered: &OfferedSection, flow: Flow) -> Option<Section> {
    let kind = offered.kind.filter(|_| offered.usable)?;
    let possible = match flow {
        Flow::FromPeer => offered.sends,
        Flow::ToPeer => offered.receives,
        Flow::Inactive => true,
    };
    let payloads = common_payloads(&offered.payloads, kind, flow);
    if !possible || payloads.is_empty() {
        return None;
    }
    let from_peer = flow == Flow::FromPeer;
    Some(Section {
        mid: offered.mid.clone(),
        kind,
        flow,
        track: None,
        stream: None,
        payloads,
        extensions: extensions::common(&offered_extensions(kind), &offered.extensions),
        ssrcs: if from_peer {
            offered.ssrcs.clone()
        } else {
            Vec::new()
        },
        rids: if from_peer {
            offered.rids.clone()
        } else {
            Vec::new()
        },
    })
}

fn common_payloads(offered: &[OfferedPayload], kind: MediaKind, flow: Flow) -> Vec<Payload> {
    let mut payloads: Vec<Payload> = offered
        .iter()
        .filter(|known| known.payload.codec.kind() == kind && mode_fits(known, flow))
        .map(|known| known.payload.clone())
        .collect();
    if payloads.is_empty() {
        // Players that leave out packetization-mode mean 0 by the letter, and in fact read what mode 1 sends.
        payloads = offered
            .iter()
            .filter(|known| parameter(&known.fmtp, "packetization-mode").is_none())
            .map(|known| known.payload.clone())
            .collect();
    }
    for payload in &mut payloads {
        // A retransmission without RTX would seal other bytes under a used nonce.
        payload.nack &= payload.rtx_pt.is_some();
    }
    payloads.sort_by_key(rank);
    payloads
}

/// We send H264 in mode 1 (FU-A, STAP-A). A sender of mode 0 sends what mode 1 allows too (RFC 6184 §6.2).
fn mode_fits(known: &OfferedPayload, flow: Flow) -> bool {
    known.payload.codec != Codec::H264
        || flow == Flow::FromPeer
        || parameter(&known.fmtp, "packetization-mode") == Some("1")
}

/// Lower is better. Of equals the client's order counts.
fn rank(payload: &Payload) -> (u8, Option<Profile>) {
    let codec = match payload.codec {
        Codec::Opus | Codec::H264 => 0,
        Codec::Vp8 => 1,
        Codec::Vp9 => 2,
        Codec::Av1 => 3,
    };
    (codec, h264_profile(payload))
}

fn h264_profile(payload: &Payload) -> Option<Profile> {
    (payload.codec == Codec::H264)
        .then(|| h264::profile(payload.profile_level_id))
        .flatten()
}

/// What is left of our payloads after the client's answer. We send with the client's payload types and it with ours
/// (RFC 3264 §5.1); clients do not change them.
pub(super) fn answered_payloads(ours: &[Payload], theirs: &[OfferedPayload], flow: Flow) -> Vec<Payload> {
    theirs
        .iter()
        .filter_map(|known| {
            let their = &known.payload;
            let same = |our: &&Payload| our.codec == their.codec && h264_profile(our) == h264_profile(their);
            let our = ours
                .iter()
                .filter(same)
                .find(|our| our.pt == their.pt)
                .or_else(|| ours.iter().find(same))?;
            let (pt, rtx_pt, red_pt) = match flow {
                Flow::FromPeer => (
                    our.pt,
                    our.rtx_pt.and(their.rtx_pt).and(our.rtx_pt),
                    our.red_pt.filter(|_| their.red_pt.is_some()),
                ),
                Flow::ToPeer | Flow::Inactive => (
                    their.pt,
                    their.rtx_pt.filter(|_| our.rtx_pt.is_some()),
                    their.red_pt.filter(|_| our.red_pt.is_some()),
                ),
            };
            Some(Payload {
                pt,
                codec: our.codec,
                rtx_pt,
                red_pt,
                profile_level_id: their.profile_level_id,
                nack: our.nack && their.nack,
                pli: our.pli && their.pli,
                fir: our.fir && their.fir,
                transport_cc: our.transport_cc && their.transport_cc,
                remb: our.remb && their.remb,
            })
        })
        .collect()
}
