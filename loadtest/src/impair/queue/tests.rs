use super::*;
use crate::impair::loss::Loss;
use crate::impair::script::{Impairment, Step};

/// Bytes of a packet in these tests.
const SIZE: usize = 1_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Sends packets 1 ms apart and returns those that came out, with the time they took.
fn times(script: Script, seed: u64, count: u32) -> (Vec<(u32, Duration)>, Fate) {
    let start = Instant::now();
    let mut queue = Queue::new(script, start, seed);
    let mut came = Vec::new();
    for step in 0..count + 60_000 {
        let now = start + ms(u64::from(step));
        came.extend(std::iter::from_fn(|| {
            let number = queue.poll(now)?;
            Some((number, now - (start + ms(u64::from(number)))))
        }));
        if step < count {
            queue.push(now, SIZE, step);
        } else if queue.deadline().is_none() {
            break;
        }
    }
    (came, queue.fate())
}

fn through(is: Impairment, seed: u64, count: u32) -> (Vec<u32>, Fate) {
    let (came, fate) = times(Script::always(is), seed, count);
    (came.into_iter().map(|(number, _)| number).collect(), fate)
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
        loss: Loss::random(0.05),
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
    let slow = Impairment {
        delay: ms(80),
        ..Default::default()
    };
    let mut queue = Queue::new(Script::always(slow), start, 1);
    queue.push(start, SIZE, 'a');
    queue.push(start + ms(10), SIZE, 'b');
    assert_eq!(queue.deadline(), Some(start + ms(80)));
    assert_eq!(queue.poll(start + ms(79)), None);
    assert_eq!(queue.poll(start + ms(80)), Some('a'));
    assert_eq!(queue.poll(start + ms(80)), None);
    assert_eq!(queue.poll(start + ms(90)), Some('b'));
}

#[test]
fn jitter_varies_the_delay_and_keeps_order() {
    let jittery = Impairment {
        delay: ms(40),
        jitter: ms(30),
        ..Default::default()
    };
    let (came, _) = times(Script::always(jittery), 1, 2_000);
    assert!(came.is_sorted_by_key(|(number, _)| *number));
    let (least, most) = (
        came.iter().map(|(_, took)| *took).min(),
        came.iter().map(|(_, took)| *took).max(),
    );
    assert!(
        least >= Some(ms(40)) && most <= Some(ms(71)),
        "{least:?} {most:?}"
    );
    assert!(most > Some(ms(60)), "{most:?}");
}

#[test]
fn some_packets_are_overtaken_and_none_is_lost() {
    let mixed = Impairment {
        reorder: 0.1,
        ..Default::default()
    };
    let (came, fate) = through(mixed, 1, 2_000);
    assert_eq!(fate.delivered, 2_000);
    let overtaken = came.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!((120..250).contains(&overtaken), "{overtaken}");
}

#[test]
fn a_narrow_place_delays_and_then_drops_what_does_not_fit() {
    // 1,000 bytes a millisecond are 8 Mbit/s; half of that fits.
    let narrow = Impairment {
        rate: Some(Rate {
            kbps: 4_000,
            queue: ms(100),
        }),
        ..Default::default()
    };
    let (came, fate) = times(Script::always(narrow), 1, 2_000);
    let last = came.last().map(|(_, took)| *took);
    assert!(last >= Some(ms(98)) && last <= Some(ms(104)), "{last:?}");
    let half = 1_000 + 100 / 2;
    assert!(fate.delivered.abs_diff(half) < 10, "{fate:?}");
    assert_eq!(fate.delivered + fate.overflowed, 2_000);
}

#[test]
fn a_rate_that_is_enough_only_delays_by_its_length() {
    let wide = Impairment {
        rate: Some(Rate {
            kbps: 16_000,
            queue: ms(100),
        }),
        ..Default::default()
    };
    let (came, fate) = times(Script::always(wide), 1, 500);
    assert_eq!((fate.delivered, fate.overflowed), (500, 0));
    // Half a millisecond each, seen at the next whole one.
    assert!(came.iter().all(|(_, took)| *took == ms(1)));
}

#[test]
fn an_outage_takes_everything_and_then_ends() {
    let cut = |at, cut| Step {
        at: ms(at),
        is: Impairment {
            cut,
            ..Default::default()
        },
    };
    let (came, fate) = times(Script::new(vec![cut(100, true), cut(150, false)]), 1, 300);
    let came = |number| came.iter().any(|(one, _)| *one == number);
    assert_eq!(fate.cut, 50);
    assert!(came(99) && !came(100) && !came(149) && came(150));
}

#[test]
fn what_is_on_the_way_is_bounded() {
    let start = Instant::now();
    let far = Impairment {
        delay: Duration::from_secs(10),
        ..Default::default()
    };
    let mut queue = Queue::new(Script::always(far), start, 1);
    (0..ON_THE_WAY_MAX + 10).for_each(|number| queue.push(start, SIZE, number));
    assert_eq!(queue.fate().overflowed, 10);
}
