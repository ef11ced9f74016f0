//! One TCP connection of a peer.

use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use socket2::SockRef;

use super::backlog::{self, Backlog};
use crate::framing;
use crate::metrics::Metrics;
use crate::shard::{Path, Transmit};

/// Bytes that may lie in the kernel unsent. What waits there cannot be dropped any more, and delays all that comes behind it.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 16 * 1024;
/// When nothing sent is acknowledged for so long, the kernel gives the connection up.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// What reading gave.
pub(super) enum Input {
    /// The buffer holds so many bytes, from the beginning of a datagram on.
    Bytes(usize),
    /// Nothing more now.
    Nothing,
    /// The other side closed.
    End,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) io: TcpStream,
    pub(super) path: Path,
    /// The beginning of a datagram whose end has not come.
    tail: Vec<u8>,
    backlog: Backlog,
    /// A check of its path passed once.
    pub(super) proven: bool,
    /// Writing failed: it will be closed.
    pub(super) broken: bool,
    /// It waits for its turn to be read.
    pub(super) queued: bool,
    /// When its path was a peer's last, or when it was accepted.
    pub(super) known: Instant,
    /// When a whole datagram came last.
    pub(super) heard: Instant,
}

impl Stream {
    /// An accepted connection.
    pub(super) fn new(now: Instant, io: TcpStream, path: Path) -> Self {
        tune(&io);
        Self {
            io,
            path,
            tail: Vec::new(),
            backlog: Backlog::default(),
            proven: false,
            broken: false,
            queued: false,
            known: now,
            heard: now,
        }
    }

    /// Reads into `buffer`, behind what is left from before.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Input> {
        let kept = self.tail.len();
        buffer[..kept].copy_from_slice(&self.tail);
        loop {
            return match self.io.read(&mut buffer[kept..]) {
                Ok(0) => Ok(Input::End),
                Ok(read) => Ok(Input::Bytes(kept + read)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Input::Nothing),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// Keeps the beginning of a datagram until its end comes.
    pub(super) fn keep(&mut self, tail: &[u8]) {
        self.tail.clear();
        self.tail.extend_from_slice(tail);
    }

    /// Sends datagrams, or keeps those that find room. `scratch` is for all connections of a thread.
    pub(super) fn send(
        &mut self,
        transmit: Transmit<'_>,
        scratch: &mut Vec<u8>,
        metrics: &Metrics,
    ) -> io::Result<()> {
        let before = self.backlog.len();
        if before > 0 {
            let dropped = self.backlog.append(transmit.contents, transmit.segment);
            metrics.tcp_dropped.add(dropped);
            metrics.tcp_backlog.change(before, self.backlog.len());
            return Ok(());
        }
        scratch.clear();
        for datagram in transmit.contents.chunks(transmit.segment.max(1)) {
            if !framing::append(scratch, datagram) {
                metrics.tcp_dropped.inc();
            }
        }
        metrics.sends.inc();
        let written = backlog::write(&mut self.io, scratch)?;
        if written < scratch.len() {
            self.backlog.keep(&scratch[written..]);
            metrics.tcp_backlog.change(0, self.backlog.len());
        }
        Ok(())
    }

    /// Sends what waits.
    pub(super) fn writable(&mut self, metrics: &Metrics) -> io::Result<()> {
        let before = self.backlog.len();
        if before == 0 {
            return Ok(());
        }
        metrics.sends.inc();
        let result = self.backlog.drain(&mut self.io);
        metrics.tcp_backlog.change(before, self.backlog.len());
        result
    }

    /// What is lost when it is closed.
    pub(super) fn waiting(&self) -> usize {
        self.backlog.len()
    }
}

/// Delay is not to hide in the kernel, and a dead line is to be noticed.
fn tune(io: &TcpStream) {
    let socket = SockRef::from(io);
    let settings = [
        socket.set_tcp_nodelay(true),
        #[cfg(target_os = "linux")]
        socket.set_tcp_notsent_lowat(UNSENT),
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED)),
    ];
    for error in settings.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "the kernel keeps its setting of a connection");
    }
}
