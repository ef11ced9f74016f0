//! SDP that is wrong: every error says where and what would do, and nothing panics.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

fn refusal(text: &str) -> String {
    read_offer(text).expect_err("a refusal").to_string()
}

#[test]
fn an_offer_that_cannot_be_used_says_what_would_do() {
    let good = fixture("chromium_whip");
    let edited = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        refusal(&good.replace(from, to))
    };
    let told = [
        refusal(""),
        refusal("hello"),
        refusal("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"),
        refusal(&"a".repeat(1_100_000)),
        refusal(&fixture("gst_unbundled")),
        edited("v=0", "v=1"),
        edited("o=- ", "o= "),
        edited("m=audio 9 ", "m=audio x "),
        edited("m=video", "m=vidéo"),
        edited(" 9 UDP/TLS", " 0 UDP/TLS"),
        edited("a=mid:1", "a=mid:0"),
        edited("a=mid:1", "a=mid:a name that is too long"),
        edited("a=rtcp-mux", "a=rtcp-max"),
        edited("a=setup:actpass", "a=setup:passive"),
        edited("a=setup:actpass", "a=nothing"),
        edited("a=fingerprint:sha-256", "a=fingerprint:sha-1"),
        edited("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 AA:"),
        edited("a=fingerprint", "a=finger"),
        edited("a=ice-ufrag", "a=ufrag"),
        edited("a=ice-pwd:", "a=ice-pwd:x\r\na=pwd:"),
        edited("a=extmap-allow-mixed", "a=ice-lite"),
        edited("a=mid:0", "a=mid:\u{7}"),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn an_answer_that_cannot_be_used_says_what_would_do() {
    let good = fixture("chromium_answer");
    let edited = |from: &str, to: &str| {
        let refused = read_answer(&good.replace(from, to), &teacher());
        refused.expect_err("a refusal").to_string()
    };
    let told = [
        read_answer(&good, &teacher()[..2])
            .expect_err("a refusal")
            .to_string(),
        edited("a=setup:active", "a=setup:passive"),
        edited("a=setup:active", "a=setup:actpass"),
        edited("a=setup:active", "a=nothing"),
        edited("a=mid:1", "a=mid:7"),
        edited("opus/48000/2", "G722/8000"),
        edited(" 9 UDP/TLS", " 0 UDP/TLS"),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn an_error_repeats_no_address_and_no_password() {
    let text = fixture("obs_whip")
        .replace("c=IN IP4 192.0.2.7", "c=IN IP9 192.0.2.7")
        .replace("a=ice-pwd:Jc0m7", "a=ice-pwd: Jc0m7");
    let told = refusal(&text);
    assert!(told.starts_with("line 14 (`c=IN…`)"), "{told}");
    assert!(!told.contains("192.0.2.7") && !told.contains("Jc0m7"), "{told}");
}

#[test]
fn a_line_cannot_be_smuggled_into_an_answer() {
    let text = fixture("chromium_whip").replace("a=mid:0", "a=mid:0\ra=ice-lite");
    assert!(refusal(&text).contains("control character"));
}

const NAMES: [&str; 9] = [
    "chromium_whip",
    "chromium_whep",
    "chromium_simulcast",
    "firefox_whip",
    "firefox_answer",
    "aiortc_whip",
    "gst_whip",
    "gst_answer",
    "obs_whip",
];

/// Everything that reads foreign text, and writes what was read.
fn exercise(text: &str) {
    let _ = read_answer(text, &teacher());
    let _ = read_fragment(text);
    let Ok(offer) = read_offer(text) else { return };
    for flow in [Flow::FromPeer, Flow::ToPeer, Flow::Inactive] {
        let sections: Vec<Option<Section>> = offer
            .sections
            .iter()
            .map(|offered| agree(offered, flow))
            .collect();
        let written = answer(&local(), SESSION, &offer, &sections);
        let again = text::parse(&written).expect("our answer can be parsed");
        assert_eq!(again.media_descriptions.len(), offer.sections.len());
        let _ = lines(&written);
    }
}

#[derive(Clone, Debug)]
enum Change {
    Drop(Index),
    Repeat(Index, Index),
    Cut(Index),
    Replace(Index, char),
    Number(Index, u64),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Change::Drop),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
        at().prop_map(Change::Cut),
        (at(), any::<char>()).prop_map(|(at, letter)| Change::Replace(at, letter)),
        (at(), any::<u64>()).prop_map(|(at, number)| Change::Number(at, number)),
    ]
}

fn apply(text: &str, change: &Change) -> String {
    let mut rows: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if rows.is_empty() {
        return String::new();
    }
    match change {
        Change::Drop(at) => {
            rows.remove(at.index(rows.len()));
        }
        Change::Repeat(from, to) => {
            let row = rows[from.index(rows.len())].clone();
            rows.insert(to.index(rows.len()), row);
        }
        Change::Cut(at) => {
            return text.chars().take(at.index(text.len())).collect();
        }
        Change::Replace(at, letter) => {
            let at = at.index(text.chars().count());
            return text
                .chars()
                .enumerate()
                .map(|(index, old)| if index == at { *letter } else { old })
                .collect();
        }
        Change::Number(at, number) => {
            let row = &mut rows[at.index(text.split_inclusive('\n').count())];
            let digits: Vec<(usize, &str)> = row
                .match_indices(|letter: char| letter.is_ascii_digit())
                .collect();
            if let Some((first, _)) = digits.first() {
                let (first, end) = (*first, first + 1);
                row.replace_range(first..end, &number.to_string());
            }
        }
    }
    rows.concat()
}

proptest! {
    #[test]
    fn random_letters_do_not_panic(text in "\\PC{0,400}") {
        exercise(&text);
    }

    #[test]
    fn random_lines_do_not_panic(rows in prop::collection::vec("[a-z]=[ -~]{0,60}", 0..40)) {
        exercise(&format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{}", rows.join("\r\n")));
    }

    #[test]
    fn changed_real_descriptions_do_not_panic(
        name in select(NAMES.to_vec()),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let text = changes.iter().fold(fixture(name), |text, change| apply(&text, change));
        exercise(&text);
    }
}
