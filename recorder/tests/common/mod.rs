//! Flash-and-beep lessons for the recorder, and a judge of what it wrote.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate of its own and uses a part of this"
)]

pub mod av1;
pub mod judge;
pub mod media;
pub mod process;

use protocol::id::{LessonId, TrackId};
use protocol::media::{Codec, Source};
use protocol::tap::{Control, Frame, Status, TrackKey};
use recorder::{Options, Recorder};

/// Unix time of class time zero in every test.
pub const EPOCH_US: u64 = 1_800_000_000_000_000;
/// The publishers' NTP clocks are off by this.
const NTP_US: u64 = 4_000_000_000_000_000;

/// What happens in a lesson, by time of arrival.
#[derive(Clone, Default)]
pub struct Lesson {
    events: Vec<(u64, Frame<Vec<u8>>)>,
}

/// How a publisher's packets get to the engine.
#[derive(Clone, Copy, Default)]
pub struct Path {
    pub delay_us: u64,
    /// Each packet is late by up to so much, so that packets overtake each other.
    pub jitter_us: u64,
    /// Parts per million by which the publisher's media clock is fast against its wall clock.
    pub drift_ppm: i64,
    /// No sender reports.
    pub mute_reports: bool,
}

pub fn lesson_id() -> LessonId {
    LessonId("01890000-0000-7000-8000-000000000001".parse().expect("a UUID"))
}

pub fn teacher(source: Source) -> TrackKey {
    TrackKey {
        who: "teacher".into(),
        name: "Teacher".into(),
        source,
    }
}

fn ntp(us: u64) -> u64 {
    u64::try_from((u128::from(us) << 32).div_ceil(1_000_000)).expect("fits")
}

impl Lesson {
    pub fn begin() -> Self {
        let mut lesson = Self::default();
        lesson.control(
            0,
            Control::Begin {
                lesson: lesson_id(),
                epoch_us: EPOCH_US,
            },
        );
        lesson
    }

    pub fn control(&mut self, at_us: u64, control: Control) {
        self.events.push((at_us, Frame::Control(control)));
    }

    pub fn up(&mut self, at_us: u64, number: u32, source: Source, codec: Codec) {
        self.control(
            at_us,
            Control::TrackUp {
                number,
                track: TrackId::new(),
                key: teacher(source),
                codec,
                publisher: 1,
            },
        );
    }

    /// Media captured from class time `from_us` on, sent by `path`. Packets for which `lost` says so do not arrive.
    pub fn media(
        &mut self,
        number: u32,
        media: &media::Media,
        from_us: u64,
        path: Path,
        lost: impl Fn(u64) -> bool,
    ) {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(number);
        let mut report_us = 0;
        for packet in &media.packets {
            let at_us = from_us + packet.at_us;
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let late_us = if path.jitter_us == 0 {
                0
            } else {
                random % path.jitter_us
            };
            let arrival_us = at_us + path.delay_us + late_us;
            let drifted = |us: u64| us.saturating_add_signed(us.cast_signed() * path.drift_ppm / 1_000_000);
            if packet.at_us >= report_us && !path.mute_reports {
                let (rtp, sent_us) = media.report(packet.at_us, path.drift_ppm);
                self.events.push((
                    at_us + path.delay_us + 30_000,
                    Frame::SenderReport {
                        track: number,
                        arrival_us: EPOCH_US + at_us + path.delay_us + 30_000,
                        ntp: ntp(NTP_US + from_us + sent_us),
                        rtp,
                    },
                ));
                report_us = packet.at_us + 1_000_000;
            }
            if lost(at_us) {
                continue;
            }
            let mut bytes = packet.bytes.clone();
            if path.drift_ppm != 0 {
                let timestamp = media.timestamp(drifted(packet.at_us));
                bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
            }
            self.events.push((
                arrival_us,
                Frame::Rtp {
                    track: number,
                    arrival_us: EPOCH_US + arrival_us,
                    packet: bytes,
                },
            ));
        }
    }

    /// The same lesson without what arrives outside of `from_us..to_us`.
    pub fn between(&self, from_us: u64, to_us: u64) -> Self {
        let keep = |(at_us, _): &&(u64, Frame<Vec<u8>>)| (from_us..to_us).contains(at_us);
        Self {
            events: self.events.iter().filter(keep).cloned().collect(),
        }
    }

    /// What a recorder gets that is started at `from_us`: first the lesson and the tracks that are up by then, and the
    /// last reports.
    pub fn again(&self, from_us: u64) -> Self {
        let control =
            |(at_us, frame): &&(u64, Frame<Vec<u8>>)| *at_us < from_us && matches!(frame, Frame::Control(_));
        let mut events: Vec<(u64, Frame<Vec<u8>>)> = self.events.iter().filter(control).cloned().collect();
        events.extend(self.between(from_us, u64::MAX).events);
        events
            .iter_mut()
            .for_each(|(at_us, _)| *at_us = (*at_us).max(from_us));
        Self { events }
    }

    /// In order of arrival.
    pub fn frames(&self) -> Vec<(u64, Frame<Vec<u8>>)> {
        let mut events = self.events.clone();
        events.sort_by_key(|(at_us, _)| *at_us);
        events
    }

    /// Encoded as on a recorder's standard input.
    pub fn stream(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (_, frame) in self.frames() {
            frame.encode(&mut out).expect("short enough");
        }
        out
    }

    /// Everything goes through `recorder`, which is told that time went on to `end_us`.
    pub fn play(&self, recorder: &mut Recorder, end_us: u64) -> Vec<Status> {
        let mut said = Vec::new();
        for (_, frame) in self.frames() {
            let mut body = Vec::new();
            frame.encode(&mut body).expect("short enough");
            recorder.take(&body[2..]).expect("goes on");
            said.extend(std::iter::from_fn(|| recorder.poll_status()));
        }
        recorder.tick(EPOCH_US + end_us).expect("goes on");
        said.extend(std::iter::from_fn(|| recorder.poll_status()));
        said
    }
}

/// A recorder on a disk with room.
pub fn open(dir: &std::path::Path) -> Recorder {
    recorder::init().expect("GStreamer is installed");
    let options = Options {
        reserve_bytes: 0,
        free_space: Box::new(|_| Some(1 << 40)),
    };
    Recorder::open(dir, options).expect("opens")
}
