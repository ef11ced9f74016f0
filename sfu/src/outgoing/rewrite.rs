//! Sequence numbers, timestamps and picture numbers of a stream to one viewer, continuous over changes of what is behind it: another
//! layer, another incarnation, another track, a pause.

mod selection;

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::divided::Part;
use crate::packet::{Generation, Packet};
use crate::rtp::picture::Shift;
use selection::{Selection, Taken};

/// A video stream whose keyframes are not recognised (or that has none, as with intra refresh) begins after so long.
const KEYFRAME_PATIENCE: Duration = Duration::from_secs(3);
/// Two layers are not further apart than this; if they seem to be, their clocks are not believed.
const MAX_APART_US: i64 = 10_000_000;
/// Timestamps that would go back are squeezed together for at most so long.
const SQUEEZE: u32 = 1 << 20;

/// Where a packet goes in the viewer's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Extended sequence number.
    pub(crate) index: u64,
    /// Timestamp.
    pub(crate) timestamp: u32,
    /// For its picture numbers.
    pub(crate) shift: Shift,
    /// For the frame numbers of its descriptor.
    pub(crate) frames: u16,
    /// Marker bit.
    pub(crate) marker: bool,
}

/// A packet whose number was kept for it, and which the viewer does not get after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Extended sequence number.
    pub(crate) index: u64,
    /// Timestamp.
    pub(crate) timestamp: u32,
}

/// A packet as its publisher numbered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Original {
    /// Of which layer.
    pub(crate) layer: u8,
    /// Of which incarnation.
    pub(crate) generation: Generation,
    /// Extended sequence number.
    pub(crate) index: u64,
}

/// How the numbers of one incarnation of a layer become the viewer's.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    layer: u8,
    generation: Generation,
    /// Packets before this one are not sent.
    first: u64,
    /// What `first` became.
    first_out: u64,
    /// Timestamp of `first`.
    begins: u32,
    timestamp_offset: u32,
    /// The timestamp sent before; what comes is later, even if it was captured earlier.
    floor: u32,
    shift: Shift,
    /// Added to the frame numbers of descriptors.
    frames: u16,
    /// Some of its packets are left out.
    divided: bool,
}

impl Mapping {
    #[inline]
    fn timestamp(&self, timestamp: u32) -> u32 {
        let straight = timestamp.wrapping_add(self.timestamp_offset);
        let since = timestamp.wrapping_sub(self.begins);
        if since >= SQUEEZE {
            return straight;
        }
        let least = self.floor.wrapping_add(1).wrapping_add(since >> 8);
        if (straight.wrapping_sub(least) as i32) < 0 {
            least
        } else {
            straight
        }
    }

    #[inline]
    fn place(&self, packet: &Packet) -> Option<Place> {
        if packet.layer != self.layer || packet.generation != self.generation {
            return None;
        }
        let ahead = packet.index.checked_sub(self.first)?;
        Some(Place {
            index: self.first_out + ahead,
            timestamp: self.timestamp(packet.timestamp),
            shift: self.shift,
            frames: self.frames,
            marker: packet.marker,
        })
    }

    /// Where a packet of a divided stream goes.
    fn place_part(&self, packet: &Packet, taken: Taken) -> Place {
        Place {
            index: self.first_out + taken.number,
            timestamp: self.timestamp(packet.timestamp),
            shift: self.shift,
            frames: self.frames,
            marker: packet.marker || taken.last,
        }
    }

    fn original(&self, index: u64) -> Option<Original> {
        Some(Original {
            layer: self.layer,
            generation: self.generation,
            index: self.first + index.checked_sub(self.first_out)?,
        })
    }
}

/// The last packet sent, in its order.
#[derive(Clone, Copy, Debug)]
struct Last {
    at: Instant,
    captured: Option<u64>,
    picture: Option<(u16, u8)>,
    /// Number of its frame, where its stream is divided.
    frame: u16,
}

/// See the module. What each packet needs comes first.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Rewriter {
    /// The layer to send, from its next keyframe on; `None` is a pause.
    target: Option<u8>,
    /// The stream behind it is known to be divided.
    divided: bool,
    next: u64,
    last_timestamp: u32,
    /// Since when nothing can be sent for want of a keyframe.
    waiting_since: Option<Instant>,
    mapping: Option<Mapping>,
    last: Option<Last>,
    /// The one before, for what of it is still missed, and where it ended.
    previous: Option<(Mapping, u64)>,
    /// What the viewer gets of a divided stream. Kept over pauses, so that it is made once.
    selection: Option<Box<Selection>>,
}

impl Rewriter {
    /// Begins with these numbers, and the first layer.
    pub(crate) fn new(start: u64, timestamp: u32) -> Self {
        Self {
            target: Some(0),
            mapping: None,
            previous: None,
            selection: None,
            divided: false,
            waiting_since: None,
            next: start,
            last_timestamp: timestamp,
            last: None,
        }
    }

    /// Has the memory fetched that [`Self::place`] will need.
    pub(crate) fn warm(&self) {
        black_box((
            self.target,
            self.current(),
            self.next,
            self.last.is_none(),
            self.waiting_since.is_none(),
            self.last_timestamp,
        ));
    }

    /// Forgets what is behind the stream; the next packet begins anew where the last ended.
    pub(crate) fn detach(&mut self) {
        self.mapping = None;
        self.previous = None;
        self.waiting_since = None;
        if let Some(last) = &mut self.last {
            // Another publisher has another clock.
            last.captured = None;
        }
    }

    /// Another layer from its next keyframe on, or a pause at once.
    pub(crate) fn aim(&mut self, target: Option<u8>) {
        if target.is_none() {
            self.end_mapping();
        }
        self.target = target;
    }

    /// The layer it is to send.
    pub(crate) fn target(&self) -> Option<u8> {
        self.target
    }

    /// The layer that is being sent.
    pub(crate) fn current(&self) -> Option<u8> {
        self.mapping.map(|mapping| mapping.layer)
    }

    /// Whether the stream behind it is divided into layers under one SSRC.
    pub(crate) fn divide(&mut self, divided: bool) {
        self.divided = divided;
    }

    /// See [`Self::divide`].
    pub(crate) fn divided(&self) -> bool {
        self.divided
    }

    /// Whether the layer it is to send begins with a keyframe only.
    pub(crate) fn waits(&self) -> bool {
        match (&self.selection, self.target) {
            (Some(selection), Some(target)) if self.mapping.is_some_and(|mapping| mapping.divided) => {
                selection.waits_for(target)
            }
            (_, target) => target.is_some(),
        }
    }

    /// The next number; all below may have been used.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The timestamp sent last.
    pub(crate) fn last_timestamp(&self) -> u32 {
        self.last_timestamp
    }

    /// Where the packet goes; `None` when this viewer does not get it.
    ///
    /// Inlined where nothing changes: a place that goes through memory is waited for.
    #[inline(always)]
    pub(crate) fn place(&mut self, packet: &Packet, video: bool, now: Instant) -> Option<Place> {
        let target = self.target?;
        if let Some(mapping) = &self.mapping
            && !mapping.divided
            && packet.part.is_none()
            && let Some(place) = mapping.place(packet)
        {
            self.placed_at(packet, place, now);
            return Some(place);
        }
        self.place_anew(packet, target, video, now)
    }

    /// As [`Self::place`], of a divided stream and where something begins or ends.
    #[inline(never)]
    fn place_anew(&mut self, packet: &Packet, target: u8, video: bool, now: Instant) -> Option<Place> {
        let within = |mapping: Mapping| mapping.divided && mapping.generation == packet.generation;
        if packet.part.is_some() || self.mapping.is_some_and(within) {
            return self.place_divided(packet, target, now);
        }
        let mapping = match self.mapping {
            Some(mapping) if mapping.layer == packet.layer => {
                if mapping.generation > packet.generation {
                    return None;
                }
                if mapping.generation < packet.generation {
                    // A new incarnation waits for its keyframe too: nothing older comes any more.
                    self.end_mapping();
                    self.begin_if_possible(packet, video, now)?
                } else {
                    mapping
                }
            }
            // The old layer flows until the keyframe of the other.
            Some(_) if packet.layer != target || !packet.keyframe => return None,
            Some(_) => self.begin(packet, now),
            None if packet.layer != target => return None,
            None => self.begin_if_possible(packet, video, now)?,
        };
        let place = mapping.place(packet)?;
        self.placed_at(packet, place, now);
        Some(place)
    }

    #[inline]
    fn placed_at(&mut self, packet: &Packet, place: Place, now: Instant) {
        if place.index >= self.next {
            self.next = place.index + 1;
            self.last_timestamp = place.timestamp;
            self.last = Some(Last {
                at: now,
                captured: packet.captured,
                picture: packet.picture.map(|picture| picture.shifted(place.shift)),
                frame: frame_number(packet).wrapping_add(place.frames),
            });
        }
    }

    /// As [`Self::place`], of a divided stream: only its keyframes begin anything.
    fn place_divided(&mut self, packet: &Packet, target: u8, now: Instant) -> Option<Place> {
        let mapping = match (self.mapping, &packet.part) {
            (Some(mapping), _) if mapping.generation > packet.generation => return None,
            (Some(mapping), part) if mapping.generation == packet.generation && mapping.divided => {
                let at = packet.index.checked_sub(mapping.first)?;
                let Some(part) = part else {
                    // Padding, or a descriptor that cannot be read.
                    self.selection.as_mut()?.leave_out(at);
                    return None;
                };
                return self.place_part(packet, part, target, mapping, at, now);
            }
            (_, Some(part)) if part.key => {
                self.divided = true;
                let mapping = self.begin(packet, now);
                // The box is kept: a stream that begins again allocates nothing.
                **self.selection.get_or_insert_default() = Selection::default();
                mapping
            }
            _ => return None,
        };
        let part = packet.part.as_ref()?;
        self.place_part(packet, part, target, mapping, 0, now)
    }

    fn place_part(
        &mut self,
        packet: &Packet,
        part: &Part,
        target: u8,
        mapping: Mapping,
        at: u64,
        now: Instant,
    ) -> Option<Place> {
        let selection = self.selection.as_mut()?;
        let taken = selection.take(target, part, packet.timestamp, at)?;
        let place = mapping.place_part(packet, taken);
        self.placed_at(packet, place, now);
        Some(place)
    }

    /// The number that was kept for a packet which the viewer does not get after all.
    pub(crate) fn left_out(&self, packet: &Packet) -> Option<LeftOut> {
        let mapping = self.mapping.filter(|mapping| mapping.divided)?;
        if mapping.generation != packet.generation {
            return None;
        }
        let at = packet.index.checked_sub(mapping.first)?;
        let number = self
            .selection
            .as_ref()?
            .placed(packet.part.as_ref()?, at)?
            .err()?;
        Some(LeftOut {
            index: mapping.first_out + number,
            timestamp: mapping.timestamp(packet.timestamp),
        })
    }

    fn begin_if_possible(&mut self, packet: &Packet, video: bool, now: Instant) -> Option<Mapping> {
        let since = *self.waiting_since.get_or_insert(now);
        let patient = now.saturating_duration_since(since) < KEYFRAME_PATIENCE;
        if video && !packet.keyframe && patient {
            return None;
        }
        Some(self.begin(packet, now))
    }

    fn begin(&mut self, packet: &Packet, now: Instant) -> Mapping {
        self.end_mapping();
        let rate = i64::from(packet.codec.clock_rate());
        // The time that passed is seen in the timestamps, so that the player does not run ahead.
        let ticks = self
            .last
            .map_or(1, |last| elapsed_us(&last, packet, now) * rate / 1_000_000);
        let timestamp = self.last_timestamp.wrapping_add(ticks as u32);
        let mapping = Mapping {
            layer: packet.layer,
            generation: packet.generation,
            first: packet.index,
            first_out: self.next,
            begins: packet.timestamp,
            timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
            floor: self.last_timestamp,
            shift: packet.picture.map_or_else(Shift::default, |picture| {
                picture.follow(self.last.and_then(|last| last.picture))
            }),
            frames: self.last.map_or(0, |last| {
                last.frame.wrapping_add(1).wrapping_sub(frame_number(packet))
            }),
            divided: packet.part.is_some(),
        };
        self.mapping = Some(mapping);
        self.waiting_since = None;
        mapping
    }

    fn end_mapping(&mut self) {
        if let Some(mapping) = self.mapping.take() {
            // What was left out of a divided stream is forgotten with it.
            self.previous = (!mapping.divided).then_some((mapping, self.next));
        }
    }

    /// Where a packet that was (or could have been) sent lies.
    pub(crate) fn placed(&self, packet: &Packet) -> Option<Place> {
        if let Some(mapping) = self.mapping.filter(|mapping| mapping.divided) {
            if mapping.generation != packet.generation {
                return None;
            }
            let at = packet.index.checked_sub(mapping.first)?;
            let placed = self.selection.as_ref()?.placed(packet.part.as_ref()?, at)?;
            return Some(mapping.place_part(packet, placed.ok()?));
        }
        let now = self.mapping.and_then(|mapping| mapping.place(packet));
        now.or_else(|| {
            let (mapping, end) = self.previous?;
            mapping.place(packet).filter(|place| place.index < end)
        })
    }

    /// The publisher's number behind one of ours.
    pub(crate) fn original(&self, sequence: u16) -> Option<Original> {
        let index = crate::srtp::extend(self.next.checked_sub(1)?, sequence);
        if index >= self.next {
            return None;
        }
        if let Some(mapping) = self.mapping.filter(|mapping| mapping.divided) {
            let number = index.checked_sub(mapping.first_out)?;
            return mapping.original(mapping.first_out + self.selection.as_ref()?.original(number)?);
        }
        let now = self.mapping.and_then(|mapping| mapping.original(index));
        now.or_else(|| {
            let (mapping, end) = self.previous?;
            mapping.original(index).filter(|_| index < end)
        })
    }

    /// A time of the publisher in the viewer's timestamps.
    pub(crate) fn timestamp(&self, layer: u8, generation: Generation, timestamp: u32) -> Option<u32> {
        self.mapping
            .filter(|mapping| mapping.layer == layer && mapping.generation == generation)
            .map(|mapping| timestamp.wrapping_add(mapping.timestamp_offset))
    }
}

/// The number of a packet's frame, as its descriptor has it.
fn frame_number(packet: &Packet) -> u16 {
    packet
        .part
        .as_ref()
        .map_or(0, |part| (part.frame & 0xffff) as u16)
}

/// What passed in the publisher's time since the last packet, or, where that is not known, in ours. It may be negative: layers of
/// one moment come one after another.
fn elapsed_us(last: &Last, packet: &Packet, now: Instant) -> i64 {
    let captured = last.captured.zip(packet.captured).map(|(before, after)| {
        // Microseconds of NTP time are far below 2^63.
        (after as i64).wrapping_sub(before as i64)
    });
    captured
        .filter(|apart| apart.abs() < MAX_APART_US)
        .unwrap_or_else(|| {
            let passed = now.saturating_duration_since(last.at).as_micros();
            i64::try_from(passed).unwrap_or(i64::MAX / 1_000_000)
        })
}

#[cfg(test)]
mod tests;
