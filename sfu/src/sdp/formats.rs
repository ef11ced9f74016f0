//! Payload formats of a section: `a=rtpmap`, `a=fmtp`, `a=rtcp-fb`, joined by payload type.

use std::collections::BTreeMap;

use protocol::media::{Codec, MediaKind};
use rtc_sdp::MediaDescription;

use super::h264;
use crate::negotiated::Payload;

/// Most payload types one section can have.
const MOST_FORMATS: usize = 128;

/// A payload the engine could forward, with its format parameters as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfferedPayload {
    /// In the engine's words.
    pub(super) payload: Payload,
    /// `a=fmtp` after the payload type; empty without.
    pub(super) fmtp: String,
}

#[derive(Default)]
struct Format {
    name: String,
    clock_rate: u32,
    channels: u16,
    fmtp: String,
    feedback: Vec<String>,
}

/// The payloads of a section the engine knows, in the order of its `m=` line.
pub(super) fn read(media: &MediaDescription, kind: MediaKind) -> Vec<OfferedPayload> {
    let order: Vec<u8> = media
        .media_name
        .formats
        .iter()
        .take(MOST_FORMATS)
        .filter_map(|pt| pt.parse().ok())
        .collect();
    let formats = join(media, &order);
    let mut payloads: Vec<OfferedPayload> = Vec::new();
    for pt in &order {
        let known = formats.get(pt).and_then(|format| understand(*pt, format, kind));
        if let Some(known) = known
            && !payloads.iter().any(|other| other.payload.pt == *pt)
        {
            payloads.push(known);
        }
    }
    for (pt, format) in &formats {
        attach(*pt, format, &mut payloads);
    }
    payloads
}

fn join(media: &MediaDescription, order: &[u8]) -> BTreeMap<u8, Format> {
    let mut formats: BTreeMap<u8, Format> = order.iter().map(|pt| (*pt, Format::default())).collect();
    for attribute in &media.attributes {
        let Some((pt, rest)) = attribute.value.as_deref().and_then(|value| value.split_once(' ')) else {
            continue;
        };
        let rest = rest.trim();
        match (attribute.key.as_str(), pt.parse::<u8>()) {
            ("rtpmap", Ok(pt)) => {
                if let Some(format) = formats.get_mut(&pt) {
                    read_rtpmap(rest, format);
                }
            }
            ("fmtp", Ok(pt)) => {
                if let Some(format) = formats.get_mut(&pt) {
                    rest.clone_into(&mut format.fmtp);
                }
            }
            ("rtcp-fb", Ok(pt)) => {
                if let Some(format) = formats.get_mut(&pt) {
                    format.feedback.push(rest.to_ascii_lowercase());
                }
            }
            ("rtcp-fb", Err(_)) if pt == "*" => {
                for format in formats.values_mut() {
                    format.feedback.push(rest.to_ascii_lowercase());
                }
            }
            _ => {}
        }
    }
    formats
}

fn read_rtpmap(value: &str, format: &mut Format) {
    let mut parts = value.split('/');
    format.name = parts.next().unwrap_or_default().to_ascii_lowercase();
    format.clock_rate = parts
        .next()
        .and_then(|rate| rate.parse().ok())
        .unwrap_or_default();
    format.channels = parts
        .next()
        .and_then(|channels| channels.parse().ok())
        .unwrap_or(1);
}

fn understand(pt: u8, format: &Format, kind: MediaKind) -> Option<OfferedPayload> {
    let codec = match format.name.as_str() {
        "opus" => Codec::Opus,
        "h264" => Codec::H264,
        "vp8" => Codec::Vp8,
        "vp9" => Codec::Vp9,
        "av1" => Codec::Av1,
        _ => return None,
    };
    if codec.kind() != kind || codec.clock_rate() != format.clock_rate || !parameters_fit(codec, &format.fmtp)
    {
        return None;
    }
    let profile_level_id = if codec == Codec::H264 {
        profile_level_id(&format.fmtp)
    } else {
        0
    };
    let has = |feedback: &str| format.feedback.iter().any(|line| line == feedback);
    let payload = Payload {
        pt,
        codec,
        rtx_pt: None,
        red_pt: None,
        profile_level_id,
        nack: has("nack"),
        pli: has("nack pli"),
        fir: has("ccm fir"),
        transport_cc: has("transport-cc"),
        remb: has("goog-remb"),
    };
    Some(OfferedPayload {
        payload,
        fmtp: format.fmtp.clone(),
    })
}

fn parameters_fit(codec: Codec, fmtp: &str) -> bool {
    match codec {
        // Interleaved mode 2 is not forwarded. Mode 0 is told from 1 by `agree`.
        Codec::H264 => {
            h264::profile(profile_level_id(fmtp)).is_some()
                && matches!(parameter(fmtp, "packetization-mode"), None | Some("0" | "1"))
        }
        Codec::Vp9 => matches!(parameter(fmtp, "profile-id"), None | Some("0")),
        Codec::Av1 => matches!(parameter(fmtp, "profile"), None | Some("0")),
        Codec::Opus | Codec::Vp8 => true,
    }
}

/// The parameter's value in `key=value;key=value`.
pub(super) fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case(key).then_some(value.trim())
    })
}

/// `profile-level-id` as three bytes; 0 when it is not three bytes in hexadecimal.
fn profile_level_id(fmtp: &str) -> u32 {
    match parameter(fmtp, "profile-level-id") {
        None => h264::DEFAULT_PROFILE_LEVEL_ID,
        Some(hex) if hex.len() == 6 => u32::from_str_radix(hex, 16).unwrap_or(0),
        Some(_) => 0,
    }
}

/// Joins RTX (RFC 4588 §8.6) and RED (RFC 2198 §5) to what they carry.
fn attach(pt: u8, format: &Format, payloads: &mut [OfferedPayload]) {
    match format.name.as_str() {
        "rtx" => {
            let Some(apt) = parameter(&format.fmtp, "apt").and_then(|apt| apt.parse::<u8>().ok()) else {
                return;
            };
            if let Some(carried) = payloads.iter_mut().find(|known| known.payload.pt == apt) {
                carried.payload.rtx_pt.get_or_insert(pt);
            }
        }
        "red" if format.clock_rate == Codec::Opus.clock_rate() => {
            // Without fmtp RED carries the formats of the section.
            let first = format
                .fmtp
                .split('/')
                .next()
                .and_then(|pt| pt.trim().parse::<u8>().ok());
            let carried = payloads.iter_mut().find(|known| {
                known.payload.codec == Codec::Opus && first.is_none_or(|first| first == known.payload.pt)
            });
            if let Some(carried) = carried {
                carried.payload.red_pt.get_or_insert(pt);
            }
        }
        _ => {}
    }
}
