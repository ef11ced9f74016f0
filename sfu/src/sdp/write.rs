//! Writing our offers and answers.

use protocol::media::{Codec, MediaKind};
use rtc_sdp::description::common::{Address, ConnectionInformation};
use rtc_sdp::description::media::{MediaName, RangedPort};
use rtc_sdp::{MediaDescription, SessionDescription};

use super::extensions;
use super::formats::parameter;
use super::media::OfferedSection;
use super::offer_answer::RemoteOffer;
use crate::negotiated::{Flow, LocalTransport, Payload, Section};

/// Protocol of our own sections.
const PROTOCOL: &str = "UDP/TLS/RTP/SAVPF";

/// What Chromium's bandwidth estimate of a publisher begins with, in kbit/s, instead of 300: below 500 it encodes a camera of 720 lines
/// with 180 and takes a quarter of a minute to climb. Small enough for a school's weak line until the first feedback, after some
/// 100 ms. Other clients do not know the parameter and leave it aside.
const START_KBPS: u32 = 600;

/// `o=`: the session's id, and its version, which rises with each description of the session (RFC 8866 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionIds {
    /// Stays for the whole session. Below 2^63, as Chromium reads it signed.
    pub(crate) id: u64,
    /// Rises by one.
    pub(crate) version: u64,
}

/// Our offer. Every section stays at its place for the whole session; an inactive one is written as such, one without payloads
/// (refused by the client before) with port 0.
pub(crate) fn offer(local: &LocalTransport, session: SessionIds, sections: &[Section]) -> String {
    let alive = |section: &&Section| !section.payloads.is_empty();
    let mids: Vec<&str> = sections
        .iter()
        .filter(alive)
        .map(|section| section.mid.as_str())
        .collect();
    let mut description = head(session, &mids).with_property_attribute("extmap-allow-mixed".to_owned());
    let mut candidates = candidates(local);
    for section in sections {
        let media = if section.payloads.is_empty() {
            refused(kind_word(section.kind), PROTOCOL, &["0".to_owned()], &section.mid)
        } else {
            let opened = open(section, PROTOCOL, None);
            let opened = with_transport(opened, local, &std::mem::take(&mut candidates), "actpass");
            with_sources(opened.with_property_attribute("rtcp-rsize".to_owned()), section)
        };
        description = description.with_media(media);
    }
    description.marshal()
}

/// Our answer to `offer`: one entry per section of it, `None` refuses.
///
/// # Panics
///
/// Never: entries that are missing are refused.
pub(crate) fn answer(
    local: &LocalTransport,
    session: SessionIds,
    offer: &RemoteOffer,
    sections: &[Option<Section>],
) -> String {
    let mids: Vec<&str> = sections
        .iter()
        .flatten()
        .map(|section| section.mid.as_str())
        .collect();
    let mut description = head(session, &mids);
    if offer.mixed {
        description = description.with_property_attribute("extmap-allow-mixed".to_owned());
    }
    let mut candidates = candidates(local);
    for (index, offered) in offer.sections.iter().enumerate() {
        let media = match sections.get(index).and_then(Option::as_ref) {
            None => refused(&offered.media, &offered.protocol, &offered.formats, &offered.mid),
            Some(section) => {
                let mut media = open(section, &offered.protocol, Some(offered));
                media = with_transport(media, local, &std::mem::take(&mut candidates), "passive");
                if offered.reduced_rtcp {
                    media = media.with_property_attribute("rtcp-rsize".to_owned());
                }
                with_sources(media, section)
            }
        };
        description = description.with_media(media);
    }
    description.marshal()
}

fn head(session: SessionIds, mids: &[&str]) -> SessionDescription {
    let mut description = SessionDescription::new_jsep_session_description(false);
    description.origin.session_id = session.id;
    description.origin.session_version = session.version;
    "127.0.0.1".clone_into(&mut description.origin.unicast_address);
    description
        .with_value_attribute(
            "group".to_owned(),
            format!("BUNDLE {}", mids.join(" ")).trim_end().to_owned(),
        )
        .with_value_attribute("msid-semantic".to_owned(), " WMS *".to_owned())
        .with_property_attribute("ice-lite".to_owned())
}

pub(super) fn kind_word(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

/// A section before its attributes. Port 9 and no address: the candidates tell (RFC 8840 §4.1.1).
pub(super) fn bare(media: &str, port: isize, protocol: &str, formats: Vec<String>) -> MediaDescription {
    MediaDescription {
        media_name: MediaName {
            media: media.to_owned(),
            port: RangedPort {
                value: port,
                range: None,
            },
            protos: protocol.split('/').map(str::to_owned).collect(),
            formats,
        },
        connection_information: Some(ConnectionInformation {
            network_type: "IN".to_owned(),
            address_type: "IP4".to_owned(),
            address: Some(Address {
                address: "0.0.0.0".to_owned(),
                ttl: None,
                range: None,
            }),
        }),
        ..MediaDescription::default()
    }
}

fn refused(media: &str, protocol: &str, formats: &[String], mid: &str) -> MediaDescription {
    bare(media, 0, protocol, formats.to_vec())
        .with_value_attribute("mid".to_owned(), mid.to_owned())
        .with_property_attribute("inactive".to_owned())
}

/// Everything of a section but transport and sources.
fn open(section: &Section, protocol: &str, offered: Option<&OfferedSection>) -> MediaDescription {
    let formats = section
        .payloads
        .iter()
        .flat_map(|payload| {
            let (first, second) = match (section.flow, payload.red_pt) {
                // A browser sends what stands first: sound that says everything twice survives single losses.
                (Flow::FromPeer, Some(red)) => (Some(red), Some(payload.pt)),
                (_, red) => (Some(payload.pt), red),
            };
            [first, second, payload.rtx_pt]
        })
        .flatten()
        .map(|pt| pt.to_string())
        .collect();
    let mut media = bare(kind_word(section.kind), 9, protocol, formats)
        .with_value_attribute("mid".to_owned(), section.mid.clone())
        .with_property_attribute(direction(section.flow).to_owned());
    for value in extensions::values(&section.extensions) {
        media = media.with_value_attribute("extmap".to_owned(), value);
    }
    media = media.with_property_attribute("rtcp-mux".to_owned());
    for payload in &section.payloads {
        let fmtp =
            match offered.and_then(|offered| offered.payloads.iter().find(|o| o.payload.pt == payload.pt)) {
                Some(known) => answered_fmtp(payload, section.flow, &known.fmtp),
                None => own_fmtp(payload, section.flow),
            };
        media = with_payload(media, payload, fmtp);
    }
    if section.flow == Flow::FromPeer && !section.rids.is_empty() {
        for rid in &section.rids {
            media = media.with_value_attribute("rid".to_owned(), format!("{rid} recv"));
        }
        media =
            media.with_value_attribute("simulcast".to_owned(), format!("recv {}", section.rids.join(";")));
    }
    media
}

fn direction(flow: Flow) -> &'static str {
    match flow {
        Flow::FromPeer => "recvonly",
        Flow::ToPeer => "sendonly",
        Flow::Inactive => "inactive",
    }
}

fn with_transport(
    mut media: MediaDescription,
    local: &LocalTransport,
    candidates: &[String],
    setup: &str,
) -> MediaDescription {
    let hex: Vec<String> = local
        .fingerprint
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    media = media
        .with_ice_credentials(local.ufrag.clone(), local.pwd.clone())
        .with_fingerprint("sha-256".to_owned(), hex.join(":"))
        .with_value_attribute("setup".to_owned(), setup.to_owned());
    with_candidates(media, candidates)
}

/// Our host candidates, best first: those of UDP, then those of TCP, to which the other side connects (RFC 6544).
pub(super) fn candidates(local: &LocalTransport) -> Vec<String> {
    let udp = local
        .candidates
        .iter()
        .zip(0_u32..)
        // RFC 8445 §5.1.2.1.
        .map(|(address, index)| ("udp", 126, 65_535 - index.min(65_535), address, ""));
    let tcp = local
        .candidates
        .iter()
        .zip(0_u32..)
        .filter(|_| local.tcp)
        // RFC 6544 §4.2: a type preference below that of UDP; passive is direction 4.
        .map(|(address, index)| {
            let preference = (4 << 13) + 8_191 - index.min(8_191);
            ("tcp", 90, preference, address, " tcptype passive")
        });
    udp.chain(tcp)
        .zip(1_u32..)
        .map(|((protocol, kind, preference, address, role), foundation)| {
            let priority: u32 = (kind << 24) | (preference << 8) | 255;
            let (ip, port) = (address.ip(), address.port());
            format!("{foundation} 1 {protocol} {priority} {ip} {port} typ host{role}")
        })
        .collect()
}

/// Candidates, and that there will be no others (RFC 8838 §8.2). Nothing when there are none.
pub(super) fn with_candidates(mut media: MediaDescription, candidates: &[String]) -> MediaDescription {
    for candidate in candidates {
        media = media.with_candidate(candidate.clone());
    }
    if candidates.is_empty() {
        return media;
    }
    media.with_property_attribute("end-of-candidates".to_owned())
}

fn with_payload(mut media: MediaDescription, payload: &Payload, fmtp: Option<String>) -> MediaDescription {
    let (pt, name, clock_rate) = (payload.pt, codec_name(payload.codec), payload.codec.clock_rate());
    let channels = if payload.codec == Codec::Opus { "/2" } else { "" };
    media = media.with_value_attribute("rtpmap".to_owned(), format!("{pt} {name}/{clock_rate}{channels}"));
    let feedback = [
        (payload.transport_cc, "transport-cc"),
        (payload.remb, "goog-remb"),
        (payload.fir, "ccm fir"),
        (payload.nack, "nack"),
        (payload.pli, "nack pli"),
    ];
    for (_, word) in feedback.iter().filter(|(agreed, _)| *agreed) {
        media = media.with_value_attribute("rtcp-fb".to_owned(), format!("{pt} {word}"));
    }
    if let Some(fmtp) = fmtp {
        media = media.with_value_attribute("fmtp".to_owned(), format!("{pt} {fmtp}"));
    }
    if let Some(red) = payload.red_pt {
        media = media
            .with_value_attribute("rtpmap".to_owned(), format!("{red} red/{clock_rate}{channels}"))
            .with_value_attribute("fmtp".to_owned(), format!("{red} {pt}/{pt}"));
    }
    if let Some(rtx) = payload.rtx_pt {
        media = media
            .with_value_attribute("rtpmap".to_owned(), format!("{rtx} rtx/{clock_rate}"))
            .with_value_attribute("fmtp".to_owned(), format!("{rtx} apt={pt}"));
    }
    media
}

fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::H264 => "H264",
        Codec::Vp8 => "VP8",
        Codec::Vp9 => "VP9",
        Codec::Av1 => "AV1",
    }
}

/// Parameters of our own formats: in-band FEC and silence without packets are welcome.
fn own_fmtp(payload: &Payload, flow: Flow) -> Option<String> {
    let mut parameters = match payload.codec {
        Codec::Opus => vec!["minptime=10;useinbandfec=1;usedtx=1".to_owned()],
        Codec::H264 => vec![format!(
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={:06x}",
            payload.profile_level_id
        )],
        Codec::Vp8 => Vec::new(),
        Codec::Vp9 => vec!["profile-id=0".to_owned()],
        Codec::Av1 => vec!["level-idx=5;profile=0;tier=0".to_owned()],
    };
    if flow == Flow::FromPeer && payload.codec.kind() == MediaKind::Video {
        parameters.push(format!("x-google-start-bitrate={START_KBPS}"));
    }
    (!parameters.is_empty()).then(|| parameters.join(";"))
}

/// Parameters in an answer: the client's own, so that what it offered is what it gets. A sender of Opus is asked for FEC and
/// for the stereo it announced (RFC 7587 §7).
fn answered_fmtp(payload: &Payload, flow: Flow, fmtp: &str) -> Option<String> {
    if payload.codec != Codec::Opus || flow != Flow::FromPeer {
        return (!fmtp.is_empty()).then(|| fmtp.to_owned());
    }
    let mut asked = vec!["minptime=10", "useinbandfec=1"];
    let on = |key| parameter(fmtp, key) == Some("1");
    if on("usedtx") {
        asked.push("usedtx=1");
    }
    if on("stereo") || on("sprop-stereo") {
        asked.push("stereo=1");
    }
    Some(asked.join(";"))
}

/// What we send: its MediaStream, its SSRC, and the one of its retransmissions.
fn with_sources(mut media: MediaDescription, section: &Section) -> MediaDescription {
    if section.flow != Flow::ToPeer {
        return media;
    }
    let stream = section.stream.as_deref().unwrap_or("-");
    let track = section
        .track
        .map_or_else(|| section.mid.clone(), |track| track.to_string());
    media = media.with_value_attribute("msid".to_owned(), format!("{stream} {track}"));
    for pair in &section.ssrcs {
        if let Some(rtx) = pair.rtx {
            media = media.with_value_attribute("ssrc-group".to_owned(), format!("FID {} {rtx}", pair.media));
        }
        for ssrc in [Some(pair.media), pair.rtx].into_iter().flatten() {
            media = media
                .with_value_attribute("ssrc".to_owned(), format!("{ssrc} cname:{stream}"))
                .with_value_attribute("ssrc".to_owned(), format!("{ssrc} msid:{stream} {track}"));
        }
    }
    media
}
