//! Wires the parts together.

use std::sync::Arc;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::service::{Rooms, Services};

/// What every request handler has. Cloning it is cheap.
#[derive(Clone)]
pub struct App {
    /// Settings.
    pub config: Arc<Config>,
    /// Use cases.
    pub services: Services,
    /// The live rooms.
    pub rooms: Arc<dyn Rooms>,
    /// Metrics.
    pub metrics: Metrics,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
