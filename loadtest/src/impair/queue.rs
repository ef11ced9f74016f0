//! One direction of a bad line: packets go in, and some come out later.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Packets on the way at most; the line drops what is beyond, as a router's queue does.
const ON_THE_WAY_MAX: usize = 4_096;

/// How bad a line is. The default is a perfect one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairment {
    /// Part of the packets that is lost, 0 to 1.
    pub loss: f64,
    /// Time a packet is on the way.
    pub delay: Duration,
    /// When nothing gets through.
    pub cut: Option<Cut>,
}

/// An outage, from the start of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
}

/// What became of the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Came out.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost in an outage.
    pub cut: u64,
    /// Dropped because too many were on the way.
    pub overflowed: u64,
}

/// One direction of a line.
#[derive(Debug)]
pub struct Queue<P> {
    impairment: Impairment,
    start: Instant,
    chance: StdRng,
    on_the_way: VecDeque<(Instant, P)>,
    fate: Fate,
}

impl<P> Queue<P> {
    /// A line that exists from `start`; the same `seed` loses the same packets.
    #[must_use]
    pub fn new(impairment: Impairment, start: Instant, seed: u64) -> Self {
        Self {
            impairment,
            start,
            chance: StdRng::seed_from_u64(seed),
            on_the_way: VecDeque::new(),
            fate: Fate::default(),
        }
    }

    /// A packet goes in.
    pub fn push(&mut self, now: Instant, packet: P) {
        // Chance is drawn for every packet, so that an outage does not change who is lost after it.
        let lost = self.chance.random_bool(self.impairment.loss.clamp(0.0, 1.0));
        if self.is_cut(now) {
            self.fate.cut += 1;
        } else if lost {
            self.fate.lost += 1;
        } else if self.on_the_way.len() >= ON_THE_WAY_MAX {
            self.fate.overflowed += 1;
        } else {
            self.on_the_way.push_back((now + self.impairment.delay, packet));
        }
    }

    /// The next packet that has arrived.
    pub fn poll(&mut self, now: Instant) -> Option<P> {
        let packet = self.on_the_way.pop_front_if(|(due, _)| *due <= now)?.1;
        self.fate.delivered += 1;
        Some(packet)
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.on_the_way.front().map(|(due, _)| *due)
    }

    /// What became of the packets so far.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate
    }

    fn is_cut(&self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.start);
        self.impairment
            .cut
            .is_some_and(|cut| since >= cut.at && since < cut.at + cut.lasts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends packets 1 ms apart and returns those that came out.
    fn through(impairment: Impairment, seed: u64, count: u32) -> (Vec<u32>, Fate) {
        let start = Instant::now();
        let mut queue = Queue::new(impairment, start, seed);
        let mut came = Vec::new();
        let mut now = start;
        for number in 0..count {
            queue.push(now, number);
            now += Duration::from_millis(1);
            came.extend(std::iter::from_fn(|| queue.poll(now)));
        }
        now += Duration::from_secs(60);
        came.extend(std::iter::from_fn(|| queue.poll(now)));
        (came, queue.fate())
    }

    #[test]
    fn a_perfect_line_changes_nothing() {
        let (came, fate) = through(Impairment::default(), 1, 1_000);
        assert_eq!(came, (0..1_000).collect::<Vec<_>>());
        assert_eq!(fate.delivered, 1_000);
    }

    #[test]
    fn loss_is_as_told_and_the_same_for_the_same_seed() {
        let lossy = Impairment {
            loss: 0.05,
            ..Default::default()
        };
        let (first, fate) = through(lossy, 7, 20_000);
        assert!((900..1_100).contains(&fate.lost), "{}", fate.lost);
        assert_eq!(first, through(lossy, 7, 20_000).0);
        assert_ne!(first, through(lossy, 8, 20_000).0);
    }

    #[test]
    fn delay_keeps_order_and_is_exact() {
        let start = Instant::now();
        let delay = Duration::from_millis(80);
        let slow = Impairment {
            delay,
            ..Default::default()
        };
        let mut queue = Queue::new(slow, start, 1);
        queue.push(start, 'a');
        queue.push(start + Duration::from_millis(10), 'b');
        assert_eq!(queue.deadline(), Some(start + delay));
        assert_eq!(queue.poll(start + Duration::from_millis(79)), None);
        assert_eq!(queue.poll(start + delay), Some('a'));
        assert_eq!(queue.poll(start + delay), None);
        assert_eq!(queue.poll(start + Duration::from_millis(90)), Some('b'));
    }

    #[test]
    fn an_outage_takes_everything_and_then_ends() {
        let cut = Impairment {
            cut: Some(Cut {
                at: Duration::from_millis(100),
                lasts: Duration::from_millis(50),
            }),
            ..Default::default()
        };
        let (came, fate) = through(cut, 1, 300);
        assert_eq!(fate.cut, 50);
        assert!(came.contains(&99) && !came.contains(&100) && !came.contains(&149) && came.contains(&150));
    }

    #[test]
    fn what_is_on_the_way_is_bounded() {
        let start = Instant::now();
        let far = Impairment {
            delay: Duration::from_secs(10),
            ..Default::default()
        };
        let mut queue = Queue::new(far, start, 1);
        (0..ON_THE_WAY_MAX + 10).for_each(|number| queue.push(start, number));
        assert_eq!(queue.fate().overflowed, 10);
    }
}
