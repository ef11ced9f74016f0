//! Our offers.

use super::*;

#[test]
fn a_teachers_offer() {
    insta::assert_snapshot!(lines(&offer(&local(), SESSION, &teacher())));
}

#[test]
fn a_section_the_client_refused_keeps_its_place_outside_the_bundle() {
    let mut sections = teacher();
    sections[1].payloads.clear();
    sections[1].flow = Flow::Inactive;
    let text = lines(&offer(&local(), SESSION, &sections));
    assert!(text.contains("a=group:BUNDLE 0 2 3 4\n"), "{text}");
    assert!(
        text.contains("m=video 0 UDP/TLS/RTP/SAVPF 0\nc=IN IP4 0.0.0.0\na=mid:1\na=inactive\n"),
        "{text}"
    );
}

#[test]
fn the_candidates_are_said_once_and_that_there_are_no_others() {
    let text = offer(&local(), SESSION, &teacher());
    assert_eq!(text.matches("a=candidate:").count(), 4);
    assert_eq!(text.matches("a=end-of-candidates").count(), 1);
    assert_eq!(text.matches("a=ice-ufrag:Tk7m").count(), 5);
}

#[test]
fn udp_is_preferred_to_tcp_and_ipv4_to_ipv6() {
    let candidates = |local: &LocalTransport| -> Vec<(String, u32, String)> {
        let text = offer(local, SESSION, &teacher());
        let lines = text.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
        lines
            .map(|line| {
                let fields: Vec<&str> = line.split(' ').collect();
                (
                    fields[2].to_owned(),
                    fields[3].parse().expect("a number"),
                    fields[4].to_owned(),
                )
            })
            .collect()
    };
    let told = candidates(&local());
    assert!(told.is_sorted_by(|a, b| a.1 > b.1), "{told:?}");
    let kinds: Vec<(&str, &str)> = told
        .iter()
        .map(|(kind, _, ip)| (kind.as_str(), ip.as_str()))
        .collect();
    let (four, six) = ("192.0.2.10", "2001:db8::10");
    assert_eq!(kinds, [("udp", four), ("udp", six), ("tcp", four), ("tcp", six)]);
    let without = LocalTransport {
        tcp: false,
        ..local()
    };
    assert!(candidates(&without).iter().all(|(kind, ..)| kind == "udp"));
}

#[test]
fn a_start_bitrate_is_asked_for_where_the_client_sends_video() {
    let text = offer(&local(), SESSION, &teacher());
    for section in text.split("m=").skip(1) {
        let wanted = section.starts_with("video") && section.contains("a=recvonly");
        assert_eq!(section.contains("x-google-start-bitrate"), wanted, "{section}");
    }
}

#[test]
fn simulcast_is_asked_for_only_when_it_is_wanted() {
    let mut sections = teacher();
    assert!(!offer(&local(), SESSION, &sections).contains("simulcast"));
    sections[1].rids = vec!["q".to_owned(), "f".to_owned()];
    let text = lines(&offer(&local(), SESSION, &sections));
    assert!(
        text.contains("a=rid:q recv\na=rid:f recv\na=simulcast:recv q;f\n"),
        "{text}"
    );
}

#[test]
fn bundled_sections_use_one_number_for_one_extension_and_one_payload() {
    let (audio, video) = (
        offered_extensions(MediaKind::Audio),
        offered_extensions(MediaKind::Video),
    );
    assert_eq!(
        (audio.mid, audio.transport_cc, audio.abs_send_time),
        (video.mid, video.transport_cc, video.abs_send_time)
    );
    let mut types: Vec<u8> = [MediaKind::Audio, MediaKind::Video]
        .into_iter()
        .flat_map(offered_payloads)
        .flat_map(|payload| [Some(payload.pt), payload.rtx_pt, payload.red_pt])
        .flatten()
        .collect();
    let count = types.len();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), count, "a payload type is used twice");
    // With RTCP on the same port 64 to 95 would be taken for RTCP (RFC 5761 §4).
    assert!(types.iter().all(|pt| !(64..96).contains(pt)));
}
