//! One client of the relay, from its first byte to its last.

use std::future::pending;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Instant;

use sfu::turn::{Over, Refused, Session, Step};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::Turn;
use super::backlog::Backlog;
use super::bound::{Full, Held};
use super::socket::Socket;
use crate::metrics;

/// Bytes that are read at once.
const READ: usize = 8 * 1024;

/// Why a connection ended, for the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The client closed it.
    Client,
    /// The line broke.
    Error,
    /// What came was no TURN.
    Malformed,
    /// Its time was up.
    Over(Over),
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Error => "error",
            Self::Malformed => "malformed",
            Self::Over(Over::Unused) => "unused",
            Self::Over(Over::Expired) => "expired",
            Self::Over(Over::Idle) => "idle",
        }
    }
}

/// What a client has while it has an allocation.
struct Allocated {
    socket: Socket,
    _place: Held<String>,
    _counted: metrics::Held,
}

struct Connection<'a> {
    turn: &'a Turn,
    session: Session,
    backlog: Backlog,
    allocated: Option<Allocated>,
    /// Held until there is an allocation.
    fresh: Option<Held<std::net::IpAddr>>,
}

impl Turn {
    /// Serves a client that said `first` already.
    pub(super) async fn serve(&self, stream: impl AsyncRead + AsyncWrite, client: SocketAddr, first: &[u8]) {
        let Ok(fresh) = self.fresh.take(client.ip()) else {
            self.metrics.refused.with_label_values(&["fresh"]).inc();
            return;
        };
        let _counted = metrics::Held::new(&self.metrics.connections);
        let unix_s = self.clock.now().unix_timestamp();
        let mut connection = Connection {
            turn: self,
            session: Session::new(self.realm.clone(), client, now(), unix_s),
            backlog: Backlog::default(),
            allocated: None,
            fresh: Some(fresh),
        };
        let ended = connection.run(stream, first).await;
        tracing::debug!(?ended, "a connection of the relay is over");
        self.metrics.closed.with_label_values(&[ended.word()]).inc();
    }
}

/// By the runtime's clock, which tests may hold.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn readable(allocated: Option<&Allocated>) {
    match allocated {
        // What is wrong with a socket is seen when it is read.
        Some(allocated) => drop(allocated.socket.readable().await),
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}

impl Connection<'_> {
    async fn run(&mut self, stream: impl AsyncRead + AsyncWrite, first: &[u8]) -> Ended {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut read = vec![0; READ];
        if let Some(ended) = self.take(first) {
            return ended;
        }
        loop {
            tokio::select! {
                got = reader.read(&mut read), if self.backlog.listens() => {
                    let ended = match got {
                        Ok(0) => Some(Ended::Client),
                        Ok(some) => self.take(&read[..some]),
                        // Most close without a word of TLS.
                        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Some(Ended::Client),
                        Err(_) => Some(Ended::Error),
                    };
                    if let Some(ended) = ended {
                        return ended;
                    }
                }
                () = readable(self.allocated.as_ref()) => self.deliver(),
                written = self.backlog.write(&mut writer), if self.backlog.waits() => {
                    if written.is_err() {
                        return Ended::Error;
                    }
                }
                () = until(self.session.deadline()) => {
                    if let Some(over) = self.session.over(now()) {
                        return Ended::Over(over);
                    }
                }
            }
        }
    }

    /// Bytes of the client.
    fn take(&mut self, bytes: &[u8]) -> Option<Ended> {
        let now = now();
        self.session.receive(bytes);
        loop {
            match self.session.next(now, self.backlog.end()) {
                Ok(None) => return None,
                Ok(Some(Step::Send { to, data })) => {
                    let socket = self.allocated.as_ref().map(|allocated| &allocated.socket);
                    let sent = socket.is_some_and(|socket| socket.send(to, data).is_ok());
                    if sent {
                        self.turn.metrics.received.inc();
                    } else {
                        self.turn.metrics.dropped.with_label_values(&["engine"]).inc();
                    }
                }
                Ok(Some(Step::Open)) => self.open(now),
                Ok(Some(Step::Close)) => self.allocated = None,
                Err(_) => return Some(Ended::Malformed),
            }
        }
    }

    /// A socket for the client, if the bounds allow it.
    fn open(&mut self, now: Instant) {
        let user = self.session.user().unwrap_or_default().to_owned();
        match self.allocate(user) {
            Ok((allocated, address)) => {
                self.allocated = Some(allocated);
                self.fresh = None;
                self.session.opened(now, address, self.backlog.end());
            }
            Err((why, word)) => {
                self.turn.metrics.refused.with_label_values(&[word]).inc();
                self.session.refused(now, why, self.backlog.end());
            }
        }
    }

    fn allocate(&self, user: String) -> Result<(Allocated, SocketAddr), (Refused, &'static str)> {
        let place = self.turn.allocations.take(user).map_err(|full| match full {
            Full::All => (Refused::Capacity, "full"),
            Full::One => (Refused::Quota, "user"),
        })?;
        let opened = Socket::open().and_then(|socket| socket.address().map(|address| (socket, address)));
        let (socket, address) = opened.map_err(|error| {
            tracing::warn!(%error, "no socket for a client of the relay");
            (Refused::Capacity, "system")
        })?;
        let allocated = Allocated {
            socket,
            _place: place,
            _counted: metrics::Held::new(&self.turn.metrics.allocations),
        };
        Ok((allocated, address))
    }

    /// Datagrams of the engine.
    fn deliver(&mut self) {
        let Some(allocated) = &self.allocated else {
            return;
        };
        let (now, session, backlog) = (now(), &mut self.session, &mut self.backlog);
        let metrics = &self.turn.metrics;
        allocated.socket.receive(|from, datagram| {
            if !backlog.fits(datagram.len()) {
                metrics.dropped.with_label_values(&["slow"]).inc();
            } else if session.deliver(now, from, datagram, backlog.end()) {
                metrics.sent.inc();
            } else {
                metrics.dropped.with_label_values(&["stranger"]).inc();
            }
        });
    }
}
