//! The relay on the port of HTTPS: TURN over TLS, for networks that let nothing else through. docs/adr/0004-ice-tcp.md says why.
//!
//! - `accept`: tells TURN from HTTP on one port.
//! - `backlog`: what a client's line does not take now.
//! - `bound`: how many of everything.
//! - `connection`: one client; what its messages mean is for [`sfu::turn`] to say.
//! - `metrics`: what is counted.
//! - `socket`: where a client's datagrams come out.

mod accept;
mod backlog;
mod bound;
mod connection;
mod metrics;
mod socket;

use std::net::IpAddr;
use std::sync::Arc;

use sfu::turn::Realm;

pub use accept::Acceptor;
pub use metrics::Metrics;

use crate::clock::SharedClock;
use bound::Bound;

/// Allocations at once. Each holds a socket and, while it is used, up to 200 KiB.
pub const MOST_ALLOCATIONS: usize = 4_096;
/// Of these of one user: a page makes one for each network of its machine, and again when it reconnects.
pub const MOST_OF_USER: usize = 16;
/// Connections at once that have none yet.
pub const MOST_FRESH: usize = 1_024;
/// Of these of one address: a district may be behind one.
pub const MOST_FRESH_OF_ADDRESS: usize = 256;

/// What all connections share.
pub struct Turn {
    realm: Arc<Realm>,
    clock: SharedClock,
    metrics: Metrics,
    allocations: Bound<String>,
    fresh: Bound<IpAddr>,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}

impl Turn {
    /// Relays to what the realm knows.
    #[must_use]
    pub fn new(realm: Realm, clock: SharedClock, metrics: Metrics) -> Self {
        Self {
            realm: Arc::new(realm),
            clock,
            metrics,
            allocations: Bound::new(MOST_ALLOCATIONS, MOST_OF_USER),
            fresh: Bound::new(MOST_FRESH, MOST_FRESH_OF_ADDRESS),
        }
    }
}
