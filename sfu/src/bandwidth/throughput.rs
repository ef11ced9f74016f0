//! How much arrives.

/// Arrivals are counted by so much of the far clock.
const BUCKET_US: i64 = 50_000;

/// Buckets kept; the newest is still filling.
const BUCKETS: usize = 12;

/// Least number of whole buckets a rate is told from; fewer do where all of them came from behind a queue.
const LEAST: i64 = 4;
const LEAST_BEHIND: i64 = 3;

/// Bits per second that arrived over the last half second of the far clock.
#[derive(Default)]
pub(super) struct Throughput {
    bytes: [u32; BUCKETS],
    /// First and newest bucket, in buckets of the far clock.
    span: Option<(i64, i64)>,
}

impl Throughput {
    /// A packet arrived.
    pub(super) fn arrived(&mut self, arrival_us: i64, bytes: u32) {
        let bucket = arrival_us.div_euclid(BUCKET_US);
        let (first, newest) = self.span.unwrap_or((bucket, bucket));
        if bucket <= newest - BUCKETS as i64 {
            return;
        }
        // A bucket that comes into use was used for a time long ago.
        for fresh in (newest + 1..=bucket).rev().take(BUCKETS) {
            self.bytes[slot(fresh)] = 0;
        }
        self.bytes[slot(bucket)] += bytes;
        self.span = Some((first, newest.max(bucket)));
    }

    /// Bits per second over all that is kept, once enough is known.
    pub(super) fn rate(&self) -> Option<f64> {
        self.over(BUCKETS as i64 - 2, LEAST)
    }

    /// What the line carries, told from what came from behind a queue of so many ms: for so long it was never idle.
    pub(super) fn behind(&self, queue_ms: f64) -> Option<f64> {
        let buckets = ((queue_ms * 1e3) as i64 / BUCKET_US).min(BUCKETS as i64 - 2);
        self.over(buckets, LEAST_BEHIND)
    }

    /// Over at most, and at least, so many whole buckets.
    fn over(&self, most: i64, least: i64) -> Option<f64> {
        let (first, newest) = self.span?;
        // The first bucket began somewhere in the middle.
        let whole = (newest - first - 1).min(most);
        if whole < least {
            return None;
        }
        let bytes: u32 = (newest - whole..newest)
            .map(|bucket| self.bytes[slot(bucket)])
            .sum();
        Some(f64::from(bytes) * 8e6 / (whole * BUCKET_US) as f64)
    }
}

fn slot(bucket: i64) -> usize {
    bucket.rem_euclid(BUCKETS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_behind_a_queue_tells_what_the_line_carries_now() {
        let mut arriving = Throughput::default();
        // 3 Mbit/s, then 400 kbit/s since 200 ms.
        for ms in 0..1_000 {
            arriving.arrived(ms * 1_000, if ms < 800 { 375 } else { 50 });
        }
        arriving.arrived(1_000_000, 50);
        let told = |rate: Option<f64>| rate.expect("enough is known") as u64 / 1_000;
        assert_eq!(told(arriving.rate()), 1_960);
        assert_eq!(arriving.behind(100.0), None, "too short to tell");
        assert_eq!(told(arriving.behind(200.0)), 400);
        assert_eq!(told(arriving.behind(4_000.0)), 1_960);
    }
}
