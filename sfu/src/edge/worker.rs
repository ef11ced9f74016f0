//! One thread: waits for datagrams, orders and deadlines, and feeds them to its shard.

mod streams;

use std::io::{self, IoSliceMut};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta};
use tokio::sync::mpsc;

use super::outlet::Edge;
use super::socket::Socket;
use super::streams::Streams;
use super::{Mailbox, Order};
use crate::api::Event;
use crate::metrics::Metrics;
use crate::shard::{Command, Path, Relay, Shard, ShardConfig, earlier};

/// Wakes for orders and relays.
pub(super) const WAKE: Token = Token(usize::MAX);
/// Bytes one receive buffer holds: what GRO puts together.
const BUFFER: usize = 64 * 1024;
/// A thread that panics more often ends: something is broken for good.
const MAX_PANICS: u32 = 1_000;
/// Receive calls in a round before deadlines are looked at again.
const ROUNDS: usize = 16;

/// See the module.
pub(super) struct Worker {
    shard: Shard,
    poll: Poll,
    edge: Edge,
    orders: Receiver<Order>,
    relays: Receiver<Relay>,
    metrics: Arc<Metrics>,
    buffer: Vec<u8>,
    metas: Vec<RecvMeta>,
    /// A socket has more than the last round took.
    more: bool,
}

impl Worker {
    /// With everything it needs but the other threads.
    pub(super) fn new(
        config: ShardConfig,
        poll: Poll,
        sockets: Vec<Socket>,
        streams: Streams,
        orders: Receiver<Order>,
        relays: Receiver<Relay>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let metrics = Arc::clone(&config.metrics);
        Self {
            edge: Edge::new(sockets, streams, events, Arc::clone(&metrics)),
            shard: Shard::new(config),
            poll,
            orders,
            relays,
            metrics,
            buffer: vec![0; BUFFER * BATCH_SIZE],
            metas: vec![RecvMeta::default(); BATCH_SIZE],
            more: false,
        }
    }

    /// Makes all threads known.
    pub(super) fn meet(&mut self, mailboxes: Vec<Mailbox>) {
        self.edge.meet(mailboxes);
    }

    /// Until it is told to stop or nobody holds the engine any more. A panic is a bug of ours: it is counted, what the round
    /// had left to do is lost, and the thread's other peers go on.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(64);
        let mut panics = 0;
        loop {
            let round = catch_unwind(AssertUnwindSafe(|| self.round(&mut events)));
            match round {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return,
                Err(_) => {
                    self.metrics.panics.inc();
                    panics += 1;
                    tracing::error!(panics, "a media thread's round ended in a panic");
                    if panics >= MAX_PANICS {
                        return;
                    }
                }
            }
        }
    }

    fn round(&mut self, events: &mut Events) -> ControlFlow<()> {
        let due = earlier(self.shard.poll_timeout(), self.edge.streams.deadline());
        let timeout = match due {
            _ if self.more || self.edge.streams.busy() => Some(Duration::ZERO),
            due => due.map(|due| due.saturating_duration_since(Instant::now())),
        };
        match self.poll.poll(events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::error!(%error, "a media thread cannot wait for its sockets");
                return ControlFlow::Break(());
            }
        }
        if events.iter().any(mio::event::Event::is_writable) {
            for socket in &mut self.edge.sockets {
                socket.writable(&self.metrics);
            }
        }
        for event in events.iter() {
            self.edge.streams.note(event, &self.metrics);
        }
        // Looked at again if this round does not come to its end.
        self.more = true;
        let stop = self.take_orders();
        self.take_relays();
        let mut more = false;
        for index in 0..self.edge.sockets.len() {
            more |= self.receive(index);
        }
        self.more = more;
        self.serve_streams();
        self.shard.handle_timeout(Instant::now(), &mut self.edge);
        self.edge.wake_others();
        for socket in &mut self.edge.sockets {
            socket.watch();
        }
        if stop {
            self.shard.stop(Instant::now(), &mut self.edge);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Returns whether to stop.
    fn take_orders(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Shard(command)) => self.command(command),
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    fn take_relays(&mut self) {
        while let Ok(relay) = self.relays.try_recv() {
            self.command(Command::Relay(relay));
        }
    }

    fn command(&mut self, command: Command) {
        self.shard.handle_command(Instant::now(), command, &mut self.edge);
    }

    /// Takes what a socket has. Returns whether it has more.
    fn receive(&mut self, index: usize) -> bool {
        for _ in 0..ROUNDS {
            let mut chunks = self.buffer.chunks_mut(BUFFER);
            let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let received = match self.edge.sockets[index].receive(&mut buffers, &mut self.metas) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // ICMP errors of peers that went away come up here.
                Err(_) => continue,
            };
            let now = Instant::now();
            for (meta, buffer) in self.metas[..received].iter().zip(self.buffer.chunks_mut(BUFFER)) {
                let path = Path {
                    socket: index,
                    remote: meta.addr,
                    local: meta.dst_ip,
                };
                for datagram in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                    self.shard.handle_datagram(now, path, datagram, &mut self.edge);
                }
            }
            if received < BATCH_SIZE {
                // The kernel had no more; what comes from now on wakes the thread.
                return false;
            }
        }
        true
    }
}
