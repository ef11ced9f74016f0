//! One media section of the other side.

use protocol::media::MediaKind;
use rtc_sdp::MediaDescription;

use super::error::{Place, SdpError};
use super::extensions;
use super::formats::{self, OfferedPayload};
use crate::negotiated::{Extensions, SsrcPair};

/// Longest `a=mid`, in bytes: what fits a one-byte header extension.
const LONGEST_MID: usize = 16;
/// Most SSRCs and simulcast layers kept of one section.
const MOST_SSRCS: usize = 32;
const MOST_RIDS: usize = 8;
/// Attributes of direction; without one a section goes both ways (RFC 8866 §6.7).
const DIRECTIONS: [&str; 4] = ["inactive", "sendonly", "recvonly", "sendrecv"];

/// A media section as the other side wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfferedSection {
    /// `a=mid`; where there is none, the section's number.
    pub(crate) mid: String,
    /// Audio or video; `None` for what the engine does not carry (data channels).
    pub(crate) kind: Option<MediaKind>,
    /// The client may send in it.
    pub(crate) sends: bool,
    /// The client may receive in it.
    pub(crate) receives: bool,
    /// It is not refused by the client (port 0) and belongs to the bundle.
    pub(crate) usable: bool,
    /// Simulcast layers the client would send (`a=simulcast:send`).
    pub(crate) rids: Vec<String>,
    /// SSRCs the client announced.
    pub(crate) ssrcs: Vec<SsrcPair>,
    /// Header extensions the client knows.
    pub(crate) extensions: Extensions,
    /// Payloads the engine knows.
    pub(super) payloads: Vec<OfferedPayload>,
    /// `a=rtcp-rsize`.
    pub(super) reduced_rtcp: bool,
    /// `a=rtcp-mux`.
    pub(super) mux: bool,
    /// First word of `m=`, repeated when refused.
    pub(super) media: String,
    /// Protocol of `m=`.
    pub(super) protocol: String,
    /// Formats of `m=`.
    pub(super) formats: Vec<String>,
}

/// Reads a section. Whether it is in the bundle is told by the caller.
pub(super) fn read(index: usize, media: &MediaDescription) -> Result<OfferedSection, SdpError> {
    let kind = match media.media_name.media.as_str() {
        "audio" => Some(MediaKind::Audio),
        "video" => Some(MediaKind::Video),
        _ => None,
    };
    let flag = |key: &str| media.has_attribute(key);
    let direction = DIRECTIONS
        .into_iter()
        .find(|word| flag(word))
        .unwrap_or("sendrecv");
    let mut known = Extensions::default();
    for attribute in media
        .attributes
        .iter()
        .filter(|attribute| attribute.key == "extmap")
    {
        extensions::read(
            attribute.value.as_deref().unwrap_or_default(),
            direction,
            &mut known,
        );
    }
    Ok(OfferedSection {
        mid: read_mid(index, media)?,
        kind,
        sends: matches!(direction, "sendonly" | "sendrecv"),
        receives: matches!(direction, "recvonly" | "sendrecv"),
        // A bundled section may have port 0 in a first offer (RFC 9143 §6).
        usable: media.media_name.port.value != 0 || flag("bundle-only"),
        rids: read_rids(media),
        ssrcs: read_ssrcs(media),
        extensions: known,
        payloads: kind.map(|kind| formats::read(media, kind)).unwrap_or_default(),
        reduced_rtcp: flag("rtcp-rsize"),
        mux: flag("rtcp-mux"),
        media: media.media_name.media.clone(),
        protocol: media.media_name.protos.join("/"),
        formats: media.media_name.formats.clone(),
    })
}

fn read_mid(index: usize, media: &MediaDescription) -> Result<String, SdpError> {
    let Some(mid) = media.attribute("mid") else {
        return Ok(index.to_string());
    };
    let mid = mid.unwrap_or_default().trim();
    if mid.is_empty() || mid.len() > LONGEST_MID || !mid.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SdpError::Unusable {
            place: Place::Section(index),
            what: "a=mid".to_owned(),
            accepted: "1 to 16 characters without space are accepted",
        });
    }
    Ok(mid.to_owned())
}

/// `a=simulcast:send a;b,c;~d` (RFC 8853): layers apart by `;`, alternatives by `,` of which the first counts.
fn read_rids(media: &MediaDescription) -> Vec<String> {
    let Some(value) = media.attribute("simulcast").flatten() else {
        return Vec::new();
    };
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    let Some(list) = words
        .windows(2)
        .find_map(|pair| (pair[0] == "send").then_some(pair[1]))
    else {
        return Vec::new();
    };
    let declared = |rid: &str| {
        media.attributes.iter().any(|attribute| {
            let words: Vec<&str> = attribute
                .value
                .as_deref()
                .unwrap_or_default()
                .split_ascii_whitespace()
                .take(2)
                .collect();
            attribute.key == "rid" && words == [rid, "send"]
        })
    };
    list.split(';')
        .filter_map(|layer| layer.split(',').next())
        .map(|rid| rid.trim_start_matches('~'))
        .filter(|rid| {
            (1..=LONGEST_MID).contains(&rid.len())
                && rid.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && declared(rid)
        })
        .take(MOST_RIDS)
        .map(str::to_owned)
        .collect()
}

/// `a=ssrc` lines in their order; the second of an `a=ssrc-group:FID` is the retransmission of the first (RFC 5576 §4.2).
fn read_ssrcs(media: &MediaDescription) -> Vec<SsrcPair> {
    let values = |key: &'static str| {
        media
            .attributes
            .iter()
            .filter(move |attribute| attribute.key == key)
            .filter_map(|attribute| attribute.value.as_deref())
    };
    let repairs: Vec<(u32, u32)> = values("ssrc-group")
        .filter_map(|value| {
            let mut words = value.split_ascii_whitespace();
            if words.next() != Some("FID") {
                return None;
            }
            Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        })
        .take(MOST_SSRCS)
        .collect();
    // Other groups (FEC-FR) name SSRCs that carry no media of their own.
    let fec: Vec<u32> = values("ssrc-group")
        .filter(|value| value.starts_with("FEC"))
        .filter_map(|value| value.split_ascii_whitespace().nth(2)?.parse().ok())
        .collect();
    let mut pairs: Vec<SsrcPair> = Vec::new();
    let announced =
        values("ssrc").filter_map(|value| value.split_ascii_whitespace().next()?.parse::<u32>().ok());
    for ssrc in repairs.iter().map(|(media, _)| *media).chain(announced) {
        let repair = repairs.iter().any(|(_, rtx)| *rtx == ssrc);
        if pairs.len() < MOST_SSRCS
            && !repair
            && !fec.contains(&ssrc)
            && !pairs.iter().any(|pair| pair.media == ssrc)
        {
            let rtx = repairs
                .iter()
                .find(|(media, _)| *media == ssrc)
                .map(|(_, rtx)| *rtx);
            pairs.push(SsrcPair { media: ssrc, rtx });
        }
    }
    pairs
}
