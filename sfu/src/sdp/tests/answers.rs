//! Answers of real programs to our offer.

use super::*;
use crate::negotiated::RemoteTransport;

fn read(name: &str) -> (RemoteTransport, Vec<Section>) {
    read_answer(&fixture(name), &teacher()).expect("an answer")
}

fn flows(sections: &[Section]) -> Vec<Flow> {
    sections.iter().map(|section| section.flow).collect()
}

const AS_OFFERED: [Flow; 5] = [
    Flow::FromPeer,
    Flow::FromPeer,
    Flow::ToPeer,
    Flow::ToPeer,
    Flow::Inactive,
];

#[test]
fn chromium() {
    let (transport, sections) = read("chromium_answer");
    assert_eq!(transport.ufrag, "oM4d");
    assert_eq!(transport.pwd, "ulQ2CLvvGk/cfT3JIsfgUMpS");
    assert_eq!(transport.fingerprint[..3], [0x94, 0xe6, 0xf8]);
    assert!(transport.dtls_client);
    assert_eq!(flows(&sections), AS_OFFERED);
    assert_eq!(payload_types(&sections[0]), "Opus 111 red 63");
    assert_eq!(
        payload_types(&sections[1]),
        "H264 42e01f 102+103, H264 42001f 104+105, H264 4d001f 106+107, Vp8 96+97, Vp9 98+99, Av1 100+101"
    );
    assert_eq!(sections[1].extensions, offered_extensions(MediaKind::Video));
    let announced = SsrcPair {
        media: 1_295_682_445,
        rtx: Some(1_686_145_089),
    };
    assert_eq!(sections[1].ssrcs, [announced]);
    assert_eq!(
        sections[3].ssrcs,
        teacher()[3].ssrcs,
        "what we send keeps our SSRCs"
    );
    let video = &sections[3].payloads[0];
    assert!(video.nack && video.pli && video.fir && video.transport_cc && !video.remb);
}

#[test]
fn firefox() {
    let (transport, sections) = read("firefox_answer");
    assert_eq!(transport.ufrag, "8b7e383b");
    assert_eq!(
        transport.fingerprint[..3],
        [0x1d, 0xfd, 0x5b],
        "the fingerprint of the session"
    );
    assert_eq!(flows(&sections), AS_OFFERED);
    assert_eq!(payload_types(&sections[0]), "Opus 111");
    assert_eq!(payload_types(&sections[3]), "Vp8 96+97, Vp9 98+99, Av1 100+101");
    assert_eq!(
        sections[1].extensions.playout_delay, None,
        "Firefox only receives it"
    );
    assert_eq!(sections[3].extensions.playout_delay, Some(5));
    assert_eq!(
        sections[1].ssrcs,
        [SsrcPair {
            media: 2_002_444_513,
            rtx: Some(4_216_807_119)
        }]
    );
}

#[test]
fn aiortc() {
    let (transport, sections) = read("aiortc_answer");
    assert_eq!(transport.pwd, "N3BULGrhg6NqzOZm68UWrt");
    assert_eq!(flows(&sections), AS_OFFERED);
    assert_eq!(
        payload_types(&sections[1]),
        "H264 42e01f 102+103, H264 42001f 104+105, Vp8 96+97"
    );
    let video = &sections[3].payloads[0];
    assert!(video.nack && video.pli && !video.fir && !video.transport_cc);
    assert_eq!(sections[3].extensions.transport_cc, None);
}

#[test]
fn gstreamer_which_publishes_nothing_and_leaves_out_the_profile() {
    let (_, sections) = read("gst_answer");
    let expected = [
        Flow::Inactive,
        Flow::Inactive,
        Flow::ToPeer,
        Flow::ToPeer,
        Flow::Inactive,
    ];
    assert_eq!(flows(&sections), expected);
    assert_eq!(payload_types(&sections[3]), "H264 42e01f 102");
    assert!(!sections[3].payloads[0].nack && sections[3].payloads[0].pli);
    assert_eq!(sections[3].extensions.mid, None);
}

#[test]
fn a_refused_section_comes_back_inactive_without_payloads() {
    let answer = fixture("chromium_answer").replacen("m=video 9 ", "m=video 0 ", 1);
    let (_, sections) = read_answer(&answer, &teacher()).expect("an answer");
    assert_eq!(sections[1].flow, Flow::Inactive);
    assert!(sections[1].payloads.is_empty());
    assert_eq!(sections[3].flow, Flow::ToPeer);
}

#[test]
fn a_camera_that_is_off_leaves_its_section_inactive_with_its_payloads() {
    let answer = fixture("chromium_answer").replacen("a=sendonly", "a=inactive", 1);
    let (_, sections) = read_answer(&answer, &teacher()).expect("an answer");
    assert_eq!(sections[0].flow, Flow::Inactive);
    assert_eq!(payload_types(&sections[0]), "Opus 111 red 63");
}

#[test]
fn simulcast_layers_are_those_that_were_asked_for() {
    let mut offered = teacher();
    offered[1].rids = vec!["q".to_owned(), "f".to_owned()];
    let layers = "a=mid:1\r\na=rid:q send\r\na=rid:f send\r\na=rid:x send\r\na=simulcast:send q;~f;x";
    let answer = fixture("chromium_answer").replacen("a=mid:1", layers, 1);
    let (_, sections) = read_answer(&answer, &offered).expect("an answer");
    assert_eq!(sections[1].rids, ["q", "f"]);
}

#[test]
fn a_teacher_sees_a_hundred_classrooms() {
    let described = fixture("chromium_answer");
    let (head, rest) = described.split_once("m=").expect("a section");
    let part = |mid: &str| {
        let part = rest
            .split("m=")
            .find(|part| part.contains(&format!("a=mid:{mid}\r")));
        format!("m={}", part.expect("the section").trim_start_matches("m="))
    };
    let mut offered = Vec::new();
    let mut answer = head.replace("BUNDLE 0 1 2 3 4", "BUNDLE");
    for number in 0..200_u32 {
        let kind = if number % 2 == 0 {
            MediaKind::Audio
        } else {
            MediaKind::Video
        };
        let like = if number % 2 == 0 { "2" } else { "3" };
        let mid = (number + 10).to_string();
        answer += &part(like).replace(&format!("a=mid:{like}"), &format!("a=mid:{mid}"));
        offered.push(section(&mid, kind, Flow::ToPeer));
    }
    let (_, sections) = read_answer(&answer, &offered).expect("an answer");
    assert!(sections.iter().all(|section| section.flow == Flow::ToPeer));
}
