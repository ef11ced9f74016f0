//! Metrics of the HTTP side; names begin with `tongke_`. Rooms and engine add their own text.

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::turn;

/// What a metric is called, and what its values are told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// The names of its labels, in alphabetical order.
    pub labels: Vec<String>,
}

/// Registers metrics and describes them.
pub(crate) fn register(
    registry: &Registry,
    all: impl IntoIterator<Item = Box<dyn Collector>>,
) -> prometheus::Result<Vec<Description>> {
    let mut descriptions = Vec::new();
    for one in all {
        descriptions.extend(one.desc().into_iter().map(|description| {
            let mut labels = description.variable_labels.clone();
            labels.sort();
            Description {
                name: description.fq_name.clone(),
                labels,
            }
        }));
        registry.register(one)?;
    }
    Ok(descriptions)
}

/// Every metric of this module, in one table.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    descriptions: Vec<Description>,
    /// Requests by method, route and status.
    pub http_requests: IntCounterVec,
    /// Seconds until the answer's head, by method and route.
    pub http_seconds: HistogramVec,
    /// Terminals with an open event stream.
    pub terminal_streams: IntGauge,
    /// Lessons by state.
    pub lessons: IntGaugeVec,
    /// Sign-ins and pairings that were refused, by kind.
    pub refused: IntCounterVec,
    /// Measurements of lines, by whether they were begun.
    pub probes: IntCounterVec,
    /// The relay's.
    pub turn: turn::Metrics,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    ///
    /// When two have one name, which is a mistake in this file.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let (turn, of_turn) = turn::Metrics::new(&registry)?;
        let mut metrics = Self {
            http_requests: IntCounterVec::new(
                Opts::new("tongke_http_requests_total", "HTTP requests answered"),
                &["method", "route", "status"],
            )?,
            http_seconds: HistogramVec::new(
                HistogramOpts::new("tongke_http_request_seconds", "Time until the head of the answer"),
                &["method", "route"],
            )?,
            terminal_streams: IntGauge::new(
                "tongke_terminal_streams",
                "Terminals with an open event stream",
            )?,
            lessons: IntGaugeVec::new(Opts::new("tongke_lessons", "Lessons by state"), &["state"])?,
            refused: IntCounterVec::new(
                Opts::new("tongke_refused_total", "Sign-ins and pairings that were refused"),
                &["kind"],
            )?,
            probes: IntCounterVec::new(
                Opts::new("tongke_probes_total", "Measurements of lines that were asked for"),
                &["result"],
            )?,
            turn,
            registry,
            descriptions: Vec::new(),
        };
        let all: [Box<dyn Collector>; 6] = [
            Box::new(metrics.http_requests.clone()),
            Box::new(metrics.http_seconds.clone()),
            Box::new(metrics.terminal_streams.clone()),
            Box::new(metrics.lessons.clone()),
            Box::new(metrics.refused.clone()),
            Box::new(metrics.probes.clone()),
        ];
        metrics.descriptions = register(&metrics.registry, all)?;
        metrics.descriptions.extend(of_turn);
        Ok(metrics)
    }

    /// Where other modules register theirs.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
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

/// One more in a gauge for as long as it lives.
#[derive(Debug)]
pub struct Held(IntGauge);

impl Held {
    /// Counts one more.
    #[must_use]
    pub fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}
