//! Metrics of rooms, signalling and recorders; names begin with `tongke_`.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::metrics::{Description, register};

/// Every metric of this module, in one table.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    descriptions: Vec<Description>,
    /// Rooms in memory.
    pub rooms: IntGauge,
    /// Peers with a socket, by role.
    pub peers: IntGaugeVec,
    /// Sockets that were accepted.
    pub sockets: IntCounter,
    /// Messages of peers.
    pub received: IntCounter,
    /// Messages to peers.
    pub sent: IntCounter,
    /// Sockets closed by the server, by reason.
    pub closed: IntCounterVec,
    /// Lessons being recorded, by what their lamp shows.
    pub recordings: IntGaugeVec,
    /// Recorder processes that died.
    pub recorder_restarts: IntCounter,
    /// Packets that did not reach a recorder.
    pub tap_dropped: IntCounter,
    /// Events and notes that could not be written.
    pub writes_dropped: IntCounter,
    /// WHIP and WHEP sessions, by kind.
    pub tools: IntGaugeVec,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    ///
    /// When two have one name, which is a mistake in this file.
    pub fn new() -> prometheus::Result<Self> {
        let counter = IntCounter::new::<&str, &str>;
        let gauges = |name: &str, help: &str, label: &str| IntGaugeVec::new(Opts::new(name, help), &[label]);
        let mut metrics = Self {
            registry: Registry::new(),
            descriptions: Vec::new(),
            rooms: IntGauge::new("tongke_rooms", "Rooms in memory")?,
            peers: gauges("tongke_peers", "Peers with a socket", "role")?,
            sockets: counter("tongke_signal_sockets_total", "Signalling sockets accepted")?,
            received: counter("tongke_signal_received_total", "Signalling messages of peers")?,
            sent: counter("tongke_signal_sent_total", "Signalling messages to peers")?,
            closed: IntCounterVec::new(
                Opts::new(
                    "tongke_signal_closed_total",
                    "Signalling sockets closed by the server",
                ),
                &["reason"],
            )?,
            recordings: gauges(
                "tongke_recordings",
                "Lessons being recorded, by what their lamp shows",
                "state",
            )?,
            recorder_restarts: counter("tongke_recorder_restarts_total", "Recorder processes that died")?,
            tap_dropped: counter(
                "tongke_recorder_dropped_packets_total",
                "Packets a recorder was too slow for",
            )?,
            writes_dropped: counter(
                "tongke_room_writes_dropped_total",
                "Events and notes that were not stored",
            )?,
            tools: gauges("tongke_tool_sessions", "WHIP and WHEP sessions", "kind")?,
        };
        let all: [Box<dyn Collector>; 11] = [
            Box::new(metrics.rooms.clone()),
            Box::new(metrics.peers.clone()),
            Box::new(metrics.sockets.clone()),
            Box::new(metrics.received.clone()),
            Box::new(metrics.sent.clone()),
            Box::new(metrics.closed.clone()),
            Box::new(metrics.recordings.clone()),
            Box::new(metrics.recorder_restarts.clone()),
            Box::new(metrics.tap_dropped.clone()),
            Box::new(metrics.writes_dropped.clone()),
            Box::new(metrics.tools.clone()),
        ];
        metrics.descriptions = register(&metrics.registry, all)?;
        Ok(metrics)
    }

    /// What there is, also what was not counted yet.
    #[must_use]
    pub fn descriptions(&self) -> &[Description] {
        &self.descriptions
    }

    /// All of them in the Prometheus text format.
    #[must_use]
    pub fn text(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }
}
