//! Use cases. Who may do what is decided here, and nowhere else.

use std::path::Path;
use std::sync::Arc;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::store::Store;

pub mod access;
pub mod claims;
pub mod error;
pub mod events;
pub mod identity;
pub mod lessons;
pub mod library;
pub mod limiter;
pub mod relay;
pub mod rooms;
pub mod scheduler;
pub mod terminals;
pub mod tokens;

pub use error::{Error, Result};
pub use rooms::Rooms;

/// Every use case, over one store and one clock. Cloning it is cheap.
#[derive(Clone)]
pub struct Services {
    /// The clock.
    pub clock: SharedClock,
    /// The store.
    pub store: Store,
    /// Join tokens and signed addresses.
    pub tokens: Arc<tokens::Tokens>,
    /// Who may use the relay.
    pub relay: Arc<relay::Relay>,
    /// Timetable and the life of lessons.
    pub lessons: Arc<lessons::Lessons>,
    /// The event log.
    pub events: events::Events,
    /// People and their sign-ins.
    pub identity: Arc<identity::Identity>,
    /// Classrooms, pairing codes, terminals.
    pub terminals: Arc<terminals::Terminals>,
    /// Pairing by a code that the device shows.
    pub claims: Arc<claims::Claims>,
    /// Recordings.
    pub library: Arc<library::Library>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").finish_non_exhaustive()
    }
}

impl Services {
    /// Puts the use cases together over the data directory.
    ///
    /// # Errors
    ///
    /// When the signing key or the store cannot be read.
    pub async fn new(config: &Config, data: &Path, store: Store, clock: SharedClock) -> anyhow::Result<Self> {
        let tokens = Arc::new(tokens::Tokens::open(data)?);
        tokens.set_revoked(store.revoked_terminals().await?);
        let events = events::Events::new(store.clone());
        let lessons = Arc::new(lessons::Lessons::new(config, store.clone(), events.clone()));
        let terminals = Arc::new(terminals::Terminals::new(
            store.clone(),
            events.clone(),
            tokens.clone(),
            lessons.clone(),
        ));
        Ok(Self {
            claims: Arc::new(claims::Claims::new(store.clone(), terminals.clone())),
            identity: Arc::new(identity::Identity::new(config, store.clone(), events.clone())),
            terminals,
            library: Arc::new(library::Library::new(
                store.clone(),
                events.clone(),
                lessons.clone(),
            )),
            relay: Arc::new(relay::Relay::new(&tokens.derived(b"relay"))),
            clock,
            store,
            tokens,
            lessons,
            events,
        })
    }
}
