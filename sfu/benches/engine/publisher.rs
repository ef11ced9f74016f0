//! The teacher, and a few viewers beside it who decrypt all and tell how late sound is.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use str0m::format::Codec;
use str0m::media::{Frequency, MediaTime, Mid};
use str0m::{Event, Rtc};

use crate::client::{self, Client, PATIENCE};
use crate::report::Latency;
use crate::wire::Engine;

/// 1.5 Mbit/s at 25 fps.
pub const FRAME_BYTES: usize = 7_500;
pub const FRAME_EVERY: Duration = Duration::from_millis(40);
/// What a packetiser puts into one packet.
pub const PACKET_BYTES: usize = 1_100;
/// 32 kbit/s of Opus.
pub const AUDIO_BYTES: usize = 80;
pub const AUDIO_EVERY: Duration = Duration::from_millis(20);
/// Viewers who decrypt.
pub const SAMPLES: usize = 5;

const CAMERA: &str = "0";
const MICROPHONE: &str = "1";

/// See the module.
pub struct Studio {
    poll: Poll,
    teacher: Client,
    samples: Vec<Client>,
    buffer: Vec<u8>,
    epoch: Instant,
    frame_at: Instant,
    sound_at: Instant,
    frames: u64,
    sounds: u64,
    measuring: bool,
    late_us: Vec<u64>,
}

impl Studio {
    /// Joins, and waits until connected.
    pub fn open(engine: &mut Engine) -> Self {
        let poll = Poll::new().expect("a poll");
        let teacher = Client::join(engine, true, poll.registry(), SAMPLES);
        let samples = (0..SAMPLES)
            .map(|token| Client::join(engine, false, poll.registry(), token))
            .collect();
        let now = Instant::now();
        let mut studio = Self {
            poll,
            teacher,
            samples,
            buffer: client::buffer(),
            epoch: now,
            frame_at: now,
            sound_at: now,
            frames: 0,
            sounds: 0,
            measuring: false,
            late_us: Vec::new(),
        };
        while !(studio.teacher.connected && studio.samples.iter().all(|sample| sample.connected)) {
            assert!(now.elapsed() < PATIENCE, "the teacher did not connect");
            studio.wait(Duration::from_millis(5));
        }
        studio
    }

    /// Takes what came, without teaching.
    pub fn turn(&mut self) {
        self.wait(Duration::ZERO);
    }

    /// Lateness is noted from now on, or no longer.
    pub fn measure(&mut self, on: bool) {
        self.measuring = on;
    }

    /// Where the viewers beside the teacher are.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.samples.iter().map(Client::address).collect()
    }

    /// Takes what comes while something else is done.
    pub fn during<T: Send>(&mut self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let working = scope.spawn(work);
            while !working.is_finished() {
                self.wait(Duration::from_millis(10));
            }
            working.join().expect("it is done")
        })
    }

    /// Sends picture and sound for so long.
    pub fn teach(&mut self, duration: Duration) {
        let begin = Instant::now();
        (self.frame_at, self.sound_at) = (begin, begin + AUDIO_EVERY / 2);
        while begin.elapsed() < duration {
            let next = self.frame_at.min(self.sound_at).min(self.teacher.due);
            self.wait(next.saturating_duration_since(Instant::now()));
            let now = Instant::now();
            if self.frame_at <= now {
                self.frame_at += FRAME_EVERY;
                self.show(now);
            }
            if self.sound_at <= now {
                self.sound_at += AUDIO_EVERY;
                self.say(now);
            }
        }
    }

    fn show(&mut self, now: Instant) {
        self.frames += 1;
        // A slice after a start code; a keyframe every 2 s.
        let kind = if self.frames % 50 == 1 { 0x65 } else { 0x41 };
        let mut data = vec![0x55; FRAME_BYTES];
        data[..5].copy_from_slice(&[0, 0, 0, 1, kind]);
        let time = MediaTime::new(self.frames * 3_600, Frequency::NINETY_KHZ);
        self.write(CAMERA, Codec::H264, now, time, data);
    }

    fn say(&mut self, now: Instant) {
        self.sounds += 1;
        let mut data = vec![0x55; AUDIO_BYTES];
        let at = u64::try_from(now.duration_since(self.epoch).as_micros()).expect("a short run");
        data[..8].copy_from_slice(&at.to_be_bytes());
        let time = MediaTime::new(self.sounds * 960, Frequency::FORTY_EIGHT_KHZ);
        self.write(MICROPHONE, Codec::Opus, now, time, data);
    }

    fn write(&mut self, mid: &str, codec: Codec, now: Instant, time: MediaTime, data: Vec<u8>) {
        let writer = self
            .teacher
            .rtc
            .writer(Mid::from(mid))
            .expect("the section is there");
        let pt = writer
            .payload_params()
            .find(|params| params.spec().codec == codec)
            .map(|params| params.pt())
            .expect("the codec was agreed on");
        writer.write(pt, now, time, data).expect("media is taken");
        self.teacher.turn(&mut |_, _| {});
    }

    fn wait(&mut self, longest: Duration) {
        let mut events = Events::with_capacity(64);
        // Interrupted: the next turn waits again.
        let _ = self.poll.poll(&mut events, Some(longest));
        let Self {
            teacher,
            samples,
            buffer,
            epoch,
            measuring,
            late_us,
            ..
        } = self;
        for event in &events {
            let client = samples.get_mut(event.token().0).unwrap_or(&mut *teacher);
            client.receive(buffer, |client, source, datagram| {
                client.take(source, datagram, &mut |_: &mut Rtc, event| {
                    let Event::MediaData(media) = event else {
                        return;
                    };
                    let sent = media.data.first_chunk::<8>().map(|at| u64::from_be_bytes(*at));
                    if let (Some(sent), true, AUDIO_BYTES) = (sent, *measuring, media.data.len()) {
                        let now = u64::try_from(epoch.elapsed().as_micros()).expect("a short run");
                        late_us.push(now.saturating_sub(sent));
                    }
                });
            });
        }
        let now = Instant::now();
        for client in samples
            .iter_mut()
            .chain([teacher])
            .filter(|client| client.due <= now)
        {
            client.turn(&mut |_, _| {});
        }
    }

    /// How late sound was.
    pub fn latency(mut self) -> Latency {
        self.late_us.sort_unstable();
        let at = |part: usize| {
            let index = (self.late_us.len() * part).div_ceil(100).saturating_sub(1);
            self.late_us.get(index).copied().unwrap_or(0)
        };
        Latency {
            p50_us: at(50),
            p99_us: at(99),
            samples: self.late_us.len(),
        }
    }
}
