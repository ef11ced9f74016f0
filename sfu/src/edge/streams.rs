//! A thread's TCP side (RFC 6544: passive candidates): it listens where the UDP socket is bound, takes connections within bounds, and
//! closes those that are no peer's.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use slab::Slab;
use socket2::{Domain, Protocol, Socket as RawSocket, Type};

use super::stream::Stream;
use crate::metrics::Metrics;
use crate::shard::{Path, Shard, Transmit};

/// Connections of a thread. With a backlog each, at worst 256 MiB, but only who knows a peer's password is sent anything.
const MAX_STREAMS: usize = 2_048;
/// Connections of one address (of one /64) that passed no check yet: a county's classrooms behind one NAT come at the same bell.
const MAX_UNPROVEN: usize = 256;
/// Connections accepted in a round.
const ACCEPTS: usize = 64;
/// Not accepted yet, in the kernel.
const KERNEL_QUEUE: i32 = 1_024;
/// Send and receive buffer in the kernel: what is under way on a line of 4 Mbit/s and 500 ms.
const KERNEL_BUFFER: usize = 256 * 1024;
/// A connection has to pass a check within this, and is closed so long after its peer went away.
const CHECK_PATIENCE: Duration = Duration::from_secs(10);
/// Without a whole datagram for so long, it is closed. Browsers check what they do not use every 25 s.
const IDLE: Duration = Duration::from_secs(60);
/// Times are looked at this often.
const SWEEP: Duration = Duration::from_secs(1);
/// Tokens of listeners; those of connections are [`Path::socket`].
const LISTENERS: usize = Path::TCP >> 1;

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// By the other side.
    Peer,
    /// Reading or writing failed.
    Error,
    /// A length that is not one.
    Frame,
    /// No check passed in time, or something else came before it.
    Unchecked,
    /// Nothing came.
    Idle,
}

#[derive(Debug)]
struct Listener {
    io: TcpListener,
    /// It may have connections.
    ready: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Streams {
    registry: Registry,
    listeners: Vec<Listener>,
    streams: Slab<Stream>,
    /// Connections that passed no check, by address.
    unproven: HashMap<IpAddr, usize>,
    /// Tells connections at the same place of the slab apart.
    serial: u32,
    /// Connections that may have something to read, or that broke.
    queue: Vec<usize>,
    sweep_at: Option<Instant>,
    /// Datagrams behind their lengths, on their way to the kernel.
    scratch: Vec<u8>,
}

impl Streams {
    /// None yet.
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            listeners: Vec::new(),
            streams: Slab::new(),
            unproven: HashMap::new(),
            serial: 0,
            queue: Vec::new(),
            sweep_at: None,
            scratch: Vec::with_capacity(64 * 1024),
        }
    }

    /// Listens.
    pub(super) fn listen(&mut self, address: SocketAddr) -> io::Result<()> {
        let raw = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        // A server that starts again does not wait for the connections of the one before to be forgotten.
        raw.set_reuse_address(true)?;
        raw.set_nonblocking(true)?;
        // Those of its connections, too.
        raw.set_send_buffer_size(KERNEL_BUFFER)?;
        raw.set_recv_buffer_size(KERNEL_BUFFER)?;
        raw.bind(&address.into())?;
        raw.listen(KERNEL_QUEUE)?;
        let mut io = TcpListener::from_std(raw.into());
        let token = Token(LISTENERS + self.listeners.len());
        self.registry.register(&mut io, token, Interest::READABLE)?;
        self.listeners.push(Listener { io, ready: true });
        Ok(())
    }

    /// Takes note of what the kernel says; what it is not about is left alone.
    pub(super) fn note(&mut self, event: &Event, metrics: &Metrics) {
        let token = event.token().0;
        if token < LISTENERS {
            return;
        }
        if token < Path::TCP {
            if let Some(listener) = self.listeners.get_mut(token - LISTENERS) {
                listener.ready = true;
            }
            return;
        }
        let Some(stream) = find(&mut self.streams, token) else {
            return;
        };
        if event.is_writable() && stream.writable(metrics).is_err() {
            stream.broken = true;
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() || stream.broken {
            queue(stream, &mut self.queue);
        }
    }

    /// When it wants to be looked at, with or without news.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.sweep_at
    }

    /// Whether there is something to do at once.
    pub(super) fn busy(&self) -> bool {
        !self.queue.is_empty() || self.listeners.iter().any(|listener| listener.ready)
    }

    /// Accepts connections.
    pub(super) fn accept(&mut self, now: Instant, metrics: &Metrics) {
        for index in 0..self.listeners.len() {
            for _ in 0..ACCEPTS {
                if !self.listeners[index].ready {
                    break;
                }
                match self.listeners[index].io.accept() {
                    Ok((io, remote)) => self.admit(now, io, remote, metrics),
                    Err(error)
                        if matches!(
                            error.kind(),
                            io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                        ) => {}
                    Err(error) => {
                        self.listeners[index].ready = false;
                        if error.kind() != io::ErrorKind::WouldBlock {
                            // No descriptors left: again a little later.
                            metrics.tcp_refused_system.inc();
                            self.sweep_at = Some(self.sweep_at.unwrap_or(now + SWEEP));
                        }
                    }
                }
            }
        }
    }

    fn admit(&mut self, now: Instant, mut io: TcpStream, remote: SocketAddr, metrics: &Metrics) {
        if self.streams.len() >= MAX_STREAMS {
            metrics.tcp_refused_full.inc();
            return;
        }
        let address = network(remote.ip());
        let unproven = self.unproven.get(&address).copied().unwrap_or(0);
        if unproven >= MAX_UNPROVEN {
            metrics.tcp_refused_address.inc();
            return;
        }
        let entry = self.streams.vacant_entry();
        self.serial = self.serial.wrapping_add(1);
        let path = Path::tcp(entry.key(), self.serial, remote);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self
            .registry
            .register(&mut io, Token(path.socket), interest)
            .is_err()
        {
            metrics.tcp_refused_system.inc();
            return;
        }
        self.unproven.insert(address, unproven + 1);
        entry.insert(Stream::new(now, io, path));
        metrics.tcp_accepted.inc();
        metrics.tcp_connections.inc();
        self.sweep_at = Some(self.sweep_at.unwrap_or(now + SWEEP));
    }

    /// The next connection to read.
    pub(super) fn next(&mut self) -> Option<usize> {
        let socket = self.queue.pop()?;
        if let Some(stream) = find(&mut self.streams, socket) {
            stream.queued = false;
        }
        Some(socket)
    }

    /// Connections that wait to be read.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// A connection has more than its turn took: the others first.
    pub(super) fn again(&mut self, socket: usize) {
        let Self { streams, queue, .. } = self;
        if let Some(stream) = find(streams, socket)
            && !std::mem::replace(&mut stream.queued, true)
        {
            queue.insert(0, socket);
        }
    }

    /// A connection, unless it was closed.
    pub(super) fn get(&mut self, socket: usize) -> Option<&mut Stream> {
        find(&mut self.streams, socket)
    }

    /// A check of its path passed.
    pub(super) fn prove(&mut self, socket: usize) {
        if let Some(stream) = find(&mut self.streams, socket)
            && !std::mem::replace(&mut stream.proven, true)
        {
            less(&mut self.unproven, stream.path);
        }
    }

    /// Sends to a connection, unless it was closed.
    pub(super) fn send(&mut self, transmit: Transmit<'_>, metrics: &Metrics) {
        let Self {
            streams,
            scratch,
            queue: waiting,
            ..
        } = self;
        let Some(stream) = find(streams, transmit.path.socket) else {
            return;
        };
        if !stream.broken && stream.send(transmit, scratch, metrics).is_err() {
            stream.broken = true;
            queue(stream, waiting);
        }
    }

    /// Closes a connection. Its path, for the shard to forget.
    pub(super) fn close(&mut self, socket: usize, why: Closed, metrics: &Metrics) -> Option<Path> {
        let stream = find(&mut self.streams, socket)?;
        let (path, proven, waiting) = (stream.path, stream.proven, stream.waiting());
        if !proven {
            less(&mut self.unproven, path);
        }
        metrics.tcp_backlog.change(waiting, 0);
        metrics.tcp_connections.dec();
        match why {
            Closed::Peer => metrics.tcp_closed_peer.inc(),
            Closed::Error => metrics.tcp_closed_error.inc(),
            Closed::Frame => metrics.tcp_closed_frame.inc(),
            Closed::Unchecked => metrics.tcp_closed_unchecked.inc(),
            Closed::Idle => metrics.tcp_closed_idle.inc(),
        }
        // Counted before the other side sees it.
        self.streams.try_remove(path.place());
        Some(path)
    }

    /// Connections whose time is over, when it is time to look.
    pub(super) fn overdue(&mut self, now: Instant, shard: &Shard) -> Vec<(usize, Closed)> {
        if self.sweep_at.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let mut overdue = Vec::new();
        for (_, stream) in &mut self.streams {
            if shard.knows(stream.path) {
                stream.known = now;
            }
            if now.saturating_duration_since(stream.known) >= CHECK_PATIENCE {
                overdue.push((stream.path.socket, Closed::Unchecked));
            } else if now.saturating_duration_since(stream.heard) >= IDLE {
                overdue.push((stream.path.socket, Closed::Idle));
            }
        }
        for listener in &mut self.listeners {
            listener.ready = true;
        }
        self.sweep_at = (!self.streams.is_empty()).then(|| now + SWEEP);
        overdue
    }
}

fn find(streams: &mut Slab<Stream>, socket: usize) -> Option<&mut Stream> {
    streams
        .get_mut(Path::place_of(socket))
        .filter(|stream| stream.path.socket == socket)
}

fn queue(stream: &mut Stream, queue: &mut Vec<usize>) {
    if !std::mem::replace(&mut stream.queued, true) {
        queue.push(stream.path.socket);
    }
}

fn less(unproven: &mut HashMap<IpAddr, usize>, path: Path) {
    let address = network(path.remote.ip());
    if let Some(count) = unproven.get_mut(&address) {
        *count -= 1;
        if *count == 0 {
            unproven.remove(&address);
        }
    }
}

/// What is counted as one address: of IPv6 the /64 that a single host may have whole.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 64 << 64).into(),
    }
}
