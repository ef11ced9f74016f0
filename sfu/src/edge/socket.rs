//! A UDP socket with GRO and GSO, and what to do when the kernel has neither.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use quinn_udp::{RecvMeta, Transmit as UdpTransmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};

use super::together;
use crate::metrics::Metrics;
use crate::shard::{Parcel, Path, Transmit};

/// Asked of the kernel; it gives what it allows.
const KERNEL_BUFFER: usize = 4 * 1024 * 1024;
/// Bytes that wait while the kernel takes no more; beyond, datagrams are dropped and counted.
const MAX_BACKLOG: usize = 4 * 1024 * 1024;

/// See the module.
pub(super) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    registry: Registry,
    token: Token,
    backlog: VecDeque<Waiting>,
    waiting: usize,
    /// It is said when the kernel takes more.
    watched: bool,
}

struct Waiting {
    path: Path,
    contents: Vec<u8>,
    segment: usize,
}

impl Socket {
    /// Binds and registers a socket.
    pub(super) fn bind(address: SocketAddr, registry: &Registry, index: usize) -> io::Result<Self> {
        let raw = RawSocket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        raw.set_nonblocking(true)?;
        raw.bind(&address.into())?;
        let mut io = UdpSocket::from_std(raw.into());
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        for result in [
            state.set_send_buffer_size(UdpSockRef::from(&io), KERNEL_BUFFER),
            state.set_recv_buffer_size(UdpSockRef::from(&io), KERNEL_BUFFER),
        ] {
            if let Err(error) = result {
                tracing::debug!(%error, "the kernel keeps its socket buffer size");
            }
        }
        let local = io.local_addr()?;
        let token = Token(index);
        registry.register(&mut io, token, Interest::READABLE)?;
        Ok(Self {
            io,
            state,
            local,
            registry: registry.try_clone()?,
            token,
            backlog: VecDeque::new(),
            waiting: 0,
            watched: false,
        })
    }

    /// Where it is bound.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Receives some datagrams; `WouldBlock` when there are none.
    pub(super) fn receive(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        self.state.recv(UdpSockRef::from(&self.io), buffers, metas)
    }

    /// Sends, or keeps what the kernel does not take now.
    pub(super) fn send(&mut self, transmit: Transmit<'_>, metrics: &Metrics) {
        if !self.backlog.is_empty() || self.now(transmit, metrics).is_err() {
            self.keep(transmit, metrics);
        }
    }

    /// As [`Self::send`], to several peers; those whose datagrams are of one length go by one call.
    pub(super) fn send_all(&mut self, bytes: &[u8], parcels: &[Parcel], metrics: &Metrics) {
        let mut left = parcels;
        while let Some(first) = left.first() {
            let alike = left.iter().take_while(|parcel| self.alike(first, parcel)).count();
            let sent = if self.backlog.is_empty() {
                together::send(&self.io, bytes, &left[..alike], metrics)
            } else {
                0
            };
            left = &left[sent..];
            if sent == 0 {
                self.send(first.transmit(bytes), metrics);
                left = &left[1..];
            }
        }
    }

    /// Whether two can go by one call: their datagrams are of one length that the kernel cuts, or are one each, and leave from the
    /// address the kernel chooses.
    fn alike(&self, one: &Parcel, other: &Parcel) -> bool {
        let cut = |parcel: &Parcel| parcel.range.len() > parcel.segment;
        let segments = other.range.len().div_ceil(other.segment.max(1));
        let known = other.path.local.is_some() && self.local.ip().is_unspecified();
        !known
            && segments <= self.state.max_gso_segments()
            && cut(one) == cut(other)
            && (!cut(one) || one.segment == other.segment)
    }

    /// Asks the kernel to say when it takes more, while something waits. Only then: it would wake the thread for every datagram that left.
    pub(super) fn watch(&mut self) {
        let wanted = !self.backlog.is_empty();
        if wanted == self.watched {
            return;
        }
        let interest = if wanted {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        match self.registry.reregister(&mut self.io, self.token, interest) {
            Ok(()) => self.watched = wanted,
            Err(error) => tracing::warn!(%error, "cannot wait for a socket"),
        }
    }

    /// Sends what waits.
    pub(super) fn writable(&mut self, metrics: &Metrics) {
        while let Some(waiting) = self.backlog.pop_front() {
            let transmit = Transmit {
                path: waiting.path,
                contents: &waiting.contents,
                segment: waiting.segment,
            };
            if self.now(transmit, metrics).is_err() {
                self.backlog.push_front(waiting);
                return;
            }
            self.waiting -= waiting.contents.len();
        }
    }

    fn keep(&mut self, transmit: Transmit<'_>, metrics: &Metrics) {
        if self.waiting + transmit.contents.len() > MAX_BACKLOG {
            metrics.send_failures.inc();
            return;
        }
        self.waiting += transmit.contents.len();
        self.backlog.push_back(Waiting {
            path: transmit.path,
            contents: transmit.contents.to_vec(),
            segment: transmit.segment,
        });
    }

    /// `Err` when the kernel would block; other failures are counted and the datagrams are gone.
    fn now(&self, transmit: Transmit<'_>, metrics: &Metrics) -> Result<(), WouldBlock> {
        let count = transmit.contents.len().div_ceil(transmit.segment.max(1));
        if count > 1 && count <= self.state.max_gso_segments() {
            match self.once(transmit, Some(transmit.segment), metrics) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(WouldBlock),
                // The kernel or the device refuses to segment: one by one.
                Err(_) => {}
            }
        }
        for contents in transmit.contents.chunks(transmit.segment.max(1)) {
            let one = Transmit { contents, ..transmit };
            match self.once(one, None, metrics) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(WouldBlock),
                Err(_) => metrics.send_failures.inc(),
            }
        }
        Ok(())
    }

    fn once(&self, transmit: Transmit<'_>, segment: Option<usize>, metrics: &Metrics) -> io::Result<()> {
        metrics.sends.inc();
        self.state.try_send(
            UdpSockRef::from(&self.io),
            &UdpTransmit {
                destination: transmit.path.remote,
                ecn: None,
                contents: transmit.contents,
                segment_size: segment,
                // A socket of one address sends from nowhere else.
                src_ip: transmit.path.local.filter(|_| self.local.ip().is_unspecified()),
            },
        )
    }
}

struct WouldBlock;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, UdpSocket as StdSocket};
    use std::time::Duration;

    use mio::Poll;

    use super::Socket;
    use crate::metrics::Metrics;
    use crate::shard::{Parcel, Path, Transmit};

    /// Far longer than loopback takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn receiver() -> StdSocket {
        let socket = StdSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option");
        socket
    }

    fn path(receiver: &StdSocket) -> Path {
        Path {
            socket: 0,
            remote: receiver.local_addr().expect("bound"),
            local: None,
        }
    }

    fn comes(receiver: &StdSocket, datagram: &[u8]) {
        let mut buffer = [0; 2_048];
        let len = receiver.recv(&mut buffer).expect("a datagram");
        assert_eq!(&buffer[..len], datagram);
    }

    #[test]
    fn what_goes_to_several_peers_at_once_arrives_cut_as_it_was_written() {
        let poll = Poll::new().expect("a poll");
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut socket = Socket::bind(here, poll.registry(), 0).expect("a socket");
        let metrics = Metrics::default();
        let receivers: Vec<_> = (0..40).map(|_| receiver()).collect();
        // Frames of two lengths and sound between them, so that runs end and begin.
        let lengths = |at: usize| match at % 5 {
            4 => (80, 80),
            0 | 1 => (250, 100),
            _ => (300, 120),
        };
        let (mut bytes, mut parcels) = (Vec::new(), Vec::new());
        for (at, receiver) in receivers.iter().enumerate() {
            let start = bytes.len();
            let (len, segment) = lengths(at);
            bytes.resize(start + len, at as u8);
            bytes[start] = 0xff;
            parcels.push(Parcel {
                path: path(receiver),
                range: start..bytes.len(),
                segment,
            });
        }
        socket.send_all(&bytes, &parcels, &metrics);
        let whole = vec![7; 1_200];
        socket.send(
            Transmit {
                path: path(&receivers[0]),
                contents: &whole,
                segment: whole.len(),
            },
            &metrics,
        );
        for (receiver, parcel) in receivers.iter().zip(&parcels) {
            for datagram in bytes[parcel.range.clone()].chunks(parcel.segment) {
                comes(receiver, datagram);
            }
        }
        comes(&receivers[0], &whole);
        assert!(metrics.sends.get() < 40, "{} calls", metrics.sends.get());
    }
}
