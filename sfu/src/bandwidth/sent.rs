//! What was sent and when, until feedback tells what became of it.

use std::collections::VecDeque;
use std::hint::black_box;

/// Most packets remembered: 6.5 KiB.
const MAX_PACKETS: usize = 832;

/// How long a packet is remembered; feedback that takes longer says nothing of use.
const MAX_AGE_US: u32 = 2_000_000;

/// What is known of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Unknown,
    Missing,
    Arrived,
}

/// A packet that was sent; 8 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Low bits of the time in µs: it is remembered for seconds only.
    at_us: u32,
    pub(super) bytes: u16,
    pub(super) fate: Fate,
    /// Which probe it counts for, 0 for none.
    pub(super) probe: u8,
}

impl Sent {
    /// When it was sent, in µs; `now_us` is at most some minutes later.
    pub(super) fn at_us(self, now_us: u64) -> u64 {
        now_us - u64::from((now_us as u32).wrapping_sub(self.at_us))
    }
}

/// The packets sent last, by their transport-wide numbers.
#[derive(Default)]
pub(super) struct History {
    packets: VecDeque<Sent>,
    next: u64,
}

impl History {
    /// Has the memory fetched that [`Self::push`] will need.
    pub(super) fn warm(&self) {
        black_box((self.next, self.packets.back().map(|sent| sent.at_us)));
    }

    /// Remembers a packet; gives its number, which wraps at 16 bits on the wire.
    pub(super) fn push(&mut self, now_us: u64, bytes: usize, probe: u8) -> u64 {
        let now = now_us as u32;
        if self.packets.len() == self.packets.capacity() {
            // Only then: a look at the oldest is a look at memory nothing else needs.
            self.forget(now);
        }
        if self.packets.len() == self.packets.capacity() {
            // Doubling, but not past what will ever be needed.
            let more = self.packets.len().clamp(16, MAX_PACKETS);
            self.packets
                .reserve_exact(more.min(MAX_PACKETS - self.packets.len()));
        }
        self.packets.push_back(Sent {
            at_us: now,
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            fate: Fate::Unknown,
            probe,
        });
        self.next += 1;
        self.next - 1
    }

    /// Makes room: of those that are too old, and of one if there are as many as may be.
    fn forget(&mut self, now: u32) {
        while let Some(first) = self.packets.front()
            && (self.packets.len() == MAX_PACKETS || now.wrapping_sub(first.at_us) > MAX_AGE_US)
        {
            self.packets.pop_front();
        }
    }

    /// The packet with this number on the wire, and its whole number.
    pub(super) fn get(&mut self, number: u16) -> Option<(u64, &mut Sent)> {
        let back = usize::from((self.next as u16).wrapping_sub(number));
        let index = self.packets.len().checked_sub(back)?;
        let whole = self.next - back as u64;
        self.packets.get_mut(index).map(|packet| (whole, packet))
    }

    /// The packets of `run` numbers from `first` on that are remembered.
    pub(super) fn range(&mut self, first: u16, run: u16) -> impl Iterator<Item = &mut Sent> {
        let oldest = (self.next as u16).wrapping_sub(self.packets.len() as u16);
        // Distances from the oldest; what lies before it is far ahead of it, by wrapping.
        let start = first.wrapping_sub(oldest);
        let len = self.packets.len();
        let (from, to) = if usize::from(start) < len {
            let from = usize::from(start);
            (from, (from + usize::from(run)).min(len))
        } else {
            let before = usize::from(oldest.wrapping_sub(first));
            (0, usize::from(run).saturating_sub(before).min(len))
        };
        self.packets.range_mut(from..to)
    }

    /// Bytes it takes on the heap.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.packets.capacity() * size_of::<Sent>()
    }
}
