//! Bounds failed attempts per key: a fixed window that begins with the first failure.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

/// Most keys remembered; beyond, the one whose window ends first is forgotten.
const MOST_KEYS: usize = 16_384;

/// Counts failures per key.
#[derive(Debug)]
pub struct Limiter<K> {
    most: u32,
    window: Duration,
    failures: Mutex<HashMap<K, (u32, OffsetDateTime)>>,
}

impl<K: Eq + Hash + Clone> Limiter<K> {
    /// Allows `most` failures within `window`.
    #[must_use]
    pub fn new(most: u32, window: Duration) -> Self {
        Self {
            most,
            window,
            failures: Mutex::default(),
        }
    }

    /// Seconds until the key may try again; 0 when it may now.
    pub fn wait_s(&self, key: &K, now: OffsetDateTime) -> u64 {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.get(key) {
            Some((count, until)) if *count >= self.most && *until > now => {
                u64::try_from((*until - now).whole_seconds()).unwrap_or(0) + 1
            }
            _ => 0,
        }
    }

    /// Counts a failure.
    pub fn failed(&self, key: K, now: OffsetDateTime) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_KEYS && !failures.contains_key(&key) {
            failures.retain(|_, (_, until)| *until > now);
            if failures.len() >= MOST_KEYS
                && let Some(first) = failures
                    .iter()
                    .min_by_key(|(_, (_, until))| *until)
                    .map(|(key, _)| key.clone())
            {
                failures.remove(&first);
            }
        }
        let fresh = (0, now + self.window);
        let entry = failures.entry(key).or_insert(fresh);
        if entry.1 <= now {
            *entry = fresh;
        }
        entry.0 = entry.0.saturating_add(1);
    }

    /// Forgets the failures of a key.
    pub fn succeeded(&self, key: &K) {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_waits_after_its_failures_and_may_again_when_the_window_is_over() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let limiter = Limiter::new(2, Duration::minutes(1));
        limiter.failed("a", now);
        assert_eq!(limiter.wait_s(&"a", now), 0);
        limiter.failed("a", now);
        assert_eq!(limiter.wait_s(&"a", now), 61);
        assert_eq!(limiter.wait_s(&"b", now), 0);
        let later = now + Duration::minutes(1);
        assert_eq!(limiter.wait_s(&"a", later), 0);
        limiter.failed("a", later);
        assert_eq!(limiter.wait_s(&"a", later), 0);
    }

    #[test]
    fn it_remembers_a_bounded_number_of_keys() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let limiter = Limiter::new(1, Duration::minutes(1));
        for key in 0..MOST_KEYS + 10 {
            limiter.failed(key, now);
        }
        assert_eq!(limiter.failures.lock().expect("no panic").len(), MOST_KEYS);
    }
}
