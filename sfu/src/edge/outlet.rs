//! Where a shard's output goes on a real machine.

use std::sync::Arc;
use std::sync::mpsc::TrySendError;

use tokio::sync::mpsc;

use super::socket::Socket;
use super::streams::Streams;
use super::{Mailbox, Order};
use crate::api::Event;
use crate::metrics::Metrics;
use crate::shard::{Command, Outlet, Parcel, Relay, Transmit};

/// See the module.
pub(super) struct Edge {
    /// The thread's sockets.
    pub(super) sockets: Vec<Socket>,
    /// Its TCP connections.
    pub(super) streams: Streams,
    /// All threads.
    pub(super) mailboxes: Vec<Mailbox>,
    /// Threads to wake at the end of the round.
    wake: Vec<bool>,
    events: mpsc::Sender<Event>,
    metrics: Arc<Metrics>,
}

impl Edge {
    /// With the thread's sockets.
    pub(super) fn new(
        sockets: Vec<Socket>,
        streams: Streams,
        events: mpsc::Sender<Event>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            sockets,
            streams,
            mailboxes: Vec::new(),
            wake: Vec::new(),
            events,
            metrics,
        }
    }

    /// Makes all threads known.
    pub(super) fn meet(&mut self, mailboxes: Vec<Mailbox>) {
        self.wake = vec![false; mailboxes.len()];
        self.mailboxes = mailboxes;
    }

    /// Wakes the threads that got something.
    pub(super) fn wake_others(&mut self) {
        for (mailbox, wake) in self.mailboxes.iter().zip(&mut self.wake) {
            if std::mem::take(wake) {
                mailbox.wake();
            }
        }
    }
}

impl Outlet for Edge {
    fn transmit(&mut self, transmit: Transmit<'_>) {
        match self.sockets.get_mut(transmit.path.socket) {
            Some(socket) => socket.send(transmit, &self.metrics),
            None => self.streams.send(transmit, &self.metrics),
        }
    }

    fn transmit_all(&mut self, bytes: &[u8], parcels: &[Parcel]) {
        for parcels in parcels.chunk_by(|one, next| one.path.socket == next.path.socket) {
            match self.sockets.get_mut(parcels[0].path.socket) {
                Some(socket) => socket.send_all(bytes, parcels, &self.metrics),
                None => {
                    for parcel in parcels {
                        self.streams.send(parcel.transmit(bytes), &self.metrics);
                    }
                }
            }
        }
    }

    fn relay(&mut self, shard: usize, relay: Relay) {
        let Some(mailbox) = self.mailboxes.get(shard) else {
            return;
        };
        let full = match relay {
            media @ (Relay::Packet(..) | Relay::Clock(..)) => {
                matches!(mailbox.relays.try_send(media), Err(TrySendError::Full(_)))
            }
            control => {
                let order = Order::Shard(Command::Relay(control));
                matches!(mailbox.orders.try_send(order), Err(TrySendError::Full(_)))
            }
        };
        if full {
            self.metrics.relay_dropped.inc();
        }
        if let Some(wake) = self.wake.get_mut(shard) {
            *wake = true;
        }
    }

    fn event(&mut self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.metrics.events_dropped.inc();
        }
    }
}
