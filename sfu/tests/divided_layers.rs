//! A camera whose layers come under one SSRC, told by dependency descriptors: each viewer gets the one that fits, and can decode it.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod common;

use std::collections::HashSet;
use std::time::Duration;

use common::client::{Descriptor, Got};
use common::{Lesson, Line, publishing, watching};
use protocol::id::TrackId;
use str0m::format::Codec;
use str0m::media::Mid;
use str0m::rtp::{ExtensionValues, RtpWrite};

/// Bytes of a frame of each spatial layer at 25 fps: 140, 400 and 1,000 kbit/s.
const BYTES: [usize; 3] = [700, 2_000, 5_000];
const HEIGHTS: [u32; 3] = [180, 360, 720];
const PACKET: usize = 1_000;
const PICTURE: Duration = Duration::from_millis(40);

/// A teacher who sends VP9 as `L3T1_KEY`: the layers need each other in keyframes only.
struct Teacher {
    client: usize,
    mid: Mid,
    /// Packets and frames sent.
    packets: u64,
    frames: u64,
    pictures: u32,
}

/// Writes bits, the highest first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, count: u32, value: u32) {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            let set = bits.iter().enumerate().filter(|(_, bit)| **bit);
            set.fold(0, |all, (at, _)| all | 0x80 >> at)
        };
        self.0.chunks(8).map(byte).collect()
    }
}

/// Templates: key and other frames of each layer, the decode targets they are of (all with a switch), and how far back what they need is.
const TEMPLATES: [(u32, [u32; 3], Option<u32>); 6] = [
    (0, [2, 2, 2], None),
    (0, [2, 0, 0], Some(3)),
    (1, [0, 2, 2], Some(1)),
    (1, [0, 2, 0], Some(3)),
    (2, [0, 0, 2], Some(1)),
    (2, [0, 0, 2], Some(3)),
];

fn descriptor(start: bool, end: bool, template: usize, frame: u64, brings: bool) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(1, start.into());
    bits.put(1, end.into());
    bits.put(6, (template as u32 + 60) & 63);
    bits.put(16, (frame & 0xffff) as u32);
    if !brings {
        return bits.bytes();
    }
    bits.put(5, 0b10000);
    bits.put(6, 60);
    bits.put(5, 2);
    for pair in TEMPLATES.windows(2) {
        bits.put(2, if pair[1].0 > pair[0].0 { 2 } else { 0 });
    }
    bits.put(2, 3);
    for (_, indications, _) in TEMPLATES {
        for indication in indications {
            bits.put(2, indication);
        }
    }
    for (_, _, needs) in TEMPLATES {
        if let Some(back) = needs {
            bits.put(1, 1);
            bits.put(4, back - 1);
        }
        bits.put(1, 0);
    }
    // No chains; sizes.
    bits.put(2, 0);
    bits.put(1, 1);
    for height in HEIGHTS {
        bits.put(16, height * 16 / 9 - 1);
        bits.put(16, height - 1);
    }
    bits.bytes()
}

impl Teacher {
    fn join(lesson: &mut Lesson) -> (Self, TrackId, TrackId) {
        let client = lesson.client();
        lesson.clients[client].packets = true;
        let (camera, microphone) = (TrackId::new(), TrackId::new());
        lesson
            .state(client, &publishing(camera, microphone), true)
            .unwrap();
        let mid = lesson.clients[client].sends[&camera];
        let teacher = Self {
            client,
            mid,
            packets: 0,
            frames: 0,
            pictures: 0,
        };
        (teacher, camera, microphone)
    }

    fn show(&mut self, lesson: &mut Lesson) {
        let now = lesson.now;
        let client = &mut lesson.clients[self.client];
        let key = std::mem::take(&mut client.wants_keyframe);
        self.pictures += 1;
        for (layer, bytes) in BYTES.into_iter().enumerate() {
            let template = layer * 2 + usize::from(!key);
            let bytes = if key { bytes * 4 } else { bytes };
            let packets = bytes.div_ceil(PACKET);
            for packet in 0..packets {
                let (start, end) = (packet == 0, packet + 1 == packets);
                let brings = key && start && layer == 0;
                let mut values = ExtensionValues::default();
                values
                    .user_values
                    .set(Descriptor(descriptor(start, end, template, self.frames, brings)));
                // VP9's own descriptor: predicted or not, begin and end of the frame.
                let head = u8::from(!key) << 6 | u8::from(start) << 3 | u8::from(end) << 2;
                let mut payload = vec![layer as u8; bytes / packets];
                payload[0] = head;
                let media = client.rtc.media(self.mid).unwrap();
                let codecs = media.remote_pts().to_vec();
                let pt = client.rtc.codec_config().params().iter();
                let pt = pt.filter(|params| codecs.contains(&params.pt()));
                let pt = pt
                    .filter(|params| params.spec().codec == Codec::Vp9)
                    .map(|params| params.pt())
                    .next();
                let write = RtpWrite::new(
                    pt.unwrap(),
                    self.packets.into(),
                    self.pictures * 3_600,
                    now,
                    payload,
                )
                .marker(end && layer == 2)
                .ext_vals(values)
                .nackable(true);
                let mut direct = client.rtc.direct_api();
                direct.stream_tx_by_mid(self.mid, None).unwrap().write_rtp(write);
                self.packets += 1;
            }
            self.frames += 1;
        }
    }

    fn run(&mut self, lesson: &mut Lesson, duration: Duration) {
        for _ in 0..duration.as_millis() / PICTURE.as_millis() {
            self.show(lesson);
            lesson.run(PICTURE);
        }
    }
}

fn classroom(lesson: &mut Lesson, camera: TrackId, microphone: TrackId) -> usize {
    let client = lesson.client();
    lesson.clients[client].packets = true;
    lesson.state(client, &watching(camera, microphone), true).unwrap();
    client
}

fn look_at(lesson: &mut Lesson, client: usize, camera: TrackId, microphone: TrackId, height: u16) {
    let mut wish = watching(camera, microphone);
    wish.watch[0].height = height;
    assert!(lesson.state(client, &wish, false).is_none());
}

/// The layer of a packet.
fn layer(got: &Got) -> u8 {
    let template = (got.descriptor[0] & 63).wrapping_sub(60) & 63;
    template / 2
}

/// What a viewer got can be decoded, its packets have no holes, and each of its pictures has one end.
fn decodable(got: &[Got]) {
    let mut frames = HashSet::new();
    let mut got = got.to_vec();
    got.sort_by_key(|packet| packet.number);
    for pair in got.windows(2) {
        assert_eq!(pair[1].number, pair[0].number + 1, "a hole");
        assert_eq!(
            pair[0].marker,
            pair[1].time != pair[0].time,
            "the end of a picture"
        );
    }
    for packet in &got {
        let frame = u64::from(u16::from_be_bytes([packet.descriptor[1], packet.descriptor[2]]));
        let template = (packet.descriptor[0] & 63).wrapping_sub(60) & 63;
        if let Some(back) = TEMPLATES[usize::from(template)].2 {
            let needs = frame.wrapping_sub(back.into()) & 0xffff;
            assert!(frames.contains(&needs), "frame {frame} needs {needs}");
        }
        if packet.descriptor[0] & 0x40 != 0 {
            frames.insert(frame);
        }
    }
}

#[test]
fn each_viewer_gets_its_layer_and_can_decode_it() {
    // The classrooms are on other threads than the teacher, too.
    let mut lesson = Lesson::new(71, 2);
    let (mut teacher, camera, microphone) = Teacher::join(&mut lesson);
    let rooms = [180, 360, 0].map(|_| classroom(&mut lesson, camera, microphone));
    lesson.all_connected();
    teacher.run(&mut lesson, Duration::from_secs(3));
    for (room, height) in rooms.into_iter().zip([180, 360, 0]) {
        look_at(&mut lesson, room, camera, microphone, height);
    }
    teacher.run(&mut lesson, Duration::from_secs(3));
    for (room, wanted) in rooms.into_iter().zip(0..) {
        decodable(&lesson.clients[room].got);
        let last: Vec<u8> = lesson.clients[room]
            .got
            .iter()
            .rev()
            .take(20)
            .map(layer)
            .collect();
        assert!(last.iter().all(|layer| *layer == wanted), "{wanted}: {last:?}");
    }
    // And the other way around.
    for (room, height) in rooms.into_iter().zip([0, 180, 180]) {
        look_at(&mut lesson, room, camera, microphone, height);
    }
    teacher.run(&mut lesson, Duration::from_secs(3));
    for (room, wanted) in rooms.into_iter().zip([2, 0, 0]) {
        decodable(&lesson.clients[room].got);
        assert_eq!(lesson.clients[room].got.last().map(layer), Some(wanted));
    }
}

#[test]
fn a_narrow_line_has_the_layer_that_fits_and_the_best_when_it_is_wide_again() {
    let mut lesson = Lesson::new(72, 1);
    let (mut teacher, camera, microphone) = Teacher::join(&mut lesson);
    let room = classroom(&mut lesson, camera, microphone);
    lesson.clients[room].line = Line {
        rate_down: Some(3_000_000),
        ..Line::default()
    };
    lesson.all_connected();
    teacher.run(&mut lesson, Duration::from_secs(8));
    assert_eq!(lesson.clients[room].got.last().map(layer), Some(2));
    lesson.clients[room].line.rate_down = Some(600_000);
    teacher.run(&mut lesson, Duration::from_secs(8));
    lesson.forget();
    teacher.run(&mut lesson, Duration::from_secs(2));
    let got = &lesson.clients[room].got;
    assert!(
        got.len() > 90 && got.iter().all(|packet| layer(packet) == 1),
        "{}",
        got.len()
    );
    lesson.clients[room].line.rate_down = Some(3_000_000);
    teacher.run(&mut lesson, Duration::from_secs(10));
    assert_eq!(lesson.clients[room].got.last().map(layer), Some(2));
}

#[test]
fn losses_on_the_teachers_line_leave_no_holes_that_are_asked_for_in_vain() {
    let mut lesson = Lesson::new(73, 1);
    let (mut teacher, camera, microphone) = Teacher::join(&mut lesson);
    let room = classroom(&mut lesson, camera, microphone);
    lesson.all_connected();
    look_at(&mut lesson, room, camera, microphone, 180);
    teacher.run(&mut lesson, Duration::from_secs(3));
    lesson.clients[teacher.client].line.loss_up = 50;
    teacher.run(&mut lesson, Duration::from_secs(5));
    lesson.clients[teacher.client].line.loss_up = 0;
    teacher.run(&mut lesson, Duration::from_secs(2));
    let pictures: HashSet<u64> = lesson.clients[room]
        .got
        .iter()
        .map(|packet| packet.time)
        .collect();
    assert!(pictures.len() >= 240, "{} of 250 pictures", pictures.len());
    assert!(
        lesson.clients[room]
            .got
            .iter()
            .rev()
            .take(40)
            .all(|packet| layer(packet) == 0)
    );
}
