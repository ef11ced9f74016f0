//! A tap's events as frames for the recorder, in a bounded buffer that is written in batches. No I/O.

use std::collections::HashMap;

use protocol::id::{LessonId, PeerId, TrackId};
use protocol::tap::{Control, Frame, TrackKey};
use sfu::TapEvent;

use crate::room::Recorded;

/// Media beyond this waits for no recorder: packets are dropped and counted. About a minute of one lesson.
pub const BUFFER_MAX: usize = 32 << 20;

/// The stream to one recorder process.
#[derive(Debug)]
pub struct Pump {
    keys: HashMap<TrackId, TrackKey>,
    /// Tap number to its publisher; a number that is not here is of a track that is not recorded.
    up: HashMap<u32, PeerId>,
    publishers: HashMap<PeerId, u32>,
    next_publisher: u32,
    buffer: Vec<u8>,
    written: usize,
    dropped: u64,
}

impl Pump {
    /// Begins the stream of a lesson.
    #[must_use]
    pub fn new(lesson: LessonId, epoch_us: u64, tracks: &[Recorded]) -> Self {
        let mut pump = Self {
            keys: HashMap::new(),
            up: HashMap::new(),
            publishers: HashMap::new(),
            next_publisher: 1,
            buffer: Vec::new(),
            written: 0,
            dropped: 0,
        };
        pump.set_tracks(tracks);
        pump.control(Control::Begin { lesson, epoch_us });
        pump
    }

    /// These tracks are recorded from now on. Keys of before are kept for those that are still up.
    pub fn set_tracks(&mut self, tracks: &[Recorded]) {
        self.keys.extend(
            tracks
                .iter()
                .map(|recorded| (recorded.track, recorded.key.clone())),
        );
    }

    /// The lesson is over.
    pub fn finish(&mut self) {
        self.control(Control::Finish {});
    }

    /// Takes an event of the tap.
    pub fn take(&mut self, event: TapEvent) {
        match event {
            TapEvent::TrackUp {
                number,
                track,
                codec,
                peer,
            } => {
                let Some(key) = self.keys.get(&track).cloned() else {
                    return;
                };
                let publisher = self.publisher(peer);
                self.up.insert(number, peer);
                self.control(Control::TrackUp {
                    number,
                    track,
                    key,
                    codec,
                    publisher,
                });
            }
            TapEvent::TrackDown { number } => {
                if let Some(peer) = self.up.remove(&number) {
                    self.control(Control::TrackDown { number });
                    // A publisher that comes back has a new line, and so a new clock.
                    if !self.up.values().any(|other| *other == peer) {
                        self.publishers.remove(&peer);
                    }
                }
            }
            TapEvent::Rtp {
                number,
                arrival_us,
                packet,
            } if self.up.contains_key(&number) => {
                self.media(&Frame::Rtp {
                    track: number,
                    arrival_us,
                    packet,
                });
            }
            TapEvent::SenderReport {
                number,
                arrival_us,
                ntp,
                rtp,
            } if self.up.contains_key(&number) => {
                self.media(&Frame::SenderReport {
                    track: number,
                    arrival_us,
                    ntp,
                    rtp,
                });
            }
            TapEvent::Overflow { packets } => self.dropped += packets,
            TapEvent::Rtp { .. } | TapEvent::SenderReport { .. } => {}
        }
    }

    fn publisher(&mut self, peer: PeerId) -> u32 {
        let next = self.next_publisher;
        let publisher = *self.publishers.entry(peer).or_insert(next);
        if publisher == next {
            self.next_publisher += 1;
        }
        publisher
    }

    fn media(&mut self, frame: &Frame<bytes::Bytes>) {
        if self.waiting() >= BUFFER_MAX || frame.encode(&mut self.buffer).is_err() {
            self.dropped += 1;
        }
    }

    /// State is never dropped: it is little, and without it the media means nothing.
    fn control(&mut self, control: Control) {
        if let Err(error) = Frame::<&[u8]>::Control(control).encode(&mut self.buffer) {
            tracing::error!(%error, "a control frame could not be made");
        }
    }

    /// The engine's track of a number, for keyframe requests.
    #[must_use]
    pub fn is_up(&self, number: u32) -> bool {
        self.up.contains_key(&number)
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.buffer.len() - self.written
    }

    /// What is to be written next.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.written..]
    }

    /// So many bytes of [`Pump::pending`] were written.
    pub fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= self.buffer.len() {
            self.buffer.clear();
            self.written = 0;
        } else if self.written > self.buffer.len() / 2 {
            self.buffer.drain(..self.written);
            self.written = 0;
        }
    }

    /// Packets dropped since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use protocol::media::{Codec, Source};

    fn recorded(source: Source) -> Recorded {
        let key = TrackKey {
            who: "teacher".to_owned(),
            name: "王".to_owned(),
            source,
        };
        Recorded {
            track: TrackId::new(),
            key,
        }
    }

    fn frames(pump: &mut Pump) -> Vec<Frame<Vec<u8>>> {
        let bytes = pump.pending().to_vec();
        pump.wrote(bytes.len());
        let (mut rest, mut frames) = (&bytes[..], Vec::new());
        while let Some((length, body)) = rest.split_first_chunk::<2>() {
            let (body, after) = body.split_at(usize::from(u16::from_be_bytes(*length)));
            rest = after;
            frames.push(match Frame::decode(body).expect("a frame") {
                Frame::Control(control) => Frame::Control(control),
                Frame::Rtp {
                    track,
                    arrival_us,
                    packet,
                } => Frame::Rtp {
                    track,
                    arrival_us,
                    packet: packet.to_vec(),
                },
                Frame::SenderReport {
                    track,
                    arrival_us,
                    ntp,
                    rtp,
                } => Frame::SenderReport {
                    track,
                    arrival_us,
                    ntp,
                    rtp,
                },
            });
        }
        frames
    }

    fn rtp(number: u32, size: usize) -> TapEvent {
        TapEvent::Rtp {
            number,
            arrival_us: 5,
            packet: Bytes::from(vec![7; size]),
        }
    }

    #[test]
    fn tracks_come_up_with_their_keys_and_others_are_left_out() {
        let camera = recorded(Source::Camera);
        let lesson = LessonId::new();
        let mut pump = Pump::new(lesson, 42, std::slice::from_ref(&camera));
        let peer = PeerId::new();
        pump.take(TapEvent::TrackUp {
            number: 1,
            track: camera.track,
            codec: Codec::H264,
            peer,
        });
        pump.take(TapEvent::TrackUp {
            number: 2,
            track: TrackId::new(),
            codec: Codec::Opus,
            peer,
        });
        pump.take(rtp(1, 3));
        pump.take(rtp(2, 3));
        pump.take(TapEvent::TrackDown { number: 1 });
        pump.take(rtp(1, 3));
        pump.take(TapEvent::TrackUp {
            number: 3,
            track: camera.track,
            codec: Codec::H264,
            peer,
        });
        pump.finish();
        let up = |number, publisher| {
            let (track, key) = (camera.track, camera.key.clone());
            Frame::Control(Control::TrackUp {
                number,
                track,
                key,
                codec: Codec::H264,
                publisher,
            })
        };
        let expected = vec![
            Frame::Control(Control::Begin { lesson, epoch_us: 42 }),
            up(1, 1),
            Frame::Rtp {
                track: 1,
                arrival_us: 5,
                packet: vec![7; 3],
            },
            Frame::Control(Control::TrackDown { number: 1 }),
            up(3, 2),
            Frame::Control(Control::Finish {}),
        ];
        assert_eq!(frames(&mut pump), expected);
    }

    #[test]
    fn a_recorder_that_does_not_read_costs_packets_but_no_state() {
        let camera = recorded(Source::Camera);
        let mut pump = Pump::new(LessonId::new(), 0, std::slice::from_ref(&camera));
        let peer = PeerId::new();
        pump.take(TapEvent::TrackUp {
            number: 1,
            track: camera.track,
            codec: Codec::H264,
            peer,
        });
        for _ in 0..BUFFER_MAX / 60_000 + 10 {
            pump.take(rtp(1, 60_000));
        }
        pump.take(TapEvent::TrackDown { number: 1 });
        assert!(pump.waiting() < BUFFER_MAX + 100_000);
        assert!(pump.take_dropped() > 0);
        assert_eq!(pump.take_dropped(), 0);
        assert_eq!(
            frames(&mut pump).last(),
            Some(&Frame::Control(Control::TrackDown { number: 1 }))
        );
    }
}
