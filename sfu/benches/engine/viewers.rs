//! Viewers that count what comes and keep their connection. They read at a pace of their own: on loopback a sender would else pay for
//! waking them, and the more the slower it is, where on a network the receivers are other machines.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use crate::client::{self, Client, PATIENCE};
use crate::publisher::{SAMPLES, Studio};
use crate::wire::Engine;

/// How often they look for what came.
const PACE: Duration = Duration::from_millis(10);

/// All viewers but the studio's.
pub struct Hall {
    poll: Poll,
    viewers: Vec<Client>,
}

/// What came so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    pub packets: u64,
    pub lost: u64,
}

/// Viewers on their thread.
pub struct Running {
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
}

#[derive(Default)]
struct Shared {
    packets: AtomicU64,
    lost: AtomicU64,
    stop: AtomicBool,
}

impl Hall {
    /// `viewers`, less those of the studio, join at once.
    pub fn open(engine: &mut Engine, viewers: usize, studio: &mut Studio) -> Self {
        let poll = Poll::new().expect("a poll");
        let mut hall = Self {
            poll,
            viewers: Vec::new(),
        };
        let (mut events, mut buffer) = (Events::with_capacity(1_024), client::buffer());
        for token in 0..viewers - SAMPLES {
            let client = Client::join(engine, false, hall.poll.registry(), token);
            hall.viewers.push(client);
            hall.turn(Duration::ZERO, &mut events, &mut buffer, &mut |_| {});
        }
        let began = Instant::now();
        while !hall.viewers.iter().all(|viewer| viewer.connected) {
            assert!(began.elapsed() < PATIENCE, "not all viewers connected");
            hall.turn(Duration::from_millis(5), &mut events, &mut buffer, &mut |_| {});
            studio.turn();
        }
        hall
    }

    /// Waits for datagrams, at most `wait`; RTP goes to `rtp`, the rest to str0m.
    fn turn(&mut self, wait: Duration, events: &mut Events, buffer: &mut [u8], rtp: &mut impl FnMut(&[u8])) {
        // Interrupted: the next turn waits again.
        let _ = self.poll.poll(events, Some(wait));
        for event in events.iter() {
            let Some(viewer) = self.viewers.get_mut(event.token().0) else {
                continue;
            };
            read(viewer, buffer, rtp);
        }
        self.pass();
    }

    /// Takes what came to any of them, without waiting.
    fn look(&mut self, buffer: &mut [u8], rtp: &mut impl FnMut(&[u8])) {
        for viewer in &mut self.viewers {
            read(viewer, buffer, rtp);
        }
        self.pass();
    }

    fn pass(&mut self) {
        let now = Instant::now();
        for viewer in self.viewers.iter_mut().filter(|viewer| viewer.due <= now) {
            viewer.turn(&mut |_, _| {});
        }
    }

    /// Goes on in a thread.
    pub fn run(mut self) -> Running {
        let addresses = self.viewers.iter().map(Client::address).collect();
        for viewer in &mut self.viewers {
            viewer.leave(self.poll.registry());
        }
        let shared = Arc::new(Shared::default());
        let counts = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut buffer = client::buffer();
            let mut last: HashMap<u32, u16> = HashMap::new();
            let mut next = Instant::now();
            while !counts.stop.load(Ordering::Relaxed) {
                next += PACE;
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
                let (mut packets, mut lost) = (0, 0);
                self.look(&mut buffer, &mut |datagram| {
                    packets += 1;
                    lost += missing(&mut last, datagram);
                });
                counts.packets.fetch_add(packets, Ordering::Relaxed);
                counts.lost.fetch_add(lost, Ordering::Relaxed);
            }
        });
        Running {
            thread,
            shared,
            addresses,
        }
    }
}

impl Running {
    /// What came so far.
    pub fn counted(&self) -> Counted {
        Counted {
            packets: self.shared.packets.load(Ordering::Relaxed),
            lost: self.shared.lost.load(Ordering::Relaxed),
        }
    }

    /// Where the viewers are.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    /// Ends them.
    pub fn stop(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the viewers end");
    }
}

/// RTP goes to `rtp`, the rest to str0m.
fn read(viewer: &mut Client, buffer: &mut [u8], rtp: &mut impl FnMut(&[u8])) {
    viewer.receive(buffer, |viewer, source, datagram| {
        if is_rtp(datagram) {
            rtp(datagram);
        } else {
            viewer.take(source, datagram, &mut |_, _| {});
        }
    });
}

/// RTP and not RTCP (RFC 7983, RFC 5761 §4).
fn is_rtp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, second, ..] if !(192..=223).contains(second))
}

/// Numbers left out before this packet of its stream. Streams have random SSRCs.
fn missing(last: &mut HashMap<u32, u16>, datagram: &[u8]) -> u64 {
    let [_, _, high, low, _, _, _, _, a, b, c, d, ..] = *datagram else {
        return 0;
    };
    let number = u16::from_be_bytes([high, low]);
    match last.insert(u32::from_be_bytes([a, b, c, d]), number) {
        Some(before) => match number.wrapping_sub(before) {
            step @ 1..0x8000 => u64::from(step - 1),
            _ => 0,
        },
        None => 0,
    }
}
