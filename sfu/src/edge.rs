//! Sockets, threads and the clock: the only module of the engine that has any.

mod addresses;
mod backlog;
mod cpus;
mod outlet;
mod socket;
mod stream;
mod streams;
mod together;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Instant, SystemTime};

use mio::Waker;
use tokio::sync::mpsc;

use crate::api::{EngineConfig, Event, StartError};
use crate::dtls::Identity;
use crate::metrics::Metrics;
use crate::shard::{Clock, Command, Relay, ShardConfig};
pub(crate) use addresses::reached_at;
use socket::Socket;
use streams::Streams;
use worker::Worker;

/// Commands a thread has not taken yet.
const MAX_COMMANDS: usize = 16_384;
/// Packets of other threads a thread has not taken yet: 200 ms of 40 publishers.
const MAX_RELAYED: usize = 8_192;

/// How often a port that the system chose for UDP may be taken for TCP.
const PORT_TRIES: usize = 32;

/// What a thread is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// For its shard.
    Shard(Command),
    /// Say goodbye to all peers and end.
    Stop,
}

/// How others reach a thread.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    orders: SyncSender<Order>,
    relays: SyncSender<Relay>,
    waker: Arc<Waker>,
}

impl Mailbox {
    /// Gives an order. `false` when the queue is full or the thread ended.
    pub(crate) fn order(&self, order: Order) -> bool {
        let sent = match self.orders.try_send(order) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        };
        self.wake();
        sent
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::warn!(%error, "cannot wake a media thread");
        }
    }
}

/// A running thread.
#[derive(Debug)]
pub(crate) struct Running {
    /// How to reach it.
    pub(crate) mailbox: Mailbox,
    /// Addresses its sockets are bound to.
    pub(crate) bound: Vec<SocketAddr>,
    /// Where peers reach it, best first.
    pub(crate) candidates: Vec<SocketAddr>,
    /// Its metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// To wait for its end.
    pub(crate) thread: std::thread::JoinHandle<()>,
}

struct Prepared {
    worker: Worker,
    mailbox: Mailbox,
    bound: Vec<SocketAddr>,
    candidates: Vec<SocketAddr>,
    metrics: Arc<Metrics>,
}

/// Binds all sockets, then starts all threads.
pub(crate) fn start(
    config: &EngineConfig,
    identity: &Identity,
    events: &mpsc::Sender<Event>,
) -> Result<Vec<Running>, StartError> {
    let threads = match config.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    cpus::check(&config.cpus)?;
    let announce = addresses::announced(config)?;
    let clock = Clock {
        epoch: Instant::now(),
        unix_us: SystemTime::UNIX_EPOCH
            .elapsed()
            .map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX)),
    };
    let mut prepared = Vec::with_capacity(threads);
    for id in 0..threads {
        let metrics = Arc::new(Metrics::default());
        let shard = ShardConfig {
            id,
            coalesce: config.coalesce,
            consent_timeout: config.consent_timeout,
            identity: identity.clone(),
            metrics: Arc::clone(&metrics),
            clock,
        };
        prepared.push(prepare(config, shard, &announce, events)?);
    }
    let mailboxes: Vec<Mailbox> = prepared.iter().map(|one| one.mailbox.clone()).collect();
    prepared
        .into_iter()
        .enumerate()
        .map(|(id, mut one)| {
            one.worker.meet(mailboxes.clone());
            let worker = one.worker;
            let cpus = config.cpus.clone();
            let thread = std::thread::Builder::new()
                .name(format!("sfu-{id}"))
                .spawn(move || {
                    cpus::keep_to(&cpus, id);
                    worker.run();
                })
                .map_err(StartError::Thread)?;
            Ok(Running {
                mailbox: one.mailbox,
                bound: one.bound,
                candidates: one.candidates,
                metrics: one.metrics,
                thread,
            })
        })
        .collect()
}

fn prepare(
    config: &EngineConfig,
    shard: ShardConfig,
    announce: &[std::net::IpAddr],
    events: &mpsc::Sender<Event>,
) -> Result<Prepared, StartError> {
    let id = shard.id;
    let port = match config.media_port {
        0 => 0,
        first => first.saturating_add(u16::try_from(id).unwrap_or(u16::MAX)),
    };
    let poll = mio::Poll::new().map_err(StartError::Thread)?;
    let waker = Waker::new(poll.registry(), worker::WAKE).map_err(StartError::Thread)?;
    let registry = poll.registry().try_clone().map_err(StartError::Thread)?;
    let mut streams = Streams::new(registry);
    let mut sockets = Vec::new();
    let mut bound = Vec::new();
    for (index, ip) in config.bind.iter().enumerate() {
        let address = SocketAddr::new(*ip, port);
        let listener = config.tcp.then_some(&mut streams);
        let socket = bind(address, poll.registry(), index, listener)?;
        bound.push(socket.local());
        sockets.push(socket);
    }
    let candidates = addresses::candidates(&bound, announce);
    let (orders, order_receiver): (_, Receiver<Order>) = sync_channel(MAX_COMMANDS);
    let (relays, relay_receiver) = sync_channel(MAX_RELAYED);
    let mailbox = Mailbox {
        orders,
        relays,
        waker: Arc::new(waker),
    };
    let metrics = Arc::clone(&shard.metrics);
    let worker = Worker::new(
        shard,
        poll,
        sockets,
        streams,
        order_receiver,
        relay_receiver,
        events.clone(),
    );
    Ok(Prepared {
        worker,
        mailbox,
        bound,
        candidates,
        metrics,
    })
}

/// Binds UDP, and TCP at the same port.
fn bind(
    address: SocketAddr,
    registry: &mio::Registry,
    index: usize,
    mut streams: Option<&mut Streams>,
) -> Result<Socket, StartError> {
    let chosen_by_system = address.port() == 0;
    let mut tries = 0;
    loop {
        let socket =
            Socket::bind(address, registry, index).map_err(|error| StartError::Bind { address, error })?;
        let Some(streams) = &mut streams else {
            return Ok(socket);
        };
        let address = SocketAddr::new(address.ip(), socket.local().port());
        match streams.listen(address) {
            Ok(()) => return Ok(socket),
            Err(error) => {
                tries += 1;
                let taken = error.kind() == std::io::ErrorKind::AddrInUse;
                if !taken || tries >= PORT_TRIES || !chosen_by_system {
                    return Err(StartError::Listen { address, error });
                }
            }
        }
    }
}
