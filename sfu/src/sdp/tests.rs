//! What is written for, and understood of, real programs. `fixtures/` holds what they said, word for word: Chromium 156,
//! Firefox 153, aiortc 1.16, GStreamer 1.22; `obs_whip.sdp` is written after what OBS 30 (libdatachannel) sends.
//! The `*_answer.sdp` are answers to the offer of the snapshot `a_teachers_offer`.

mod answers;
mod broken;
mod clients;
mod offers;

use std::net::SocketAddr;

use protocol::id::TrackId;
use protocol::media::MediaKind;

use super::*;
use crate::negotiated::{Flow, LocalTransport, Section, SsrcPair};

const SESSION: SessionIds = SessionIds {
    id: 7_000_000_001,
    version: 3,
};

fn fixture(name: &str) -> String {
    let path = format!("{}/src/sdp/fixtures/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a fixture")
}

fn local() -> LocalTransport {
    LocalTransport {
        ufrag: "Tk7m".to_owned(),
        pwd: "0123456789abcdefghijklmn".to_owned(),
        fingerprint: std::array::from_fn(|index| u8::try_from(index).expect("below 32")),
        candidates: vec![
            SocketAddr::from(([192, 0, 2, 10], 7000)),
            "[2001:db8::10]:7000".parse().expect("an address"),
        ],
        tcp: true,
    }
}

fn track(number: u128) -> TrackId {
    format!("01900000-0000-7000-8000-{number:012x}")
        .parse()
        .expect("a UUID")
}

/// What the engine adds to a section it sends in.
fn sent(section: Section) -> Section {
    let number = 1 + u32::from(section.mid.as_bytes()[0]);
    let rtx = (section.kind == MediaKind::Video).then_some(number * 100 + 1);
    Section {
        track: Some(track(number.into())),
        stream: Some("teacher".to_owned()),
        ssrcs: vec![SsrcPair {
            media: number * 100,
            rtx,
        }],
        ..section
    }
}

fn section(mid: &str, kind: MediaKind, flow: Flow) -> Section {
    let section = Section::offered(mid.to_owned(), kind, flow);
    if flow == Flow::ToPeer {
        sent(section)
    } else {
        section
    }
}

/// A teacher's connection: microphone and camera in, a classroom's sound and picture out, and a place left by another.
fn teacher() -> Vec<Section> {
    vec![
        section("0", MediaKind::Audio, Flow::FromPeer),
        section("1", MediaKind::Video, Flow::FromPeer),
        section("2", MediaKind::Audio, Flow::ToPeer),
        section("3", MediaKind::Video, Flow::ToPeer),
        section("4", MediaKind::Video, Flow::Inactive),
    ]
}

/// Without the CR, which would make a snapshot hard to read.
fn lines(sdp: &str) -> String {
    let bare = sdp.replace("\r\n", "");
    assert!(
        sdp.ends_with("\r\n") && !bare.contains(['\r', '\n']),
        "lines end with CR LF"
    );
    sdp.replace("\r\n", "\n")
}

/// Only the payload types, with what tells them apart.
fn payload_types(section: &Section) -> String {
    let word = |payload: &crate::negotiated::Payload| {
        let rtx = payload.rtx_pt.map_or_else(String::new, |pt| format!("+{pt}"));
        let red = payload.red_pt.map_or_else(String::new, |pt| format!(" red {pt}"));
        let profile = match payload.profile_level_id {
            0 => String::new(),
            id => format!(" {id:06x}"),
        };
        format!("{:?}{profile} {}{rtx}{red}", payload.codec, payload.pt)
    };
    section.payloads.iter().map(word).collect::<Vec<_>>().join(", ")
}
