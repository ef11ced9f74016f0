//! What a browser would show of the packets of one video (VP8): it decodes frame after frame without a hole, and goes on from a
//! keyframe that is whole where something before it never comes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Without a new picture for so long a browser asks for a keyframe, and then again so often.
const PATIENCE: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_secs(1);

/// A frame that was shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// When it could be.
    pub at: Instant,
    /// Its payload, without the headers of VP8 over RTP.
    pub bytes: usize,
    /// It needs no other.
    pub keyframe: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Screen {
    waiting: BTreeMap<u64, Part>,
    /// The packet after the frame that was shown last.
    next: Option<u64>,
    pub shown: Vec<Shown>,
    asked: Option<Instant>,
}

#[derive(Debug)]
struct Part {
    start: bool,
    keyframe: bool,
    end: bool,
    bytes: usize,
}

impl Screen {
    /// A packet comes.
    pub fn take(&mut self, at: Instant, number: u64, end: bool, payload: &[u8]) {
        if payload.is_empty() || self.next.is_some_and(|next| number < next) {
            return;
        }
        let header = descriptor(payload);
        let start = payload[0] & 0x17 == 0x10;
        let part = Part {
            start,
            keyframe: start && payload.get(header).is_some_and(|first| first & 1 == 0),
            end,
            bytes: payload.len() - header,
        };
        self.waiting.insert(number, part);
        while let Some((from, to)) = self.decodable() {
            let frame = self.waiting.range(from..=to);
            self.shown.push(Shown {
                at,
                bytes: frame.map(|(_, part)| part.bytes).sum(),
                keyframe: self.waiting[&from].keyframe,
            });
            self.waiting = self.waiting.split_off(&(to + 1));
            self.next = Some(to + 1);
        }
    }

    /// Whether to ask for a keyframe now.
    pub fn asks(&mut self, now: Instant) -> bool {
        let last = self.shown.last().map_or(now, |frame| frame.at);
        let patient = self.asked.is_some_and(|at| now < at + AGAIN);
        let asks = now >= last + PATIENCE && !patient;
        if asks {
            self.asked = Some(now);
        }
        asks
    }

    /// The longest time without another picture between two moments.
    pub fn longest_freeze(&self, from: Instant, to: Instant) -> Duration {
        let shown = self.shown.iter().map(|frame| frame.at);
        let within = shown.filter(|at| (from..to).contains(at));
        let mut last = from;
        let mut longest = Duration::ZERO;
        for at in within.chain([to]) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }

    /// First and last packet of what can be shown next.
    fn decodable(&self) -> Option<(u64, u64)> {
        let next = self.next.and_then(|next| self.whole(next));
        next.or_else(|| {
            let mut keyframes = self.waiting.iter().rev().filter(|(_, part)| part.keyframe);
            keyframes.find_map(|(number, _)| self.whole(*number))
        })
    }

    fn whole(&self, from: u64) -> Option<(u64, u64)> {
        if !self.waiting.get(&from)?.start {
            return None;
        }
        let mut at = from;
        while !self.waiting.get(&at)?.end {
            at += 1;
        }
        Some((from, at))
    }
}

/// Bytes of the payload descriptor (RFC 7741 §4.2).
fn descriptor(payload: &[u8]) -> usize {
    if payload[0] & 0x80 == 0 {
        return 1;
    }
    let extensions = payload.get(1).copied().unwrap_or(0);
    let long = extensions & 0x80 != 0 && payload.get(2).is_some_and(|id| id & 0x80 != 0);
    let picture = usize::from(extensions & 0x80 != 0) + usize::from(long);
    2 + picture + usize::from(extensions & 0x40 != 0) + usize::from(extensions & 0x30 != 0)
}
