//! How much arrives.

/// Arrivals are counted by so much of the far clock.
const BUCKET_US: i64 = 50_000;

/// Buckets kept; the newest is still filling.
const BUCKETS: usize = 12;

/// Least number of whole buckets a rate is told from.
const LEAST: i64 = 4;

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

    /// Bits per second, once enough is known.
    pub(super) fn rate(&self) -> Option<f64> {
        let (first, newest) = self.span?;
        // The first bucket began somewhere in the middle.
        let whole = (newest - first - 1).min(BUCKETS as i64 - 2);
        if whole < LEAST {
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
