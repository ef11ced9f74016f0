//! Frames to CMAF by `cmafmux`, for one epoch of a track: same codec, same size. We say where parts and segments begin
//! (its own splitting merges sparse pictures into long segments); what comes out goes to the writer.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::error::Error;
use crate::writer::{Job, PartPlan, Writer};

/// How long the end of an epoch may take.
const END_PATIENCE: Duration = Duration::from_secs(20);

/// A frame that goes into the muxer.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) at_us: u64,
    pub(crate) duration_us: u64,
    pub(crate) data: gst::Buffer,
    pub(crate) independent: bool,
}

/// What comes before a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    Part,
    Segment,
}

/// See the module.
pub(crate) struct Mux {
    mux: gst::Element,
    source: gst::Pad,
    _sink: gst::Pad,
    plans: Arc<Mutex<VecDeque<PartPlan>>>,
    ended: Receiver<()>,
}

impl Mux {
    /// Begins an epoch of track `track` with frames of `caps`; `timescale` is the clock rate of its media.
    ///
    /// # Errors
    ///
    /// When the muxer does not take the caps.
    pub(crate) fn new(track: u32, caps: &gst::Caps, timescale: u32, writer: &Writer) -> Result<Self, Error> {
        let mux = gst::ElementFactory::make("cmafmux")
            .property("manual-split", true)
            .property("send-force-keyunit", false)
            .property_from_str("header-update-mode", "caps")
            .property_from_str("write-edts-mode", "never")
            .build()
            .map_err(|_| Error::Element("cmafmux".to_owned()))?;
        let plans = Arc::new(Mutex::new(VecDeque::new()));
        let (end, ended) = sync_channel(1);
        let sink = sink_pad(track, caps, &plans, writer, end);
        let source = source_pad();
        let links = || -> Result<(), Box<dyn std::error::Error>> {
            let inlet = mux.static_pad("sink").ok_or("no sink pad")?;
            inlet.set_property("trak-timescale", timescale);
            source.link(&inlet)?;
            mux.static_pad("src").ok_or("no source pad")?.link(&sink)?;
            sink.set_active(true)?;
            mux.set_state(gst::State::Playing)?;
            source.set_active(true)?;
            source.push_event(gst::event::StreamStart::new("track"));
            if !source.push_event(gst::event::Caps::new(caps)) {
                return Err(format!("cmafmux does not take {caps}").into());
            }
            source.push_event(gst::event::Segment::new(
                &gst::FormattedSegment::<gst::ClockTime>::new(),
            ));
            Ok(())
        };
        links().map_err(|error| Error::Pipeline(error.to_string()))?;
        Ok(Self {
            mux,
            source,
            _sink: sink,
            plans,
            ended,
        })
    }

    /// Ends the part before: `plan` is what it was.
    pub(crate) fn split(&self, split: Split, plan: PartPlan) {
        self.plan(plan);
        let structure = gst::Structure::builder("FMP4MuxSplitNow")
            .field("chunk", split == Split::Part)
            .build();
        self.source
            .push_event(gst::event::CustomDownstream::new(structure));
    }

    /// Takes the next sample.
    ///
    /// # Errors
    ///
    /// When the muxer failed or the writer is gone.
    pub(crate) fn push(&self, sample: Sample) -> Result<(), Error> {
        let mut buffer = sample.data;
        {
            let buffer = buffer.make_mut();
            let at = gst::ClockTime::from_useconds(sample.at_us);
            buffer.set_pts(at);
            buffer.set_dts(at);
            buffer.set_duration(gst::ClockTime::from_useconds(sample.duration_us));
            buffer.unset_flags(gst::BufferFlags::all());
            if !sample.independent {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        let flow = self.source.push(buffer);
        flow.map(|_| ())
            .map_err(|error| Error::Pipeline(format!("cmafmux: {error}")))
    }

    /// Ends the epoch: `plan` is its last part. Waits until all of it went to the writer.
    ///
    /// # Errors
    ///
    /// When the muxer does not come to an end.
    pub(crate) fn end(self, plan: Option<PartPlan>) -> Result<(), Error> {
        if let Some(plan) = plan {
            self.plan(plan);
        }
        self.source.push_event(gst::event::Eos::new());
        let ended = self.ended.recv_timeout(END_PATIENCE);
        ended.map_err(|_| Error::Pipeline("cmafmux does not end".to_owned()))
    }

    fn plan(&self, plan: PartPlan) {
        self.plans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(plan);
    }
}

impl Drop for Mux {
    fn drop(&mut self) {
        let _ = self.mux.set_state(gst::State::Null);
        let _ = self.source.set_active(false);
    }
}

/// Where samples go in. It knows that nothing here is live: the muxer waits for samples, never for a clock.
fn source_pad() -> gst::Pad {
    gst::Pad::builder(gst::PadDirection::Src)
        .query_function(|pad, parent, query| match query.view_mut() {
            gst::QueryViewMut::Latency(latency) => {
                latency.set(false, gst::ClockTime::ZERO, gst::ClockTime::NONE);
                true
            }
            _ => gst::Pad::query_default(pad, parent, query),
        })
        .build()
}

/// Takes what comes out of the muxer, a buffer list for each part, and an init segment before the first.
fn sink_pad(
    track: u32,
    caps: &gst::Caps,
    plans: &Arc<Mutex<VecDeque<PartPlan>>>,
    writer: &Writer,
    end: SyncSender<()>,
) -> gst::Pad {
    let (plans, writer, caps) = (plans.clone(), writer.clone(), caps.clone());
    crate::depay::any_sink()
        .chain_list_function(move |_, _, list| {
            take(track, &caps, &plans, &writer, &list).map_err(|error| {
                tracing::error!(track, %error, "a part could not be taken");
                gst::FlowError::Error
            })
        })
        .event_function(move |_, _, event| {
            if event.type_() == gst::EventType::Eos {
                let _ = end.try_send(());
            }
            true
        })
        .build()
}

fn take(
    track: u32,
    caps: &gst::Caps,
    plans: &Mutex<VecDeque<PartPlan>>,
    writer: &Writer,
    list: &gst::BufferList,
) -> Result<gst::FlowSuccess, Error> {
    let mut part = Vec::with_capacity(list.calculate_size());
    for buffer in list.iter() {
        let bytes = buffer
            .map_readable()
            .map_err(|error| Error::Pipeline(error.to_string()))?;
        let flags = buffer.flags();
        if flags.contains(gst::BufferFlags::DISCONT | gst::BufferFlags::HEADER) {
            writer.send(Job::Init {
                track,
                caps: caps.clone(),
                data: bytes.to_vec(),
            })?;
        } else {
            part.extend_from_slice(&bytes);
        }
    }
    if part.is_empty() {
        return Ok(gst::FlowSuccess::Ok);
    }
    let plan = plans.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let plan = plan.ok_or_else(|| Error::Pipeline("cmafmux made a part that was not planned".to_owned()))?;
    writer.send(Job::Part {
        track,
        plan,
        data: part,
    })?;
    Ok(gst::FlowSuccess::Ok)
}
