//! Metrics of the relay.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::metrics::{Description, register};

/// Every metric of the relay, in one table.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Connections.
    pub(super) connections: IntGauge,
    /// Allocations.
    pub(super) allocations: IntGauge,
    /// Connections and allocations that were not given, by reason.
    pub(super) refused: IntCounterVec,
    /// Connections that ended, by reason.
    pub(super) closed: IntCounterVec,
    /// Datagrams to clients.
    pub(super) sent: IntCounter,
    /// Datagrams of clients.
    pub(super) received: IntCounter,
    /// Datagrams that went nowhere, by reason.
    pub(super) dropped: IntCounterVec,
}

impl Metrics {
    /// Registers them, and says what they are.
    ///
    /// # Errors
    ///
    /// When two have one name, which is a mistake in this file.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<(Self, Vec<Description>)> {
        let counter = IntCounter::new::<&str, &str>;
        let by_reason = |name: &str, help: &str| IntCounterVec::new(Opts::new(name, help), &["reason"]);
        let metrics = Self {
            connections: IntGauge::new("tongke_turn_connections", "Connections of the relay")?,
            allocations: IntGauge::new("tongke_turn_allocations", "Allocations of the relay")?,
            refused: by_reason("tongke_turn_refused_total", "Connections and allocations refused")?,
            closed: by_reason("tongke_turn_closed_total", "Connections of the relay that ended")?,
            sent: counter("tongke_turn_sent_total", "Datagrams relayed to clients")?,
            received: counter("tongke_turn_received_total", "Datagrams relayed of clients")?,
            dropped: by_reason("tongke_turn_dropped_total", "Datagrams that were not relayed")?,
        };
        let all: [Box<dyn Collector>; 7] = [
            Box::new(metrics.connections.clone()),
            Box::new(metrics.allocations.clone()),
            Box::new(metrics.refused.clone()),
            Box::new(metrics.closed.clone()),
            Box::new(metrics.sent.clone()),
            Box::new(metrics.received.clone()),
            Box::new(metrics.dropped.clone()),
        ];
        let descriptions = register(registry, all)?;
        Ok((metrics, descriptions))
    }
}
