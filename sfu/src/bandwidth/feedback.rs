//! Reading transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

use crate::rtcp::read::Malformed;

/// Unit of the reference time.
const REFERENCE_US: i64 = 64_000;

/// Unit of the deltas.
const DELTA_US: i64 = 250;

/// A feedback packet that has been read through once: nothing of it is cut off.
pub(super) struct Feedback<'a> {
    pub(super) base: u16,
    count: u16,
    /// 24 bits, wraps every 12 days.
    pub(super) reference: u32,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What it says of the packets from a number on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// This many in a row did not come.
    Missing(u16),
    /// This one came, so long after the reference time.
    Arrived { after_us: i64 },
}

/// Symbols of packet status chunks, as in vectors of two bits.
mod symbol {
    pub(super) const MISSING: u8 = 0;
    pub(super) const SMALL: u8 = 1;
    pub(super) const LARGE: u8 = 2;
}

impl<'a> Feedback<'a> {
    /// Reads what follows the two SSRCs. Bytes after the last delta are padding.
    pub(super) fn parse(fci: &'a [u8]) -> Result<Self, Malformed> {
        let (head, rest) = fci.split_first_chunk::<8>().ok_or(Malformed)?;
        let count = u16::from_be_bytes([head[2], head[3]]);
        let mut needed = 0usize;
        let used = runs(rest, count, |symbol, run| {
            needed += match symbol {
                symbol::MISSING => 0,
                symbol::SMALL => usize::from(run),
                symbol::LARGE => 2 * usize::from(run),
                // Reserved.
                _ => return None,
            };
            Some(())
        });
        let (chunks, deltas) = rest.split_at(used.ok_or(Malformed)?);
        if count == 0 || deltas.len() < needed {
            return Err(Malformed);
        }
        Ok(Self {
            base: u16::from_be_bytes([head[0], head[1]]),
            count,
            reference: u32::from_be_bytes([0, head[4], head[5], head[6]]),
            chunks,
            deltas,
        })
    }

    /// Calls `each` with the number of the first packet each status is about, in order. The work is bounded by the length of the
    /// packet, however many numbers it claims to cover.
    pub(super) fn each(&self, mut each: impl FnMut(u16, Status)) {
        let mut number = self.base;
        let mut ticks = 0i64;
        let mut deltas = self.deltas;
        let whole = runs(self.chunks, self.count, |symbol, run| {
            if symbol == symbol::MISSING {
                each(number, Status::Missing(run));
                number = number.wrapping_add(run);
                return Some(());
            }
            for _ in 0..run {
                ticks += if symbol == symbol::SMALL {
                    let (delta, rest) = deltas.split_first()?;
                    deltas = rest;
                    i64::from(*delta)
                } else {
                    let (delta, rest) = deltas.split_first_chunk::<2>()?;
                    deltas = rest;
                    i64::from(i16::from_be_bytes(*delta))
                };
                let after_us = ticks * DELTA_US;
                each(number, Status::Arrived { after_us });
                number = number.wrapping_add(1);
            }
            Some(())
        });
        debug_assert!(whole.is_some(), "parse() has read it through");
    }
}

/// Calls `each` with the symbols of `count` packets, equal ones together where the chunk says so; gives the bytes they took.
fn runs(bytes: &[u8], count: u16, mut each: impl FnMut(u8, u16) -> Option<()>) -> Option<usize> {
    let mut left = count;
    let mut used = 0;
    while left > 0 {
        let chunk = u16::from_be_bytes(*bytes.get(used..)?.first_chunk()?);
        used += 2;
        if chunk & 0x8000 == 0 {
            let run = (chunk & 0x1fff).min(left);
            each((chunk >> 13 & 3) as u8, run)?;
            left -= run;
            continue;
        }
        let (width, symbols) = if chunk & 0x4000 == 0 { (1, 14) } else { (2, 7) };
        for position in 0..left.min(symbols) {
            let shift = width * (symbols - 1 - position);
            each((chunk >> shift & ((1 << width) - 1)) as u8, 1)?;
        }
        left -= left.min(symbols);
    }
    Some(used)
}

/// A reference time this far from where it should be is another clock.
const OTHER_CLOCK_US: i64 = 10_000_000;

/// The far clock: reference times unwrapped.
#[derive(Default)]
pub(super) struct FarClock {
    /// The last reference, in units since an arbitrary start, and when it came.
    last: Option<(i64, u64)>,
}

impl FarClock {
    /// The reference time in µs since an arbitrary start, and whether that start is another one than before.
    pub(super) fn reference_us(&mut self, now_us: u64, reference: u32) -> (i64, bool) {
        let Some((last, then_us)) = self.last else {
            self.last = Some((i64::from(reference), now_us));
            return (i64::from(reference) * REFERENCE_US, false);
        };
        // The difference, of 24 bits and with its sign.
        let ahead = (i64::from(reference) - last) << 40 >> 40;
        let passed_us = now_us.saturating_sub(then_us) as i64;
        if (ahead * REFERENCE_US - passed_us).abs() > OTHER_CLOCK_US {
            self.last = None;
            return (self.reference_us(now_us, reference).0, true);
        }
        // A late packet does not turn the clock back.
        if ahead > 0 {
            self.last = Some((last + ahead, now_us));
        }
        ((last + ahead) * REFERENCE_US, false)
    }
}
