//! ICE credentials, fingerprint and DTLS role of the other side.

use rtc_sdp::description::common::Attribute;
use rtc_sdp::{MediaDescription, SessionDescription};

use super::error::{Place, SdpError, excerpt};
use crate::negotiated::RemoteTransport;

/// Attributes of a section, then those of the session, which stand for every section (RFC 8839 §5.4, RFC 8122 §5).
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a> {
    /// Where the section is.
    pub(super) place: Place,
    section: &'a [Attribute],
    session: &'a [Attribute],
}

impl<'a> Attributes<'a> {
    pub(super) fn of(session: &'a SessionDescription, index: usize, media: &'a MediaDescription) -> Self {
        Self {
            place: Place::Section(index),
            section: &media.attributes,
            session: &session.attributes,
        }
    }

    pub(super) fn of_session(session: &'a SessionDescription) -> Self {
        Self {
            place: Place::Session,
            section: &[],
            session: &session.attributes,
        }
    }

    /// The values of every line with this name; those of the section hide those of the session.
    pub(super) fn values(&self, key: &'static str) -> impl Iterator<Item = &'a str> {
        let named = move |attribute: &&Attribute| attribute.key == key;
        let level = if self.section.iter().any(|attribute| attribute.key == key) {
            self.section
        } else {
            self.session
        };
        level
            .iter()
            .filter(named)
            .map(|attribute| attribute.value.as_deref().unwrap_or_default().trim())
    }

    fn required(
        &self,
        key: &'static str,
        what: &'static str,
        accepted: &'static str,
    ) -> Result<&'a str, SdpError> {
        self.values(key).next().ok_or(SdpError::Missing {
            place: self.place,
            what,
            accepted,
        })
    }
}

/// Which of the two descriptions the transport stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Offer,
    Answer,
}

/// Reads a transport.
pub(super) fn read(attributes: Attributes<'_>, kind: Kind) -> Result<RemoteTransport, SdpError> {
    let (ufrag, pwd) = credentials(attributes)?;
    let fingerprint = fingerprint(attributes)?;
    check_setup(attributes, kind)?;
    Ok(RemoteTransport {
        ufrag,
        pwd,
        fingerprint,
        dtls_client: true,
    })
}

/// Reads ICE credentials (RFC 8839 §5.4).
pub(super) fn credentials(attributes: Attributes<'_>) -> Result<(String, String), SdpError> {
    let ufrag = attributes.required("ice-ufrag", "a=ice-ufrag", "4 to 256 characters")?;
    let pwd = attributes.required("ice-pwd", "a=ice-pwd", "22 to 256 characters")?;
    let fits = |text: &str, least: usize| {
        (least..=256).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
    };
    let refuse = |what: &str, accepted: &'static str| {
        Err(SdpError::Unusable {
            place: attributes.place,
            what: what.to_owned(),
            accepted,
        })
    };
    if !fits(ufrag, 4) {
        return refuse("a=ice-ufrag", "4 to 256 letters, digits, + and / are accepted");
    }
    if !fits(pwd, 22) {
        return refuse("a=ice-pwd", "22 to 256 letters, digits, + and / are accepted");
    }
    Ok((ufrag.to_owned(), pwd.to_owned()))
}

fn fingerprint(attributes: Attributes<'_>) -> Result<[u8; 32], SdpError> {
    const ACCEPTED: &str = "sha-256 and 32 bytes as AB:CD:…";
    attributes.required("fingerprint", "a=fingerprint", ACCEPTED)?;
    let mut other = String::new();
    for value in attributes.values("fingerprint") {
        let (algorithm, hex) = value.split_once(' ').unwrap_or((value, ""));
        if !algorithm.eq_ignore_ascii_case("sha-256") {
            other = excerpt(algorithm);
            continue;
        }
        return bytes(hex.trim()).ok_or_else(|| SdpError::Unusable {
            place: attributes.place,
            what: "the bytes of a=fingerprint:sha-256".to_owned(),
            accepted: "32 bytes as AB:CD:… are accepted",
        });
    }
    Err(SdpError::Unusable {
        place: attributes.place,
        what: format!("a=fingerprint:{other}"),
        accepted: "sha-256 is accepted",
    })
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let mut pairs = hex.split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(bytes)
}

/// The engine is always DTLS server, so the other side has to be able to be client (RFC 8842 §5).
fn check_setup(attributes: Attributes<'_>, kind: Kind) -> Result<(), SdpError> {
    let accepted = match kind {
        Kind::Offer => "a=setup:actpass or a=setup:active",
        Kind::Answer => "a=setup:active",
    };
    let setup = attributes.required("setup", "a=setup", accepted)?;
    if setup == "active" || (kind == Kind::Offer && setup == "actpass") {
        return Ok(());
    }
    Err(SdpError::Unusable {
        place: attributes.place,
        what: format!("a=setup:{}", excerpt(setup)),
        accepted: match kind {
            Kind::Offer => "the engine is DTLS server, so a=setup:actpass or a=setup:active is accepted",
            Kind::Answer => "the engine is DTLS server, so only a=setup:active is accepted",
        },
    })
}
