//! `application/trickle-ice-sdpfrag` (RFC 8840): an ICE restart of a WHIP or WHEP client (RFC 9725 §4.3.3).

use super::error::{Place, SdpError};
use super::text;
use super::transport::{self, Attributes};
use super::write::{bare, candidates, kind_word, with_candidates};
use crate::negotiated::{LocalTransport, Section};

/// What a fragment needs to be a whole description; its lines are not the client's.
const HEAD: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
const HEAD_LINES: usize = 4;

/// A client's fragment. Its candidates are not needed: the engine is ICE-lite and learns addresses from checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// `a=ice-ufrag`. The same as before: only candidates are told. Another: ICE restarts.
    pub(crate) ufrag: String,
    /// `a=ice-pwd`.
    pub(crate) pwd: String,
}

/// Reads a client's fragment.
///
/// # Errors
///
/// When it cannot be parsed or has no ICE credentials.
pub(crate) fn read_fragment(fragment: &str) -> Result<Fragment, SdpError> {
    let description = text::parse(&format!("{HEAD}{fragment}")).map_err(without_head)?;
    let with_credentials = description
        .media_descriptions
        .iter()
        .enumerate()
        .find(|(_, media)| media.has_attribute("ice-ufrag"))
        .map(|(index, media)| Attributes::of(&description, index, media));
    let attributes = with_credentials.unwrap_or_else(|| Attributes::of_session(&description));
    let (ufrag, pwd) = transport::credentials(attributes)?;
    Ok(Fragment { ufrag, pwd })
}

fn without_head(error: SdpError) -> SdpError {
    match error {
        SdpError::Line {
            number,
            start,
            problem,
        } => SdpError::Line {
            number: number.saturating_sub(HEAD_LINES).max(1),
            start,
            problem,
        },
        SdpError::Missing {
            place: Place::Session,
            ..
        } => SdpError::Missing {
            place: Place::Session,
            what: "a=ice-ufrag",
            accepted: "a fragment by RFC 8840",
        },
        other => other,
    }
}

/// Our fragment: new credentials and the candidates, for the bundle of `sections`, of which the first is named.
pub(crate) fn fragment(local: &LocalTransport, sections: &[Section]) -> String {
    let alive: Vec<&Section> = sections
        .iter()
        .filter(|section| !section.payloads.is_empty())
        .collect();
    let mids: Vec<&str> = alive.iter().map(|section| section.mid.as_str()).collect();
    let mut lines = vec![
        "a=ice-lite".to_owned(),
        format!("a=group:BUNDLE {}", mids.join(" ")),
    ];
    if let Some(section) = alive.first() {
        let formats = section
            .payloads
            .iter()
            .map(|payload| payload.pt.to_string())
            .take(1)
            .collect();
        let media = bare(kind_word(section.kind), 9, "UDP/TLS/RTP/SAVPF", formats)
            .with_value_attribute("mid".to_owned(), section.mid.clone())
            .with_ice_credentials(local.ufrag.clone(), local.pwd.clone());
        let media = with_candidates(media, &candidates(local));
        lines.push(format!("m={}", media.media_name));
        lines.extend(media.attributes.iter().map(|attribute| format!("a={attribute}")));
    }
    lines.join("\r\n") + "\r\n"
}
