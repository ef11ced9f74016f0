//! RTP packets to frames, by GStreamer. The elements stand without a pipeline and without threads: a packet pushed in comes
//! out as a frame before the push returns, so that a recorder's time is only that of its input.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use protocol::media::Codec;

use crate::av1::Assembler;
use crate::error::Error;
use crate::reorder::Ordered;
use crate::rtp;

/// GStreamer's times are not negative and class time can be: it is shifted by so much on the way through.
const SHIFT_US: i64 = 1_000_000_000;

/// A picture or a packet of sound.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Class time in microseconds.
    pub(crate) at_us: i64,
    pub(crate) caps: gst::Caps,
    pub(crate) data: gst::Buffer,
    /// It needs no other frame.
    pub(crate) independent: bool,
}

#[derive(Default)]
struct Out {
    caps: Option<gst::Caps>,
    frames: VecDeque<Frame>,
}

/// See the module.
pub(crate) struct Depay {
    source: gst::Pad,
    // The pad at the end lives as long as the chain.
    sink: gst::Pad,
    elements: Vec<gst::Element>,
    out: Arc<Mutex<Out>>,
    wants_keyframe: Arc<AtomicBool>,
    sequence: u16,
    /// AV1: what GStreamer has no depayloader for.
    av1: Option<Assembler>,
}

/// H264 as it is written: parameter sets in the init segment, a whole picture in a buffer.
const H264_CAPS: &str = "video/x-h264,stream-format=avc,alignment=au";

fn element(name: &str, properties: &[(&str, &str)]) -> Result<gst::Element, Error> {
    let mut builder = gst::ElementFactory::make(name);
    for (key, value) in properties {
        builder = builder.property_from_str(key, value);
    }
    builder.build().map_err(|_| Error::Element(name.to_owned()))
}

fn filter(caps: &str) -> Result<gst::Element, Error> {
    element("capsfilter", &[("caps", caps)])
}

/// From pictures to H264 of the constrained baseline profile.
pub(crate) fn encoder() -> Result<Vec<gst::Element>, Error> {
    Ok(vec![
        element("videoconvert", &[])?,
        filter("video/x-raw,format=I420")?,
        element(
            "openh264enc",
            &[("gop-size", "60"), ("complexity", "low"), ("bitrate", "1500000")],
        )?,
        element("h264parse", &[])?,
        filter(H264_CAPS)?,
    ])
}

fn chain(codec: Codec) -> Result<(&'static str, Vec<gst::Element>), Error> {
    let wait = [("wait-for-keyframe", "true"), ("request-keyframe", "true")];
    let decoded = |depay: &str, decoder: &str| -> Result<Vec<gst::Element>, Error> {
        let mut elements = vec![element(depay, &wait)?, element(decoder, &[])?];
        elements.extend(encoder()?);
        Ok(elements)
    };
    match codec {
        Codec::H264 => Ok((
            "H264",
            vec![
                element("rtph264depay", &wait)?,
                filter(H264_CAPS)?,
                element("h264parse", &[])?,
                filter(H264_CAPS)?,
            ],
        )),
        Codec::Vp8 => Ok(("VP8", decoded("rtpvp8depay", "vp8dec")?)),
        Codec::Vp9 => Ok(("VP9", decoded("rtpvp9depay", "vp9dec")?)),
        Codec::Av1 => {
            let mut elements = vec![element("av1parse", &[])?, element("av1dec", &[])?];
            elements.extend(encoder()?);
            Ok(("AV1", elements))
        }
        Codec::Opus => Err(Error::Codec(codec)),
    }
}

/// What goes into the chain.
fn input_caps(codec: Codec, name: &str) -> gst::Caps {
    if codec == Codec::Av1 {
        return gst::Caps::builder("video/x-av1")
            .field("stream-format", "obu-stream")
            .field("alignment", "tu")
            .build();
    }
    gst::Caps::builder("application/x-rtp")
        .field("media", "video")
        .field("clock-rate", codec.clock_rate().cast_signed())
        .field("encoding-name", name)
        .field("payload", 96)
        .build()
}

impl Depay {
    /// A chain for a video codec.
    ///
    /// # Errors
    ///
    /// When an element is not installed, or the codec cannot be recorded.
    pub(crate) fn new(codec: Codec) -> Result<Self, Error> {
        let (name, elements) = chain(codec)?;
        let mut depay = Self::over(elements, &input_caps(codec, name))?;
        depay.av1 = (codec == Codec::Av1).then(Assembler::default);
        Ok(depay)
    }

    /// Links `elements` between two pads of our own. What is pushed in has `caps`.
    pub(crate) fn over(elements: Vec<gst::Element>, caps: &gst::Caps) -> Result<Self, Error> {
        let out = Arc::new(Mutex::new(Out::default()));
        let wants_keyframe = Arc::new(AtomicBool::new(false));
        let source = source_pad(&wants_keyframe);
        let sink = sink_pad(&out);
        let links = || -> Result<(), Box<dyn std::error::Error>> {
            let static_pad = |element: &gst::Element, name| element.static_pad(name).ok_or("no such pad");
            for pair in elements.windows(2) {
                pair[0].link(&pair[1])?;
            }
            let (first, last) = (elements.first().ok_or("empty")?, elements.last().ok_or("empty")?);
            source.link(&static_pad(first, "sink")?)?;
            static_pad(last, "src")?.link(&sink)?;
            sink.set_active(true)?;
            for element in elements.iter().rev() {
                element.set_state(gst::State::Playing)?;
            }
            source.set_active(true)?;
            source.push_event(gst::event::StreamStart::new("track"));
            source.push_event(gst::event::Caps::new(caps));
            source.push_event(gst::event::Segment::new(
                &gst::FormattedSegment::<gst::ClockTime>::new(),
            ));
            Ok(())
        };
        links().map_err(|error| Error::Pipeline(error.to_string()))?;
        Ok(Self {
            source,
            sink,
            elements,
            out,
            wants_keyframe,
            sequence: 0,
            av1: None,
        })
    }

    /// Takes a packet of class time `at_us`.
    ///
    /// # Errors
    ///
    /// When the elements cannot go on: make another chain.
    pub(crate) fn push(&mut self, packet: &Ordered, at_us: i64) -> Result<(), Error> {
        if let Some(av1) = &mut self.av1 {
            let unit = av1.push(&packet.payload, packet.ticks, packet.marker, packet.gap);
            if av1.lost() {
                self.wants_keyframe.store(true, Ordering::Relaxed);
            }
            let Some(unit) = unit else {
                return Ok(());
            };
            let mut buffer = gst::Buffer::from_mut_slice(unit.data);
            if let Some(buffer) = buffer.get_mut().filter(|_| unit.restart) {
                buffer.set_flags(gst::BufferFlags::DISCONT);
            }
            return self.push_buffer(buffer, at_us);
        }
        // One number is left out where packets are missing, so that the depayloader knows.
        self.sequence = self.sequence.wrapping_add(1 + u16::from(packet.gap));
        #[allow(clippy::cast_possible_truncation, reason = "RTP time wraps")]
        let timestamp = packet.ticks as u32;
        let bytes = rtp::build(self.sequence, timestamp, packet.marker, &packet.payload);
        self.push_buffer(gst::Buffer::from_mut_slice(bytes), at_us)
    }

    pub(crate) fn push_buffer(&mut self, mut buffer: gst::Buffer, at_us: i64) -> Result<(), Error> {
        let shifted = u64::try_from(at_us + SHIFT_US).unwrap_or(0);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_useconds(shifted));
        }
        let flow = self.source.push(buffer);
        flow.map(|_| ())
            .map_err(|error| Error::Pipeline(error.to_string()))
    }

    /// The next frame that is ready.
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        self.out
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .frames
            .pop_front()
    }

    /// Asks for a picture that needs no other. It goes up the chain: an encoder in it makes one, else [`Self::wants_keyframe`] says so.
    pub(crate) fn request_keyframe(&self) {
        let structure = gst::Structure::builder(FORCE_KEY_UNIT)
            .field("all-headers", true)
            .build();
        self.sink.push_event(gst::event::CustomUpstream::new(structure));
    }

    /// Whether it lost a frame and cannot go on without a keyframe; says so once.
    pub(crate) fn wants_keyframe(&self) -> bool {
        self.wants_keyframe.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Depay {
    fn drop(&mut self) {
        let _ = self.source.set_active(false);
        for element in &self.elements {
            let _ = element.set_state(gst::State::Null);
        }
    }
}

/// Name of the event that asks for a keyframe.
const FORCE_KEY_UNIT: &str = "GstForceKeyUnit";

fn source_pad(wants_keyframe: &Arc<AtomicBool>) -> gst::Pad {
    let wants_keyframe = wants_keyframe.clone();
    gst::Pad::builder(gst::PadDirection::Src)
        .event_function(move |_, _, event| {
            if event
                .structure()
                .is_some_and(|structure| structure.name() == FORCE_KEY_UNIT)
            {
                wants_keyframe.store(true, Ordering::Relaxed);
            }
            true
        })
        .build()
}

/// A sink pad that takes any caps, and others later: without a template a pad keeps to its first.
pub(crate) fn any_sink() -> gst::PadBuilder<gst::Pad> {
    let (direction, presence) = (gst::PadDirection::Sink, gst::PadPresence::Always);
    let template = gst::PadTemplate::new("sink", direction, presence, &gst::Caps::new_any());
    let template = template.expect("the name and the caps of the template are constant and valid");
    gst::Pad::builder_from_template(&template)
}

fn sink_pad(out: &Arc<Mutex<Out>>) -> gst::Pad {
    let (frames, caps) = (out.clone(), out.clone());
    any_sink()
        .chain_function(move |_, _, buffer| {
            let mut out = frames.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(caps), Some(pts)) = (out.caps.clone(), buffer.pts()) {
                let at_us = i64::try_from(pts.nseconds().div_ceil(1_000)).unwrap_or(i64::MAX) - SHIFT_US;
                let independent = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
                out.frames.push_back(Frame {
                    at_us,
                    caps,
                    data: buffer,
                    independent,
                });
            }
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(move |_, _, event| {
            if let gst::EventView::Caps(event) = event.view() {
                caps.lock().unwrap_or_else(PoisonError::into_inner).caps = Some(event.caps_owned());
            }
            true
        })
        .build()
}
