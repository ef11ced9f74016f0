//! Reception statistics of one stream for receiver reports (RFC 3550 §6.4, appendix A.3 and A.8).

use std::time::{Duration, Instant};

use crate::rtcp::ReportBlock;

/// What was received of one stream.
#[derive(Debug)]
pub(crate) struct Statistics {
    clock_rate: u32,
    first: Option<u64>,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// Times 16, as in the RFC.
    jitter: i64,
    transit: Option<i64>,
    epoch: Instant,
    report: Option<(u32, Instant)>,
}

impl Statistics {
    /// Of a stream with this clock.
    pub(crate) fn new(now: Instant, clock_rate: u32) -> Self {
        Self {
            clock_rate,
            first: None,
            highest: 0,
            received: 0,
            expected_before: 0,
            received_before: 0,
            jitter: 0,
            transit: None,
            epoch: now,
            report: None,
        }
    }

    /// A packet came (not one repaired by RTX).
    pub(crate) fn received(&mut self, now: Instant, index: u64, timestamp: u32) {
        self.first.get_or_insert(index);
        self.highest = self.highest.max(index);
        self.received += 1;
        let arrival = now.saturating_duration_since(self.epoch).as_micros() as i64
            * i64::from(self.clock_rate)
            / 1_000_000;
        let transit = arrival.wrapping_sub(i64::from(timestamp));
        if let Some(before) = self.transit.replace(transit) {
            // The timestamp wraps at 32 bits.
            let difference = i64::from(transit.wrapping_sub(before) as i32).abs();
            self.jitter += difference - (self.jitter + 8) / 16;
        }
    }

    /// A sender report came.
    pub(crate) fn sender_report(&mut self, now: Instant, ntp: u64) {
        self.report = Some(((ntp >> 16) as u32, now));
    }

    /// The block for the next receiver report; `None` before the first packet.
    pub(crate) fn block(&mut self, now: Instant, ssrc: u32) -> Option<ReportBlock> {
        let first = self.first?;
        let expected = self.highest.saturating_sub(first) + 1;
        let interval = expected.saturating_sub(self.expected_before);
        let came = self.received.saturating_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_now = interval.saturating_sub(came);
        let fraction = (lost_now * 256).checked_div(interval).unwrap_or(0).min(255);
        let (last_report, delay) = self.report.map_or((0, 0), |(middle, at)| {
            (middle, sixteenths(now.saturating_duration_since(at)))
        });
        Some(ReportBlock {
            ssrc,
            fraction_lost: fraction as u8,
            lost: expected.saturating_sub(self.received).min(0x7f_ffff) as u32,
            highest: self.highest as u32,
            jitter: (self.jitter / 16).clamp(0, i64::from(u32::MAX)) as u32,
            last_report,
            delay,
        })
    }
}

/// In 1/65536 s.
fn sixteenths(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros() * 65_536 / 1_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_loss_since_the_last_report() {
        let start = Instant::now();
        let mut statistics = Statistics::new(start, 90_000);
        assert_eq!(statistics.block(start, 7), None);
        for index in (100..200u64).filter(|index| index % 4 != 3) {
            statistics.received(
                start + Duration::from_millis(index * 10),
                index,
                index as u32 * 900,
            );
        }
        let block = statistics.block(start, 7).unwrap();
        // The last one lost is not known to be lost yet.
        assert_eq!((block.lost, block.highest), (24, 198));
        assert!((60..64).contains(&block.fraction_lost), "{}", block.fraction_lost);
        assert!(block.jitter < 10, "{}", block.jitter);
        let block = statistics.block(start, 7).unwrap();
        assert_eq!(block.fraction_lost, 0);
    }
}
