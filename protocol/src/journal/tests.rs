use super::*;
use crate::id::LessonId;
use crate::media::Source;
use crate::tap::TrackKey;
use proptest::prelude::*;

fn key() -> TrackKey {
    TrackKey {
        who: "teacher".into(),
        name: "李老师".into(),
        source: Source::Camera,
    }
}

fn init(offset: u64) -> Entry {
    Entry::Init(Init {
        track: 0,
        offset,
        length: 100,
        codecs: "avc1.42e01f".into(),
        width: 640,
        height: 360,
    })
}

fn part(offset: u64, at_us: u64, first: bool, last: bool) -> Entry {
    Entry::Part(Part {
        track: 0,
        offset,
        length: 50,
        at_us,
        duration_us: 200_000,
        samples: 6,
        first,
        last,
        independent: first,
        filled: false,
    })
}

fn sample() -> Vec<Entry> {
    vec![
        Entry::Begin {
            version: VERSION,
            lesson: LessonId("01890000-0000-7000-8000-000000000001".parse().expect("a UUID")),
            epoch_us: 1_700_000_000_000_000,
        },
        Entry::Track { track: 0, key: key() },
        init(0),
        part(100, 0, true, false),
        part(150, 200_000, false, true),
        part(200, 400_000, true, false),
        Entry::Interrupted(Interruption {
            from_us: 600_000,
            to_us: 900_000,
            cause: Cause::Restart,
        }),
        Entry::Truncate {
            track: 0,
            length: 250,
        },
        Entry::Close { duration_us: 600_000 },
    ]
}

fn lines(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    entries.iter().for_each(|entry| entry.write_line(&mut out));
    out
}

#[test]
fn lines_are_as_they_were() {
    let text = String::from_utf8(lines(&sample())).expect("JSON is UTF-8");
    insta::assert_snapshot!(text, @r#"
    {"type":"begin","version":1,"lesson":"01890000-0000-7000-8000-000000000001","epoch_us":1700000000000000}
    {"type":"track","track":0,"key":{"who":"teacher","name":"李老师","source":"camera"}}
    {"type":"init","track":0,"offset":0,"length":100,"codecs":"avc1.42e01f","width":640,"height":360}
    {"type":"part","track":0,"offset":100,"length":50,"at_us":0,"duration_us":200000,"samples":6,"first":true,"independent":true}
    {"type":"part","track":0,"offset":150,"length":50,"at_us":200000,"duration_us":200000,"samples":6,"last":true}
    {"type":"part","track":0,"offset":200,"length":50,"at_us":400000,"duration_us":200000,"samples":6,"first":true,"independent":true}
    {"type":"interrupted","from_us":600000,"to_us":900000,"cause":"restart"}
    {"type":"truncate","track":0,"length":250}
    {"type":"close","duration_us":600000}
    "#);
}

#[test]
fn segments_follow_from_parts() {
    let recording = Recording::read(&lines(&sample()));
    let track = &recording.tracks[0];
    assert_eq!(track.segments.len(), 2);
    assert_eq!(track.segments[0].range(), (100, 100));
    assert_eq!(track.segments[0].duration_us(), 400_000);
    assert!(track.segments.iter().all(|segment| segment.complete));
    assert_eq!(track.spans_us(), vec![[0, 600_000]]);
    assert_eq!(recording.closed, Some(600_000));
    assert_eq!(recording.bytes(), 250);
}

#[test]
fn a_part_after_the_close_opens_it_again() {
    let mut entries = sample();
    entries.push(part(250, 900_000, true, false));
    let recording = Recording::read(&lines(&entries));
    assert_eq!(recording.closed, None);
    assert_eq!(recording.duration_us(), 1_100_000);
    assert!(!recording.tracks[0].segments[2].complete);
}

#[test]
fn a_new_init_ends_the_segment() {
    let mut entries = sample();
    entries.truncate(6);
    entries.push(init(250));
    entries.push(part(350, 600_000, false, false));
    let recording = Recording::read(&lines(&entries));
    let inits: Vec<usize> = recording.tracks[0].segments.iter().map(|s| s.init).collect();
    assert_eq!(inits, vec![0, 0, 1]);
}

#[test]
fn truncation_voids_what_is_behind_it() {
    let mut entries = sample();
    entries.push(Entry::Truncate {
        track: 0,
        length: 170,
    });
    let recording = Recording::read(&lines(&entries));
    assert_eq!(recording.duration_us(), 200_000);
    assert!(recording.tracks[0].segments[0].complete);
}

#[test]
fn an_unreadable_line_is_skipped_and_counted() {
    let mut reader = Reader::default();
    let mut seen = 0;
    reader.feed(
        b"{\"type\":\"unknown\"}\nrubbish\n{\"type\":\"close\",\"duration_us\":1}\n{",
        |_| seen += 1,
    );
    assert_eq!((seen, reader.bad_lines()), (1, 2));
}

proptest! {
    #[test]
    fn pieces_read_as_the_whole(cuts in proptest::collection::vec(0_usize..900, 0..6), torn in 0_usize..60) {
        let mut bytes = lines(&sample());
        bytes.truncate(bytes.len() - torn);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut reader = Reader::default();
        let mut recording = Recording::default();
        for pair in cuts.windows(2) {
            reader.feed(&bytes[pair[0]..pair[1]], |entry| recording.apply(entry));
        }
        let newline = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        prop_assert_eq!(reader.whole_bytes(), newline as u64);
        prop_assert_eq!(recording, Recording::read(&bytes[..newline]));
    }
}
