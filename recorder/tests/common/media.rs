//! Media with a flash and a beep at the same moments, as RTP packets.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

use super::av1;

/// A flash and a beep every so often...
pub const EVERY_US: u64 = 5_000_000;
/// ...the first at this time...
pub const FIRST_US: u64 = 1_000_000;
/// ...and so long.
pub const LONG_US: u64 = 200_000;

/// A packet of media.
#[derive(Clone)]
pub struct Packet {
    /// Time of capture from the beginning of the media.
    pub at_us: u64,
    pub bytes: Vec<u8>,
}

/// Packets of a stream.
#[derive(Clone)]
pub struct Media {
    pub packets: Vec<Packet>,
    rate: u64,
    base: u32,
}

impl Media {
    /// RTP time of a time of capture.
    pub fn timestamp(&self, at_us: u64) -> u32 {
        let ticks = u32::try_from((at_us * self.rate / 1_000_000) & 0xffff_ffff).expect("masked");
        self.base.wrapping_add(ticks)
    }

    /// Puts the media `by_us` later on the same RTP clock, `sequences` numbers farther.
    pub fn shift(&mut self, by_us: u64, sequences: u16) {
        for index in 0..self.packets.len() {
            let at_us = self.packets[index].at_us + by_us;
            let timestamp = self.timestamp(at_us);
            let packet = &mut self.packets[index];
            packet.at_us = at_us;
            let sequence = u16::from_be_bytes([packet.bytes[2], packet.bytes[3]]).wrapping_add(sequences);
            packet.bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
            packet.bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        }
    }

    /// What a sender report at `at_us` says: RTP time and wall time, if the media clock is fast by `drift_ppm`.
    pub fn report(&self, at_us: u64, drift_ppm: i64) -> (u32, u64) {
        let drifted = at_us.saturating_add_signed(at_us.cast_signed() * drift_ppm / 1_000_000);
        (self.timestamp(drifted), at_us)
    }
}

/// Whether there is a flash and a beep at this time.
pub fn is_on(at_us: u64) -> bool {
    at_us >= FIRST_US && (at_us - FIRST_US) % EVERY_US < LONG_US
}

/// What a video is like.
#[derive(Clone, Copy)]
pub struct Video {
    pub width: usize,
    pub height: usize,
    pub fps: u64,
    pub seconds: u64,
    /// Time of its first picture on the clock of flashes.
    pub clock_us: u64,
    pub ssrc: u32,
    /// Side of a noisy corner in pixels.
    pub noise: usize,
    pub encoder: &'static str,
}

impl Default for Video {
    fn default() -> Self {
        Self {
            width: 320,
            height: 180,
            fps: 25,
            seconds: 10,
            clock_us: 0,
            ssrc: 11,
            noise: 0,
            encoder: "openh264enc gop-size=50 complexity=low ! h264parse ! rtph264pay config-interval=-1",
        }
    }
}

/// Pictures with a moving bar that turn white for each flash.
pub fn video(video: Video) -> Media {
    let line = format!(
        "{} name=pay mtu=1200 pt=96 ssrc={} timestamp-offset={} seqnum-offset=65000",
        video.encoder,
        video.ssrc,
        base(video.ssrc)
    );
    let (caps, frames) = pictures(video);
    encode(&line, &caps, frames, 90_000, base(video.ssrc))
}

/// The same in AV1, for which GStreamer 1.22 has no payloader: each OBU goes into packets of its own.
pub fn video_av1(video: Video) -> Media {
    const LINE: &str = "av1enc usage-profile=realtime cpu-used=8 lag-in-frames=0 keyframe-max-dist=50 ! av1parse ! \
                        video/x-av1,stream-format=obu-stream,alignment=tu";
    let (caps, frames) = pictures(video);
    let mut packets: Vec<Packet> = Vec::new();
    for (at_us, keyframe, unit) in run(LINE, &caps, frames) {
        let mut payloads = av1::payloads(&unit, keyframe);
        let last = payloads.len() - 1;
        for (index, payload) in payloads.drain(..).enumerate() {
            let sequence = u16::try_from((65_000 + packets.len()) % 65_536).expect("wrapped");
            let ticks = u32::try_from(at_us * 90_000 / 1_000_000).expect("short");
            let mut bytes = vec![0x80, 96 | u8::from(index == last) << 7];
            bytes.extend_from_slice(&sequence.to_be_bytes());
            bytes.extend_from_slice(&base(video.ssrc).wrapping_add(ticks).to_be_bytes());
            bytes.extend_from_slice(&video.ssrc.to_be_bytes());
            bytes.extend_from_slice(&payload);
            packets.push(Packet { at_us, bytes });
        }
    }
    Media {
        packets,
        rate: 90_000,
        base: base(video.ssrc),
    }
}

type Frames = Box<dyn Iterator<Item = (u64, u64, Vec<u8>)> + Send>;

fn pictures(video: Video) -> (gst::Caps, Frames) {
    recorder::init().expect("GStreamer is installed");
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", i32::try_from(video.width).expect("small"))
        .field("height", i32::try_from(video.height).expect("small"))
        .field(
            "framerate",
            gst::Fraction::new(i32::try_from(video.fps).expect("small"), 1),
        )
        .build();
    let frames = (0..video.seconds * video.fps).map(move |index| {
        let at_us = index * 1_000_000 / video.fps;
        (
            at_us,
            1_000_000 / video.fps,
            picture(video, index, is_on(video.clock_us + at_us)),
        )
    });
    (caps, Box::new(frames))
}

fn picture(video: Video, index: u64, on: bool) -> Vec<u8> {
    let luma = video.width * video.height;
    let mut pixels = vec![if on { 235 } else { 32 }; luma];
    if !on {
        let bar = usize::try_from(index).expect("small") * 4 % video.width;
        for row in pixels.chunks_exact_mut(video.width) {
            row[bar..(bar + 4).min(video.width)].fill(100);
        }
        // A noisy corner, as a camera's picture is.
        let mut noise = index + 1;
        for row in pixels.chunks_exact_mut(video.width).take(video.noise) {
            for pixel in &mut row[..video.noise] {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *pixel = 96 + u8::try_from(noise >> 58).expect("six bits");
            }
        }
    }
    pixels.resize(luma * 3 / 2, 128);
    pixels
}

fn base(ssrc: u32) -> u32 {
    ssrc.wrapping_mul(0x9e37_79b1)
}

/// Sound with a beep for each flash, in packets of 20 ms.
pub fn audio(seconds: u64, clock_us: u64, ssrc: u32) -> Media {
    recorder::init().expect("GStreamer is installed");
    let line = format!(
        "audioconvert ! opusenc complexity=1 bitrate=32000 ! rtpopuspay pt=96 ssrc={ssrc} timestamp-offset={} \
         seqnum-offset=65500",
        base(ssrc)
    );
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("layout", "interleaved")
        .field("rate", 48_000)
        .field("channels", 2)
        .build();
    let frames = (0..seconds * 50).map(move |index| {
        let mut samples = Vec::with_capacity(960 * 4);
        for sample in 0..960_u64 {
            let at_us = index * 20_000 + sample * 1_000_000 / 48_000;
            // A square wave of 1 kHz.
            let high = (at_us / 500).is_multiple_of(2);
            let level: i16 = match (is_on(clock_us + at_us), high) {
                (true, true) => 12_000,
                (true, false) => -12_000,
                (false, _) => 0,
            };
            samples.extend_from_slice(&level.to_le_bytes());
            samples.extend_from_slice(&level.to_le_bytes());
        }
        (index * 20_000, 20_000, samples)
    });
    encode(&line, &caps, Box::new(frames), 48_000, base(ssrc))
}

fn encode(line: &str, caps: &gst::Caps, frames: Frames, rate: u64, base: u32) -> Media {
    let packets: Vec<Packet> = run(line, caps, frames)
        .into_iter()
        .map(|(_, _, bytes)| {
            let timestamp = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
            let ticks = u64::from(timestamp.wrapping_sub(base));
            Packet {
                at_us: ticks * 1_000_000 / rate,
                bytes,
            }
        })
        .collect();
    assert!(!packets.is_empty(), "nothing was encoded");
    Media { packets, rate, base }
}

/// What comes out of a line of elements: time, whether it needs no other, and bytes of each buffer.
fn run(line: &str, caps: &gst::Caps, frames: Frames) -> Vec<(u64, bool, Vec<u8>)> {
    let line = match caps.structure(0).map(|s| s.name().as_str()) {
        Some("video/x-raw") => format!("videoconvert ! {line}"),
        _ => line.to_owned(),
    };
    let line = format!(
        "appsrc name=in format=time block=true max-bytes=4000000 ! {line} ! appsink name=out sync=false"
    );
    let pipeline = gst::parse::launch(&line).expect("elements are installed");
    let bin = pipeline.downcast_ref::<gst::Bin>().expect("several elements");
    let source: AppSrc = bin.by_name("in").and_then(|e| e.downcast().ok()).expect("named");
    let sink: AppSink = bin.by_name("out").and_then(|e| e.downcast().ok()).expect("named");
    source.set_caps(Some(caps));
    pipeline.set_state(gst::State::Playing).expect("plays");
    let out = std::thread::scope(|scope| {
        scope.spawn(move || {
            for (at_us, long_us, bytes) in frames {
                let mut buffer = gst::Buffer::from_mut_slice(bytes);
                let writable = buffer.get_mut().expect("new");
                writable.set_pts(gst::ClockTime::from_useconds(at_us));
                writable.set_duration(gst::ClockTime::from_useconds(long_us));
                source.push_buffer(buffer).expect("encodes");
            }
            source.end_of_stream().expect("ends");
        });
        let mut out = Vec::new();
        while let Ok(sample) = sink.pull_sample() {
            let buffer = sample.buffer().expect("has a buffer");
            let at_us = buffer.pts().map_or(0, gst::ClockTime::useconds);
            let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            let bytes = buffer.map_readable().expect("readable").to_vec();
            out.push((at_us, keyframe, bytes));
        }
        out
    });
    pipeline.set_state(gst::State::Null).expect("stops");
    out
}
