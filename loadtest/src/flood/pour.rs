//! Sends at a rate, from many addresses, on a thread of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::rngs::StdRng;

use crate::cpu::Cpu;

/// Addresses it comes from.
const STRANGERS: usize = 200;
/// Between looks at the clock.
const TICK: Duration = Duration::from_micros(500);
/// Packets between looks at the clock while it is behind.
const BURST: u64 = 64;
/// What it is behind by more is not made up for: a flood is not to become a burst.
const BEHIND: Duration = Duration::from_millis(20);
/// Longest time it may last.
pub const LONGEST: Duration = Duration::from_secs(60);
/// Highest rate.
pub const FASTEST: u32 = 500_000;

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Poured {
    /// Packets.
    pub sent: u64,
    /// Packets the system did not take.
    pub refused: u64,
    /// How long it took, in s.
    pub seconds: f64,
    /// Processor time that sending took, in s. On one machine the kernel bills what reception costs it here too.
    pub cpu_s: f64,
}

/// Sockets of many addresses, where the machine is its own server; of many ports otherwise.
///
/// # Errors
///
/// When there are no ports left.
pub fn strangers(target: SocketAddr, own_machine: bool, rng: &mut StdRng) -> std::io::Result<Vec<UdpSocket>> {
    (0..STRANGERS)
        .map(|_| {
            let address: IpAddr = match target {
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                SocketAddr::V4(_) if own_machine => {
                    Ipv4Addr::new(127, rng.random(), rng.random(), rng.random_range(2..250)).into()
                }
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            };
            let socket = UdpSocket::bind((address, 0))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
        .collect()
}

/// Sends `packets` over and over, `rate` of them a second, from the sockets in turn, each to the address beside it.
#[must_use]
pub fn pour(from: &[(UdpSocket, SocketAddr)], packets: &[Vec<u8>], rate: u32, lasts: Duration) -> Poured {
    let mut poured = Poured::default();
    if from.is_empty() || packets.is_empty() {
        return poured;
    }
    let rate = f64::from(rate.min(FASTEST));
    let lasts = lasts.min(LONGEST);
    let used = || Cpu::of_this_thread().unwrap_or_default();
    let (before, start) = (used(), Instant::now());
    let mut pairs = from.iter().cycle();
    let mut packets = packets.iter().cycle();
    // Packets that are taken to be sent.
    let mut done = 0_u64;
    loop {
        let passed = start.elapsed();
        if passed >= lasts {
            break;
        }
        let at = |time: Duration| (time.as_secs_f64() * rate) as u64;
        done = done.max(at(passed.saturating_sub(BEHIND)));
        let now = (at(passed) - done.min(at(passed))).min(BURST);
        if now == 0 {
            std::thread::sleep(TICK);
            continue;
        }
        for _ in 0..now {
            let (Some((socket, to)), Some(packet)) = (pairs.next(), packets.next()) else {
                break;
            };
            match socket.send_to(packet, to) {
                Ok(_) => poured.sent += 1,
                Err(_) => poured.refused += 1,
            }
        }
        done += now;
    }
    let after = used();
    poured.seconds = start.elapsed().as_secs_f64();
    poured.cpu_s = after.user_s + after.system_s - before.user_s - before.system_s;
    poured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_sent_than_the_rate_says_and_it_ends() {
        let sink = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let to = sink.local_addr().expect("bound");
        let poured = pour(
            &[(socket, to)],
            &[vec![1, 2, 3]],
            2_000,
            Duration::from_millis(100),
        );
        assert!((1..=200).contains(&poured.sent), "{poured:?}");
        let mut buffer = [0; 8];
        assert_eq!(sink.recv(&mut buffer).expect("it came"), 3);
    }
}
