//! Offers of WHIP and WHEP clients, and what we answer.

use super::*;

/// What the engine does with an offer: every section it can carry in this direction.
fn agreed(offer: &RemoteOffer, flow: Flow) -> Vec<Option<Section>> {
    let each = offer.sections.iter().map(|offered| agree(offered, flow));
    match flow {
        Flow::ToPeer => each.map(|section| section.map(sent)).collect(),
        _ => each.collect(),
    }
}

fn answered(name: &str, flow: Flow) -> String {
    let offer = read_offer(&fixture(name)).expect("an offer");
    let answer = answer(&local(), SESSION, &offer, &agreed(&offer, flow));
    let again = text::parse(&answer).expect("our answer can be parsed");
    assert_eq!(again.media_descriptions.len(), offer.sections.len());
    lines(&answer)
}

fn sections(name: &str, flow: Flow) -> Vec<Section> {
    let offer = read_offer(&fixture(name)).expect("an offer");
    agreed(&offer, flow).into_iter().flatten().collect()
}

#[test]
fn chromium_publishes() {
    insta::assert_snapshot!(answered("chromium_whip", Flow::FromPeer));
}

#[test]
fn chromium_watches() {
    insta::assert_snapshot!(answered("chromium_whep", Flow::ToPeer));
}

#[test]
fn firefox_publishes() {
    insta::assert_snapshot!(answered("firefox_whip", Flow::FromPeer));
}

#[test]
fn firefox_watches() {
    insta::assert_snapshot!(answered("firefox_whep", Flow::ToPeer));
}

#[test]
fn aiortc_publishes() {
    insta::assert_snapshot!(answered("aiortc_whip", Flow::FromPeer));
}

#[test]
fn aiortc_watches() {
    insta::assert_snapshot!(answered("aiortc_whep", Flow::ToPeer));
}

#[test]
fn gstreamer_publishes() {
    insta::assert_snapshot!(answered("gst_whip", Flow::FromPeer));
}

#[test]
fn gstreamer_watches() {
    insta::assert_snapshot!(answered("gst_whep", Flow::ToPeer));
}

#[test]
fn obs_publishes() {
    insta::assert_snapshot!(answered("obs_whip", Flow::FromPeer));
}

#[test]
fn chromium_publishes_simulcast_beside_a_data_channel() {
    insta::assert_snapshot!(answered("chromium_simulcast", Flow::FromPeer));
}

#[test]
fn simulcast_is_not_answered_when_its_layers_are_cleared() {
    let offer = read_offer(&fixture("chromium_simulcast")).expect("an offer");
    assert_eq!(offer.sections[1].rids, ["q", "h", "f"]);
    let mut sections = agreed(&offer, Flow::FromPeer);
    for section in sections.iter_mut().flatten() {
        section.rids.clear();
    }
    let text = answer(&local(), SESSION, &offer, &sections);
    assert!(!text.contains("simulcast") && !text.contains("a=rid"), "{text}");
}

#[test]
fn the_best_codec_of_each_client_is_first() {
    let best = |name, flow| -> Vec<String> {
        let mut each: Vec<String> = sections(name, flow).iter().map(payload_types).collect();
        each.sort();
        each
    };
    assert_eq!(
        best("chromium_whip", Flow::FromPeer),
        [
            "H264 42e01f 108+109, H264 42001f 102+103, H264 4d001f 116+117, Vp8 96+97, Vp9 98+99, Av1 45+46",
            "Opus 111 red 63"
        ]
    );
    assert_eq!(
        best("firefox_whep", Flow::ToPeer),
        ["Opus 109", "Vp8 120+124, Vp9 121+125, Av1 99+100"]
    );
    assert_eq!(
        best("aiortc_whip", Flow::FromPeer),
        ["H264 42e01f 101+102, H264 42001f 99+100, Vp8 97+98", "Opus 96"]
    );
    assert_eq!(best("gst_whip", Flow::FromPeer), ["H264 42c015 96", "Opus 97"]);
}

#[test]
fn obs_is_known_by_its_ssrcs_because_it_has_no_mid_extension() {
    let sections = sections("obs_whip", Flow::FromPeer);
    let ssrcs: Vec<_> = sections.iter().map(|section| section.ssrcs.clone()).collect();
    let alone = |media| vec![SsrcPair { media, rtx: None }];
    assert_eq!(ssrcs, [alone(3_388_068_600), alone(3_388_068_601)]);
    assert_eq!(sections[1].extensions.mid, None);
    let video = &sections[1].payloads[0];
    assert!(video.remb && video.pli && video.nack, "it repairs in its own way");
}

#[test]
fn what_we_send_is_repaired_by_rtx_or_not_at_all() {
    let text = fixture("obs_whip").replace("a=sendonly", "a=sendrecv");
    let offer = read_offer(&text).expect("an offer");
    let section = agree(&offer.sections[1], Flow::ToPeer).expect("agreed");
    assert!(!section.payloads[0].nack && section.payloads[0].pli);
}

#[test]
fn the_transport_of_a_bundle_is_that_of_its_first_section() {
    let offer = read_offer(&fixture("gst_whip")).expect("an offer");
    assert_eq!(offer.transport.ufrag, "RCt6tAeVo/rPEP070+dz51kX3BS6APBC");
    let offer = read_offer(&fixture("obs_whip")).expect("an offer");
    assert_eq!(offer.transport.ufrag, "kQ2z", "OBS says it for the session");
}

#[test]
fn one_that_only_sends_cannot_watch_nor_the_other_way_round() {
    assert!(sections("chromium_whip", Flow::ToPeer).is_empty());
    assert!(sections("chromium_whep", Flow::FromPeer).is_empty());
    let both = sections("gst_whip", Flow::ToPeer);
    assert_eq!(both.len(), 2, "GStreamer says sendrecv");
}

#[test]
fn a_refused_section_has_port_0_and_is_not_bundled() {
    let offer = read_offer(&fixture("chromium_whip")).expect("an offer");
    let mut sections = agreed(&offer, Flow::FromPeer);
    sections[0] = None;
    let text = lines(&answer(&local(), SESSION, &offer, &sections));
    assert!(text.contains("a=group:BUNDLE 1\n"), "{text}");
    assert!(
        text.contains("m=audio 0 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\n"),
        "{text}"
    );
    let video = text.split("m=video").nth(1).expect("a video section");
    assert!(
        video.contains("a=candidate:1"),
        "the first section that is left has the candidates"
    );
}

#[test]
fn h264_without_a_mode_is_taken_when_there_is_no_other() {
    let text = fixture("gst_whep").replace("packetization-mode=1;", "");
    let offer = read_offer(&text).expect("an offer");
    let section = agree(&offer.sections[0], Flow::ToPeer).expect("agreed");
    assert_eq!(payload_types(&section), "H264 42e01f 96");
    let said = read_offer(&fixture("gst_whep").replace("packetization-mode=1", "packetization-mode=0"));
    let said = said.expect("an offer");
    assert_eq!(agree(&said.sections[0], Flow::ToPeer), None);
    assert_eq!(agree(&said.sections[0], Flow::FromPeer), None, "it only receives");
}

#[test]
fn an_ice_restart_is_a_fragment() {
    let read = |text: &str| read_fragment(text);
    let within = "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
        a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\na=candidate:1 1 udp 2 192.0.2.1 4 typ host\r\n";
    let above = "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n";
    for text in [within, above] {
        let fragment = read(text).expect("a fragment");
        assert_eq!(
            (fragment.ufrag.as_str(), fragment.pwd.as_str()),
            ("ysXw", "vw5LmwG4y/e6dPP/zAP9Gp5k")
        );
    }
    let missing = read("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n").expect_err("no credentials");
    assert!(
        missing.to_string().contains("a=ice-ufrag is missing"),
        "{missing}"
    );
    let wrong = read("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nwhat\r\n").expect_err("no SDP");
    assert!(wrong.to_string().starts_with("line 2 "), "{wrong}");
    insta::assert_snapshot!(lines(&fragment(&local(), &teacher())));
}
