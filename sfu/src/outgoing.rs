//! A stream to one viewer: whatever publisher, reconnect or track is behind it, the viewer sees one continuous stream.

mod again;
mod packet;
pub(crate) mod rewrite;

use std::hint::black_box;
use std::time::Instant;

use protocol::media::{Codec, MediaKind};

use crate::bandwidth::{Bandwidth, ProbeId};
use crate::negotiated::{Extensions, Payload, Section};
use crate::packet::{Packet, SenderClock};
use crate::rtcp::SenderInfo;
use crate::srtp::Sealer;
use again::Again;
use packet::{Head, append, payload_for};
use rewrite::{LeftOut, Original, Place, Rewriter};

/// So many packets of a stream say their mid; by then the viewer has bound the SSRC. Which ones is told by their number alone,
/// so that a packet that is sent again without RTX has the same bytes: other bytes under the same number would break the cipher.
const MID_PACKETS: u64 = 50;
/// Bytes per second of retransmissions to a viewer; a viewer cannot make us send more by asking.
const REPAIR_RATE: f64 = 500_000.0;
/// The share of what its line carries that they may take: where a full line loses packets, sending all of them again would fill it further.
const REPAIR_SHARE: f64 = 0.5;
/// Seconds' worth that may be sent at once.
const REPAIR_BURST: f64 = 0.5;

/// Header with its extension and tag, about.
const OVERHEAD: usize = 36;
/// Bytes of padding in a packet: the most there can be.
const PADDING: u8 = 255;

/// Payload types for what is forwarded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chosen {
    codec: Codec,
    profile_level_id: u32,
    pt: u8,
    rtx_pt: Option<u8>,
    red_pt: Option<u8>,
    /// Its packets carry transport-wide numbers. Only where a packet is never sent again as it was: the number would be another, and
    /// other bytes under the same sequence number break the cipher.
    numbered: bool,
}

/// A stream to one viewer.
///
/// What each packet needs comes first.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Outgoing {
    /// Our SSRC.
    pub(crate) ssrc: u32,
    /// Audio or video.
    pub(crate) kind: MediaKind,
    /// Only the primary block of RED is sent.
    once: bool,
    chosen: Option<Chosen>,
    extensions: Extensions,
    mid_until: u64,
    packets: u32,
    bytes: u32,
    /// Says sound again, on a line that loses much.
    again: Option<Box<Again>>,
    rewriter: Rewriter,
    /// Its section.
    pub(crate) mid: String,
    rtx_ssrc: Option<u32>,
    /// Whether the viewer tells by transport-wide feedback when packets of it came.
    feedback: bool,
    payloads: Vec<Payload>,
    /// CNAME of the sender reports: streams with the same are played in step.
    pub(crate) cname: String,
    /// Numbers below were sent under other payload types or extension ids and must not be sealed again.
    sealed_before: u64,
    rtx_index: u64,
    repair: f64,
    repair_at: Option<Instant>,
    /// The viewer's last loss report, in 1/256.
    pub(crate) fraction_lost: u8,
    /// Layers that sleep and were chosen for it: bit n is layer n.
    pub(crate) wakes: u8,
}

/// Why a retransmission was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRepair {
    /// The packet is gone, or was never sent to this viewer.
    Gone,
    /// The viewer asks for too much.
    TooMuch,
}

impl Outgoing {
    /// Of a section to the peer; `None` when it has no SSRC of ours.
    pub(crate) fn new(section: &Section, start: u16, rtx_start: u16, timestamp: u32) -> Option<Self> {
        let ssrcs = section.ssrcs.first()?;
        // The first half of the number space leaves room for packets older than the first.
        let start = u64::from(start) & 0x3fff | 0x4000;
        let mut stream = Self {
            feedback: false,
            mid: section.mid.clone(),
            kind: section.kind,
            ssrc: ssrcs.media,
            rtx_ssrc: ssrcs.rtx,
            payloads: section.payloads.clone(),
            extensions: section.extensions,
            chosen: None,
            cname: section.stream.clone().unwrap_or_default(),
            rewriter: Rewriter::new(start, timestamp),
            mid_until: start + MID_PACKETS,
            sealed_before: 0,
            rtx_index: u64::from(rtx_start) & 0x3fff,
            packets: 0,
            bytes: 0,
            repair: REPAIR_RATE * REPAIR_BURST,
            repair_at: None,
            again: None,
            once: false,
            fraction_lost: 0,
            wakes: 0,
        };
        stream.feedback = stream.agreed_on_feedback();
        Some(stream)
    }

    /// The section was negotiated again. The stream goes on: its numbers are never used twice under one key.
    pub(crate) fn renegotiate(&mut self, section: &Section) {
        if self.payloads != section.payloads
            || self.extensions != section.extensions
            || self.mid != section.mid
        {
            self.payloads.clone_from(&section.payloads);
            self.extensions = section.extensions;
            self.mid.clone_from(&section.mid);
            self.feedback = self.agreed_on_feedback();
            self.chosen = None;
            self.sealed_before = self.rewriter.next();
            self.mid_until = self.sealed_before + MID_PACKETS;
        }
        self.cname = section.stream.clone().unwrap_or_default();
    }

    /// Another track is behind it from now on.
    pub(crate) fn rewire(&mut self) {
        self.rewriter.detach();
    }

    /// Has the memory fetched that [`Self::write`] will need.
    pub(crate) fn warm(&self) {
        black_box((
            self.kind,
            self.chosen.is_none(),
            self.mid_until,
            self.packets,
            self.extensions.transport_cc,
            self.once,
        ));
        self.rewriter.warm();
    }

    /// Sends another layer from its next keyframe on; `None` is a pause.
    pub(crate) fn aim(&mut self, layer: Option<u8>) {
        self.rewriter.aim(layer);
    }

    /// The layer it is to send.
    pub(crate) fn target(&self) -> Option<u8> {
        self.rewriter.target()
    }

    /// Whether the stream behind it is divided into layers under one SSRC; see [`Rewriter::divide`].
    pub(crate) fn divide(&mut self, divided: bool) {
        self.rewriter.divide(divided);
    }

    /// Whether the layer it is to send begins with a keyframe only.
    pub(crate) fn waits(&self) -> bool {
        self.rewriter.waits()
    }

    /// The layer that is being sent.
    pub(crate) fn current(&self) -> Option<u8> {
        self.rewriter.current()
    }

    /// Whether another layer begins with this packet.
    pub(crate) fn switches_by(&self, packet: &Packet) -> bool {
        packet.keyframe && self.target() == Some(packet.layer) && self.current() != self.target()
    }

    /// Sends sound once instead of twice (RED), on a line too narrow for both.
    pub(crate) fn once(&mut self, once: bool) {
        self.once = once;
    }

    /// Layers whose packets it has to be shown: bit n is layer n.
    pub(crate) fn layers(&self) -> u8 {
        let bit = |layer: Option<u8>| layer.map_or(0, |layer| 1 << layer);
        match self.target() {
            None => 0,
            // All its packets are the first layer's.
            Some(_) if self.rewriter.divided() => 1,
            target => bit(target) | bit(self.current()),
        }
    }

    /// The payload types for a packet; `None` when the viewer cannot decode its codec.
    #[inline(always)]
    fn choose(&mut self, packet: &Packet) -> Option<Chosen> {
        self.chosen
            .filter(|chosen| {
                chosen.codec == packet.codec && chosen.profile_level_id == packet.profile_level_id
            })
            .or_else(|| self.choose_anew(packet))
    }

    #[cold]
    fn choose_anew(&mut self, packet: &Packet) -> Option<Chosen> {
        let same = self
            .payloads
            .iter()
            .filter(|payload| payload.codec == packet.codec);
        let profile = |payload: &&Payload| payload.profile_level_id >> 16 == packet.profile_level_id >> 16;
        let payload = same.clone().find(profile).or_else(|| same.clone().next())?;
        self.chosen = Some(Chosen {
            codec: packet.codec,
            profile_level_id: packet.profile_level_id,
            pt: payload.pt,
            rtx_pt: payload.rtx_pt,
            red_pt: payload.red_pt,
            numbered: self.numbered(payload),
        });
        self.chosen
    }

    fn numbered(&self, payload: &Payload) -> bool {
        let repaired_by_rtx = payload.rtx_pt.is_some() && self.rtx_ssrc.is_some();
        payload.transport_cc
            && self.extensions.transport_cc.is_some()
            && (repaired_by_rtx || self.kind == MediaKind::Audio)
    }

    fn agreed_on_feedback(&self) -> bool {
        self.payloads.iter().any(|payload| self.numbered(payload))
    }

    /// Whether the viewer tells by transport-wide feedback when packets of it came.
    pub(crate) fn gives_feedback(&self) -> bool {
        self.feedback
    }

    /// Appends the packet as this viewer gets it, sealed. Returns whether it goes to this viewer.
    pub(crate) fn write(
        &mut self,
        out: &mut Vec<u8>,
        sealer: &Sealer,
        bandwidth: &mut Bandwidth,
        packet: &Packet,
        now: Instant,
    ) -> bool {
        let Some(chosen) = self.choose(packet) else {
            return false;
        };
        let video = self.kind == MediaKind::Video;
        let Some(place) = self.rewriter.place(packet, video, now) else {
            return false;
        };
        let often = chosen.red_pt.filter(|_| !video && self.again.is_some());
        if often.is_some()
            && let Some(again) = &mut self.again
            && !again.say(packet, chosen.pt, place.timestamp)
        {
            return false;
        }
        let said = match (often, &self.again) {
            (Some(red_pt), Some(again)) => Some((red_pt, again.payload())),
            _ => payload_for(&chosen, packet, self.once),
        };
        let Some((pt, payload)) = said else {
            return false;
        };
        let start = out.len();
        let number = chosen
            .numbered
            .then(|| bandwidth.sent(now, payload.len() + OVERHEAD, None));
        let head = Head {
            number,
            ..self.head(pt, place)
        };
        let header_len = head.write(out, self, Some((packet, place.frames)));
        append(out, packet, payload, place);
        if sealer
            .seal_rtp(out, start, header_len, self.ssrc, place.index)
            .is_err()
        {
            out.truncate(start);
            return false;
        }
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(payload.len() as u32);
        true
    }

    /// The header of a packet of the stream itself, without a transport-wide number.
    #[inline]
    fn head(&self, pt: u8, place: Place) -> Head {
        Head {
            padding: false,
            marker: place.marker,
            pt,
            index: place.index,
            timestamp: place.timestamp,
            ssrc: self.ssrc,
            with_mid: place.index < self.mid_until,
            number: None,
        }
    }

    /// Which packet the viewer means by a sequence number it misses.
    pub(crate) fn original(&self, sequence: u16) -> Option<Original> {
        self.rewriter.original(sequence)
    }

    /// Appends a retransmission of a packet: as RTX (RFC 4588) where agreed on, else the packet once more.
    pub(crate) fn repair(
        &mut self,
        out: &mut Vec<u8>,
        sealer: &Sealer,
        bandwidth: &mut Bandwidth,
        packet: &Packet,
        now: Instant,
    ) -> Result<(), NoRepair> {
        let chosen = self.choose(packet).ok_or(NoRepair::Gone)?;
        if let Some(left) = self.rewriter.left_out(packet) {
            return self.nothing(out, sealer, &chosen, left);
        }
        let place = self.rewriter.placed(packet).ok_or(NoRepair::Gone)?;
        let (pt, payload) = payload_for(&chosen, packet, self.once).ok_or(NoRepair::Gone)?;
        let rate = bandwidth.estimate().map_or(REPAIR_RATE, |bits| {
            (bits as f64 / 8.0 * REPAIR_SHARE).min(REPAIR_RATE)
        });
        self.spend(now, payload.len(), rate)?;
        let start = out.len();
        let mut head = self.head(pt, place);
        if let (Some(ssrc), Some(rtx_pt)) = (self.rtx_ssrc, chosen.rtx_pt) {
            head.pt = rtx_pt;
            head.ssrc = ssrc;
            head.index = self.rtx_index;
            head.with_mid = true;
            head.number = chosen
                .numbered
                .then(|| bandwidth.sent(now, payload.len() + OVERHEAD, None));
            self.rtx_index += 1;
        } else if place.index < self.sealed_before || chosen.numbered || chosen.red_pt.is_some() {
            return Err(NoRepair::Gone);
        }
        let header_len = head.write(out, self, Some((packet, place.frames)));
        if head.ssrc != self.ssrc {
            out.extend_from_slice(&((place.index & 0xffff) as u16).to_be_bytes());
        }
        append(out, packet, payload, place);
        if sealer
            .seal_rtp(out, start, header_len, head.ssrc, head.index)
            .is_err()
        {
            out.truncate(start);
            return Err(NoRepair::Gone);
        }
        Ok(())
    }

    /// Appends a retransmission without payload: what the viewer misses is not for it, so that it stops asking.
    fn nothing(
        &mut self,
        out: &mut Vec<u8>,
        sealer: &Sealer,
        chosen: &Chosen,
        left: LeftOut,
    ) -> Result<(), NoRepair> {
        let (Some(ssrc), Some(pt)) = (self.rtx_ssrc, chosen.rtx_pt) else {
            return Err(NoRepair::Gone);
        };
        let start = out.len();
        let head = Head {
            padding: false,
            marker: false,
            pt,
            index: self.rtx_index,
            timestamp: left.timestamp,
            ssrc,
            with_mid: true,
            number: None,
        };
        self.rtx_index += 1;
        let header_len = head.write(out, self, None);
        out.extend_from_slice(&((left.index & 0xffff) as u16).to_be_bytes());
        if sealer.seal_rtp(out, start, header_len, ssrc, head.index).is_err() {
            out.truncate(start);
            return Err(NoRepair::Gone);
        }
        Ok(())
    }

    /// Appends a packet of padding alone, by the stream of retransmissions: it measures the line and shows nothing. Returns whether
    /// the stream has one.
    pub(crate) fn padding(
        &mut self,
        out: &mut Vec<u8>,
        sealer: &Sealer,
        bandwidth: &mut Bandwidth,
        probe: Option<ProbeId>,
        now: Instant,
    ) -> bool {
        let pt = self.chosen.and_then(|chosen| chosen.rtx_pt);
        let pt = pt.or_else(|| self.payloads.iter().find_map(|payload| payload.rtx_pt));
        let (Some(ssrc), Some(pt), true) = (self.rtx_ssrc, pt, self.gives_feedback()) else {
            return false;
        };
        let start = out.len();
        let head = Head {
            padding: true,
            marker: false,
            pt,
            index: self.rtx_index,
            timestamp: self.rewriter.last_timestamp(),
            ssrc,
            with_mid: true,
            number: Some(bandwidth.sent(now, usize::from(PADDING) + OVERHEAD, probe)),
        };
        self.rtx_index += 1;
        let header_len = head.write(out, self, None);
        // RFC 3550 §5.1: its length is in its last byte.
        out.resize(out.len() + usize::from(PADDING) - 1, 0);
        out.push(PADDING);
        if sealer.seal_rtp(out, start, header_len, ssrc, head.index).is_err() {
            out.truncate(start);
            return false;
        }
        true
    }

    fn spend(&mut self, now: Instant, len: usize, rate: f64) -> Result<(), NoRepair> {
        let elapsed = self
            .repair_at
            .map_or(0.0, |before| now.saturating_duration_since(before).as_secs_f64());
        self.repair_at = Some(now);
        self.repair = (self.repair + elapsed * rate).min(rate * REPAIR_BURST);
        let cost = len as f64;
        if self.repair < cost {
            return Err(NoRepair::TooMuch);
        }
        self.repair -= cost;
        Ok(())
    }

    /// The sender report for now, from the publisher's last one: the same moment in the viewer's timestamps, so that sound
    /// and picture of a publisher stay in step.
    pub(crate) fn sender_info(&self, clock: &SenderClock, now: Instant) -> Option<SenderInfo> {
        let rate = self.chosen?.codec.clock_rate();
        let elapsed = now.saturating_duration_since(clock.arrival);
        let ticks = (elapsed.as_micros() * u128::from(rate) / 1_000_000) as u32;
        let since = (u64::from(elapsed.as_secs() as u32) << 32)
            | ((u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000);
        let rtp = self
            .rewriter
            .timestamp(clock.layer, clock.generation, clock.rtp.wrapping_add(ticks))?;
        Some(SenderInfo {
            ssrc: self.ssrc,
            ntp: clock.ntp.wrapping_add(since),
            rtp,
            packets: self.packets,
            bytes: self.bytes,
        })
    }
}
