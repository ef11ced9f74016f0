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
    let plain = offered.iter().any(|known| mode(known) == Mode::NonInterleaved);
    let mut payloads: Vec<Payload> = offered
        .iter()
        .filter(|known| known.payload.codec.kind() == kind && mode_fits(mode(known), plain, flow))
        .map(|known| known.payload.clone())
        .collect();
    for payload in &mut payloads {
        // Ours go by RTX only: the same packet again would seal other bytes under a used nonce.
        payload.nack &= payload.rtx_pt.is_some() || flow == Flow::FromPeer;
    }
    payloads.sort_by_key(rank);
    payloads
}

/// How H264 is put into packets (RFC 6184 §6).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Not H264.
    None,
    /// Mode 0, said.
    Single,
    /// Mode 0, because nothing is said.
    Unsaid,
    /// Mode 1, which is what the engine forwards.
    NonInterleaved,
}

fn mode(known: &OfferedPayload) -> Mode {
    match parameter(&known.fmtp, "packetization-mode") {
        _ if known.payload.codec != Codec::H264 => Mode::None,
        Some("1") => Mode::NonInterleaved,
        Some(_) => Mode::Single,
        None => Mode::Unsaid,
    }
}

/// Where a client has mode 1 (`plain`), only that. Otherwise a sender of mode 0 sends what mode 1 allows too, and players that
/// leave it unsaid read mode 1 in fact.
fn mode_fits(mode: Mode, plain: bool, flow: Flow) -> bool {
    match mode {
        Mode::None | Mode::NonInterleaved => true,
        Mode::Unsaid => !plain,
        Mode::Single => !plain && flow == Flow::FromPeer,
    }
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

/// What is left of our payloads after the client's answer. A payload type means what we offered with it; GStreamer's answer
/// leaves out the profile. We send with the client's payload types and it with ours (RFC 3264 §5.1), should it change them.
pub(super) fn answered_payloads(ours: &[Payload], theirs: &[OfferedPayload], flow: Flow) -> Vec<Payload> {
    theirs
        .iter()
        .filter_map(|known| answered_payload(ours, known, flow))
        .collect()
}

fn answered_payload(ours: &[Payload], known: &OfferedPayload, flow: Flow) -> Option<Payload> {
    let their = &known.payload;
    let same_type = |our: &&Payload| our.codec == their.codec && our.pt == their.pt;
    let same_profile = |our: &&Payload| our.codec == their.codec && h264_profile(our) == h264_profile(their);
    let our = ours
        .iter()
        .find(same_type)
        .or_else(|| ours.iter().find(same_profile))?;
    let used = if flow == Flow::FromPeer { our } else { their };
    let said = parameter(&known.fmtp, "profile-level-id").is_some();
    Some(Payload {
        pt: used.pt,
        codec: our.codec,
        rtx_pt: used
            .rtx_pt
            .filter(|_| our.rtx_pt.is_some() && their.rtx_pt.is_some()),
        red_pt: used
            .red_pt
            .filter(|_| our.red_pt.is_some() && their.red_pt.is_some()),
        profile_level_id: if said {
            their.profile_level_id
        } else {
            our.profile_level_id
        },
        nack: our.nack && their.nack,
        pli: our.pli && their.pli,
        fir: our.fir && their.fir,
        transport_cc: our.transport_cc && their.transport_cc,
        remb: our.remb && their.remb,
    })
}
