//! Reading whole descriptions: a client's offer, and its answer to ours.

use std::collections::HashSet;

use rtc_sdp::SessionDescription;

use super::agree::answered_payloads;
use super::error::{Place, SdpError, excerpt};
use super::media::{self, OfferedSection};
use super::transport::{self, Attributes, Kind};
use super::{extensions, text};
use crate::negotiated::{Flow, RemoteTransport, Section};

/// An offer of a WHIP or WHEP client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteOffer {
    /// Of the bundle.
    pub(crate) transport: RemoteTransport,
    /// Every section, in order.
    pub(crate) sections: Vec<OfferedSection>,
    /// `a=extmap-allow-mixed`.
    pub(super) mixed: bool,
}

/// Reads an offer.
///
/// # Errors
///
/// When it cannot be parsed, or has nothing one bundled, muxed DTLS transport could carry.
pub(crate) fn read_offer(text: &str) -> Result<RemoteOffer, SdpError> {
    let description = text::parse(text)?;
    let mut sections = read_sections(&description)?;
    if description.has_attribute("ice-lite") {
        return Err(SdpError::Unusable {
            place: Place::Session,
            what: "a=ice-lite".to_owned(),
            accepted: "the engine is ICE-lite itself, so the client has to be full ICE",
        });
    }
    let bundle = bundle(&description, &sections)?;
    for section in &mut sections {
        section.usable &= bundle.contains(&section.mid);
    }
    let tagged = bundle
        .first()
        .and_then(|mid| sections.iter().position(|section| section.mid == *mid))
        .ok_or(SdpError::Missing {
            place: Place::Session,
            what: "a media section that is not refused",
            accepted: "m=audio or m=video with a port other than 0",
        })?;
    check_mux(&sections)?;
    let attributes = Attributes::of(&description, tagged, &description.media_descriptions[tagged]);
    Ok(RemoteOffer {
        transport: transport::read(attributes, Kind::Offer)?,
        mixed: description.has_attribute("extmap-allow-mixed"),
        sections,
    })
}

/// Reads the answer to an offer made of `offered`: the transport, and the same sections in the same order with what was agreed
/// on. A section the client refused (port 0) comes back inactive and without payloads; one it only does not use now, inactive.
///
/// # Errors
///
/// When it cannot be parsed, is not an answer to that offer, or the client wants to be DTLS server.
pub(crate) fn read_answer(
    text: &str,
    offered: &[Section],
) -> Result<(RemoteTransport, Vec<Section>), SdpError> {
    let description = text::parse(text)?;
    let answered = read_sections(&description)?;
    if answered.len() != offered.len() {
        return Err(SdpError::Unusable {
            place: Place::Session,
            what: format!(
                "an answer of {} media sections to an offer of {}",
                answered.len(),
                offered.len()
            ),
            accepted: "the answer has the sections of the offer in its order",
        });
    }
    let mut sections = Vec::with_capacity(offered.len());
    for (index, (ours, theirs)) in offered.iter().zip(&answered).enumerate() {
        sections.push(answered_section(index, ours, theirs)?);
    }
    let tagged = answered.iter().position(|section| section.usable);
    let Some(tagged) = tagged else {
        return Err(SdpError::Unusable {
            place: Place::Session,
            what: "an answer that refuses every section".to_owned(),
            accepted: "at least one has a port other than 0",
        });
    };
    check_mux(&answered)?;
    let attributes = Attributes::of(&description, tagged, &description.media_descriptions[tagged]);
    Ok((transport::read(attributes, Kind::Answer)?, sections))
}

fn read_sections(description: &SessionDescription) -> Result<Vec<OfferedSection>, SdpError> {
    let mut mids = HashSet::new();
    let mut sections = Vec::with_capacity(description.media_descriptions.len());
    for (index, described) in description.media_descriptions.iter().enumerate() {
        let section = media::read(index, described)?;
        if !mids.insert(section.mid.clone()) {
            return Err(SdpError::Unusable {
                place: Place::Section(index),
                what: format!("a=mid:{}", excerpt(&section.mid)),
                accepted: "it names an earlier section; each has its own",
            });
        }
        sections.push(section);
    }
    Ok(sections)
}

/// The mids of the bundle that are not refused, the one that carries the transport first (RFC 9143 §7.2).
fn bundle(description: &SessionDescription, sections: &[OfferedSection]) -> Result<Vec<String>, SdpError> {
    let usable: Vec<&OfferedSection> = sections.iter().filter(|section| section.usable).collect();
    let group = description
        .attributes
        .iter()
        .filter(|attribute| attribute.key == "group")
        .find_map(|attribute| attribute.value.as_deref()?.strip_prefix("BUNDLE"));
    match (group, usable.as_slice()) {
        (Some(mids), _) => Ok(mids
            .split_ascii_whitespace()
            .filter(|mid| usable.iter().any(|section| section.mid == **mid))
            .map(str::to_owned)
            .collect()),
        // One section needs no bundle.
        (None, [] | [_]) => Ok(usable.iter().map(|section| section.mid.clone()).collect()),
        (None, _) => Err(SdpError::Missing {
            place: Place::Session,
            what: "a=group:BUNDLE",
            accepted: "a bundle of all sections on one transport (bundle policy max-bundle)",
        }),
    }
}

fn check_mux(sections: &[OfferedSection]) -> Result<(), SdpError> {
    let bare = sections
        .iter()
        .position(|section| section.usable && section.kind.is_some() && !section.mux);
    match bare {
        None => Ok(()),
        Some(index) => Err(SdpError::Missing {
            place: Place::Section(index),
            what: "a=rtcp-mux",
            accepted: "RTP and RTCP on one port",
        }),
    }
}

fn answered_section(index: usize, ours: &Section, theirs: &OfferedSection) -> Result<Section, SdpError> {
    let place = Place::Section(index);
    if theirs.kind != Some(ours.kind) || theirs.mid != ours.mid {
        return Err(SdpError::Unusable {
            place,
            what: format!("m={} with mid {}", excerpt(&theirs.media), excerpt(&theirs.mid)),
            accepted: "the answer has the sections of the offer in its order",
        });
    }
    let mut section = ours.clone();
    if !theirs.usable {
        section.flow = Flow::Inactive;
        section.payloads.clear();
        return Ok(section);
    }
    section.flow = match ours.flow {
        Flow::FromPeer if theirs.sends => Flow::FromPeer,
        Flow::ToPeer if theirs.receives => Flow::ToPeer,
        _ => Flow::Inactive,
    };
    section.payloads = answered_payloads(&ours.payloads, &theirs.payloads, ours.flow);
    if section.payloads.is_empty() {
        return Err(SdpError::Unusable {
            place,
            what: "its payload types".to_owned(),
            accepted: "at least one of the offered codecs has to be answered",
        });
    }
    section.extensions = extensions::common(&ours.extensions, &theirs.extensions);
    if ours.flow == Flow::FromPeer {
        section.ssrcs.clone_from(&theirs.ssrcs);
        section.rids = theirs
            .rids
            .iter()
            .filter(|rid| ours.rids.contains(rid))
            .cloned()
            .collect();
    }
    Ok(section)
}
