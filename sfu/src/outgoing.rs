//! A stream to one viewer: whatever publisher, reconnect or track is behind it, the viewer sees one continuous stream.

pub(crate) mod rewrite;

use std::time::Instant;

use protocol::media::{Codec, MediaKind};

use crate::negotiated::{Extensions, Payload, Section};
use crate::packet::{Packet, SenderClock};
use crate::rtcp::SenderInfo;
use crate::rtp::{extension, red};
use crate::srtp::Sealer;
use rewrite::{Place, Rewriter};

/// So many packets of a stream say their mid; by then the viewer has bound the SSRC. Which ones is told by their number alone,
/// so that a packet that is sent again without RTX has the same bytes: other bytes under the same number would break the cipher.
const MID_PACKETS: u64 = 50;
/// Retransmissions to a viewer: bytes per second, and burst. A viewer cannot make us send more by asking.
const REPAIR_RATE: f64 = 500_000.0;
const REPAIR_BURST: f64 = 250_000.0;

/// Payload types for what is forwarded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chosen {
    codec: Codec,
    profile_level_id: u32,
    pt: u8,
    rtx_pt: Option<u8>,
    red_pt: Option<u8>,
}

/// A stream to one viewer.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Its section.
    pub(crate) mid: String,
    /// Audio or video.
    pub(crate) kind: MediaKind,
    /// Our SSRC.
    pub(crate) ssrc: u32,
    rtx_ssrc: Option<u32>,
    payloads: Vec<Payload>,
    extensions: Extensions,
    chosen: Option<Chosen>,
    /// CNAME of the sender reports: streams with the same are played in step.
    pub(crate) cname: String,
    rewriter: Rewriter,
    mid_until: u64,
    /// Numbers below were sent under other payload types or extension ids and must not be sealed again.
    sealed_before: u64,
    rtx_index: u64,
    packets: u32,
    bytes: u32,
    repair: f64,
    repair_at: Option<Instant>,
    /// The viewer's last loss report, in 1/256.
    pub(crate) fraction_lost: u8,
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
        Some(Self {
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
            repair: REPAIR_BURST,
            repair_at: None,
            fraction_lost: 0,
        })
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

    /// Chooses the payload type for a packet; `None` when the viewer cannot decode its codec.
    fn choose(&mut self, packet: &Packet) -> Option<Chosen> {
        if let Some(chosen) = self.chosen
            && chosen.codec == packet.codec
            && chosen.profile_level_id == packet.profile_level_id
        {
            return Some(chosen);
        }
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
        });
        self.chosen
    }

    /// Appends the packet as this viewer gets it, sealed. Returns whether it goes to this viewer.
    pub(crate) fn write(
        &mut self,
        out: &mut Vec<u8>,
        sealer: &Sealer,
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
        let Some((pt, payload)) = payload_for(&chosen, packet) else {
            return false;
        };
        let start = out.len();
        self.header(out, pt, packet, place, self.ssrc, place.index < self.mid_until);
        let header_len = out.len() - start;
        out.extend_from_slice(payload);
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

    fn header(&self, out: &mut Vec<u8>, pt: u8, packet: &Packet, place: Place, ssrc: u32, with_mid: bool) {
        let start = out.len();
        out.push(0x80);
        out.push(u8::from(packet.marker) << 7 | pt);
        out.extend_from_slice(&((place.index & 0xffff) as u16).to_be_bytes());
        out.extend_from_slice(&place.timestamp.to_be_bytes());
        out.extend_from_slice(&ssrc.to_be_bytes());
        let mid = with_mid.then_some(self.mid.as_str());
        if extension::write(out, &self.extensions, &packet.carried, mid) {
            out[start] |= 0x10;
        }
    }

    /// Which packet the viewer means by a sequence number it misses.
    pub(crate) fn original(&self, sequence: u16) -> Option<(crate::packet::Generation, u64)> {
        self.rewriter.original(sequence)
    }

    /// Appends a retransmission of a packet: as RTX (RFC 4588) where agreed on, else the packet once more.
    pub(crate) fn repair(
        &mut self,
        out: &mut Vec<u8>,
        sealer: &Sealer,
        packet: &Packet,
        now: Instant,
    ) -> Result<(), NoRepair> {
        let chosen = self.choose(packet).ok_or(NoRepair::Gone)?;
        let place = self.rewriter.placed(packet).ok_or(NoRepair::Gone)?;
        let (pt, payload) = payload_for(&chosen, packet).ok_or(NoRepair::Gone)?;
        self.spend(now, payload.len())?;
        let start = out.len();
        let (ssrc, index) = if let (Some(ssrc), Some(rtx_pt)) = (self.rtx_ssrc, chosen.rtx_pt) {
            let index = self.rtx_index;
            self.rtx_index += 1;
            let rtx_place = Place { index, ..place };
            self.header(out, rtx_pt, packet, rtx_place, ssrc, true);
            (ssrc, index)
        } else {
            if place.index < self.sealed_before {
                return Err(NoRepair::Gone);
            }
            self.header(out, pt, packet, place, self.ssrc, place.index < self.mid_until);
            (self.ssrc, place.index)
        };
        let header_len = out.len() - start;
        if ssrc != self.ssrc {
            out.extend_from_slice(&((place.index & 0xffff) as u16).to_be_bytes());
        }
        out.extend_from_slice(payload);
        if sealer.seal_rtp(out, start, header_len, ssrc, index).is_err() {
            out.truncate(start);
            return Err(NoRepair::Gone);
        }
        Ok(())
    }

    fn spend(&mut self, now: Instant, len: usize) -> Result<(), NoRepair> {
        let elapsed = self
            .repair_at
            .map_or(0.0, |before| now.saturating_duration_since(before).as_secs_f64());
        self.repair_at = Some(now);
        self.repair = (self.repair + elapsed * REPAIR_RATE).min(REPAIR_BURST);
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
            .timestamp(clock.generation, clock.rtp.wrapping_add(ticks))?;
        Some(SenderInfo {
            ssrc: self.ssrc,
            ntp: clock.ntp.wrapping_add(since),
            rtp,
            packets: self.packets,
            bytes: self.bytes,
        })
    }
}

/// RED goes to viewers who agreed on it; the others get its primary block.
fn payload_for<'a>(chosen: &Chosen, packet: &'a Packet) -> Option<(u8, &'a [u8])> {
    let payload = packet.payload();
    match (packet.red, chosen.red_pt) {
        (false, _) => Some((chosen.pt, payload)),
        // The blocks name the publisher's payload type: only where both sides use the same is it passed on.
        (true, Some(red_pt)) if red::primary(payload)?.0 == chosen.pt => Some((red_pt, payload)),
        (true, _) => Some((chosen.pt, red::primary(payload)?.1)),
    }
}
