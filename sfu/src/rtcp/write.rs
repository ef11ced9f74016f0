//! Writing RTCP packets at the end of a buffer; several after one another are a compound packet.

use std::time::Duration;

use super::{ReportBlock, SenderInfo, format, kind};

/// Most blocks in a report.
pub(crate) const MAX_BLOCKS: usize = 31;

fn begin(out: &mut Vec<u8>, count: u8, packet_type: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | count, packet_type, 0, 0]);
    start
}

/// Pads to whole words and fills in the length.
fn end(out: &mut Vec<u8>, start: usize) {
    let len = (out.len() - start).next_multiple_of(4);
    out.resize(start + len, 0);
    // A packet we write is far below 65,536 words.
    let words = (len / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

/// A sender report without blocks.
pub(crate) fn sender_report(out: &mut Vec<u8>, info: &SenderInfo) {
    let start = begin(out, 0, kind::SENDER_REPORT);
    out.extend_from_slice(&info.ssrc.to_be_bytes());
    out.extend_from_slice(&info.ntp.to_be_bytes());
    for word in [info.rtp, info.packets, info.bytes] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    end(out, start);
}

/// A receiver report of at most [`MAX_BLOCKS`] blocks.
pub(crate) fn receiver_report(out: &mut Vec<u8>, sender: u32, blocks: &[ReportBlock]) {
    let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
    let start = begin(out, blocks.len() as u8, kind::RECEIVER_REPORT);
    out.extend_from_slice(&sender.to_be_bytes());
    for block in blocks {
        let loss = u32::from(block.fraction_lost) << 24 | block.lost & 0x00ff_ffff;
        for word in [
            block.ssrc,
            loss,
            block.highest,
            block.jitter,
            block.last_report,
            block.delay,
        ] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    end(out, start);
}

/// A source description with a CNAME of at most 255 bytes.
pub(crate) fn cname(out: &mut Vec<u8>, ssrc: u32, name: &str) {
    let name = &name.as_bytes()[..name.len().min(255)];
    let start = begin(out, 1, kind::SOURCE_DESCRIPTION);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.push(1);
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    // The list of items ends with at least one zero.
    out.push(0);
    end(out, start);
}

/// A generic NACK. `missing` is sorted; nothing is written when it is empty.
pub(crate) fn nack(out: &mut Vec<u8>, sender: u32, ssrc: u32, missing: &[u16]) {
    let mut rest = missing;
    if rest.is_empty() {
        return;
    }
    let start = begin(out, format::NACK, kind::TRANSPORT_FEEDBACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
    while let Some((&first, mut tail)) = rest.split_first() {
        let mut mask = 0u16;
        while let Some((&next, after)) = tail.split_first() {
            let ahead = next.wrapping_sub(first);
            if !(1..=16).contains(&ahead) {
                break;
            }
            mask |= 1 << (ahead - 1);
            tail = after;
        }
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&mask.to_be_bytes());
        rest = tail;
    }
    end(out, start);
}

/// A picture loss indication.
pub(crate) fn pli(out: &mut Vec<u8>, sender: u32, ssrc: u32) {
    let start = begin(out, format::PLI, kind::PAYLOAD_FEEDBACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
    end(out, start);
}

/// A full intra request; `sequence` rises with each new request (RFC 5104 §4.3.1).
pub(crate) fn fir(out: &mut Vec<u8>, sender: u32, ssrc: u32, sequence: u8) {
    let start = begin(out, format::FIR, kind::PAYLOAD_FEEDBACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[sequence, 0, 0, 0]);
    end(out, start);
}

/// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb).
pub(crate) fn remb(out: &mut Vec<u8>, sender: u32, bitrate_bps: u64, ssrcs: &[u32]) {
    let ssrcs = &ssrcs[..ssrcs.len().min(255)];
    let start = begin(out, format::APPLICATION, kind::PAYLOAD_FEEDBACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(b"REMB");
    let mut exponent = 0u32;
    while bitrate_bps >> exponent > 0x3_ffff {
        exponent += 1;
    }
    let mantissa = (bitrate_bps >> exponent) as u32;
    out.push(ssrcs.len() as u8);
    out.extend_from_slice(&(exponent << 18 | mantissa).to_be_bytes()[1..]);
    for ssrc in ssrcs {
        out.extend_from_slice(&ssrc.to_be_bytes());
    }
    end(out, start);
}

/// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
///
/// `arrivals` are the packets from `base` on, each with its arrival since `reference` ticks, `None` where it did not arrive.
/// One tick of `reference` is 64 ms. Statuses are written as vectors of seven two-bit symbols.
pub(crate) fn transport_cc(
    out: &mut Vec<u8>,
    sender: u32,
    ssrc: u32,
    base: u16,
    count: u8,
    reference: u32,
    arrivals: &[Option<Duration>],
) {
    let start = begin(out, format::TRANSPORT_CC, kind::TRANSPORT_FEEDBACK);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&base.to_be_bytes());
    out.extend_from_slice(&(arrivals.len() as u16).to_be_bytes());
    out.extend_from_slice(&reference.to_be_bytes()[1..]);
    out.push(count);
    let mut previous = 0i64;
    for group in arrivals.chunks(7) {
        let mut symbols = 0u16;
        for (position, arrival) in group.iter().enumerate() {
            // 0: not received, 1: small delta, 2: large or negative delta.
            let symbol = arrival.map_or(0, |arrival| {
                let delta = ticks_of(arrival) - previous;
                previous = ticks_of(arrival);
                if u8::try_from(delta).is_ok() { 1 } else { 2 }
            });
            symbols |= symbol << (12 - 2 * position);
        }
        out.extend_from_slice(&(0xc000 | symbols).to_be_bytes());
    }
    previous = 0;
    for arrival in arrivals.iter().flatten() {
        let ticks = ticks_of(*arrival);
        let delta = ticks - previous;
        if let Ok(small) = u8::try_from(delta) {
            out.push(small);
        } else {
            let large = delta.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
            out.extend_from_slice(&large.to_be_bytes());
        }
        previous = ticks;
    }
    end(out, start);
}

/// Deltas are in 250 µs.
fn ticks_of(arrival: Duration) -> i64 {
    (arrival.as_micros() / 250) as i64
}
