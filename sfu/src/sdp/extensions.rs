//! Names of RTP header extensions.

use crate::negotiated::Extensions;

/// Highest id that fits the one-byte header (RFC 8285 §4.2), which is what the engine writes.
const HIGHEST_ID: u8 = 14;

/// One extension: its URI and its field.
struct Known {
    uri: &'static str,
    get: fn(&Extensions) -> Option<u8>,
    field: fn(&mut Extensions) -> &mut Option<u8>,
}

macro_rules! known {
    ($($field:ident $uri:literal)*) => {
        const KNOWN: &[Known] = &[$(Known { uri: $uri, get: |e| e.$field, field: |e| &mut e.$field }),*];
    };
}

known! {
    audio_level "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    abs_send_time "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
    transport_cc "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    mid "urn:ietf:params:rtp-hdrext:sdes:mid"
    rid "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
    repaired_rid "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
    video_orientation "urn:3gpp:video-orientation"
    playout_delay "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
    dependency_descriptor "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
}

/// Takes one `a=extmap` value: `<id>[/<direction>] <uri> [<attributes>]`. Left out are unknown ones, ids beyond 14, and those
/// that go the other way than their section, which is `direction`.
pub(super) fn read(value: &str, direction: &str, extensions: &mut Extensions) {
    let mut words = value.split_ascii_whitespace();
    let (id, way) = match words
        .next()
        .map(|word| word.split_once('/').unwrap_or((word, direction)))
    {
        Some((id, way)) => (id.parse::<u8>(), way),
        None => return,
    };
    let (Ok(id @ 1..=HIGHEST_ID), Some(uri)) = (id, words.next()) else {
        return;
    };
    let against = matches!(
        (direction, way),
        ("sendonly", "recvonly") | ("recvonly", "sendonly")
    );
    if let Some(known) = KNOWN.iter().find(|known| known.uri == uri && !against) {
        (known.field)(extensions).get_or_insert(id);
    }
}

/// The `a=extmap` values, by rising id.
pub(super) fn values(extensions: &Extensions) -> Vec<String> {
    let mut ids: Vec<(u8, &str)> = KNOWN
        .iter()
        .filter_map(|known| Some(((known.get)(extensions)?, known.uri)))
        .collect();
    ids.sort_unstable();
    ids.into_iter().map(|(id, uri)| format!("{id} {uri}")).collect()
}

/// What both have, with the ids of `theirs`.
pub(super) fn common(ours: &Extensions, theirs: &Extensions) -> Extensions {
    let mut both = *theirs;
    for known in KNOWN {
        if (known.get)(ours).is_none() {
            *(known.field)(&mut both) = None;
        }
    }
    both
}
