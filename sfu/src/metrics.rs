//! Metrics of the engine: one table, one set per thread so that threads do not share cache lines, summed on reading.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A number that goes up, or up and down. Only its own thread writes it often.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicI64);

impl Number {
    /// Adds.
    pub(crate) fn add(&self, amount: usize) {
        self.0
            .fetch_add(i64::try_from(amount).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Adds one.
    pub(crate) fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one away.
    pub(crate) fn dec(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// A part of a gauge's sum changed.
    pub(crate) fn change(&self, from: usize, to: usize) {
        let part = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.0.fetch_add(part(to) - part(from), Ordering::Relaxed);
    }

    /// Its value.
    pub(crate) fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Row {
    name: &'static str,
    labels: &'static str,
    kind: &'static str,
    help: &'static str,
    read: fn(&Metrics) -> &Number,
}

macro_rules! metrics {
    ($($field:ident: $kind:literal $name:literal $labels:literal $help:literal,)*) => {
        /// Metrics of one thread. See the table.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $(#[doc = $help] pub(crate) $field: Number,)*
        }

        const TABLE: &[Row] = &[$(Row {
            name: $name,
            labels: $labels,
            kind: $kind,
            help: $help,
            read: |metrics| &metrics.$field,
        },)*];
    };
}

metrics! {
    connections: "gauge" "tongke_sfu_connections" "" "Connections of peers, connected or not.",
    connected: "gauge" "tongke_sfu_connected" "" "Connections that are up.",
    tracks: "gauge" "tongke_sfu_tracks" "" "Tracks known to a thread, summed over threads.",
    history_bytes: "gauge" "tongke_sfu_history_bytes" "" "Bytes of packets kept for retransmission, summed over threads.",
    handshakes_gcm: "counter" "tongke_sfu_handshakes_total" r#"result="gcm""# "DTLS handshakes by result.",
    handshakes_sha1: "counter" "tongke_sfu_handshakes_total" r#"result="sha1""# "DTLS handshakes by result.",
    handshakes_failed: "counter" "tongke_sfu_handshakes_total" r#"result="failed""# "DTLS handshakes by result.",
    rtp_received: "counter" "tongke_sfu_rtp_received_total" "" "RTP packets of publishers.",
    rtp_received_bytes: "counter" "tongke_sfu_rtp_received_bytes_total" "" "Bytes of RTP packets of publishers.",
    rtp_red: "counter" "tongke_sfu_rtp_red_total" "" "Packets of publishers' sound that say the one before again (RED).",
    rtp_repaired: "counter" "tongke_sfu_rtp_repaired_total" "" "Packets of publishers that came by retransmission.",
    rtp_lost: "counter" "tongke_sfu_rtp_lost_total" "" "Packets of publishers that were given up.",
    rtp_forwarded: "counter" "tongke_sfu_rtp_forwarded_total" "" "RTP packets sent to viewers.",
    rtp_forwarded_bytes: "counter" "tongke_sfu_rtp_forwarded_bytes_total" "" "Bytes of RTP packets sent to viewers.",
    rtp_retransmitted: "counter" "tongke_sfu_rtp_retransmitted_total" "" "Packets sent to viewers again.",
    probe_packets: "counter" "tongke_sfu_probe_packets_total" "" "Packets of padding sent to measure viewers' lines.",
    pacer_dropped: "counter" "tongke_sfu_pacer_dropped_total" "" "Packets given up because a viewer's line did not take them in time.",
    nacks_gone: "counter" "tongke_sfu_nacks_unanswered_total" r#"reason="gone""# "Packets viewers missed that were not sent again.",
    nacks_limited: "counter" "tongke_sfu_nacks_unanswered_total" r#"reason="rate""# "Packets viewers missed that were not sent again.",
    keyframes_wanted: "counter" "tongke_sfu_keyframe_requests_total" r#"by="viewers""# "Keyframes asked for: by viewers, and of publishers after coalescing.",
    keyframes_asked: "counter" "tongke_sfu_keyframe_requests_total" r#"by="engine""# "Keyframes asked for: by viewers, and of publishers after coalescing.",
    layers_paused: "counter" "tongke_sfu_layer_requests_total" r#"what="pause""# "Layers publishers were asked to pause because nobody took them, and to send again.",
    layers_resumed: "counter" "tongke_sfu_layer_requests_total" r#"what="resume""# "Layers publishers were asked to pause because nobody took them, and to send again.",
    sends: "counter" "tongke_sfu_sends_total" "" "Calls that handed datagrams to the kernel.",
    send_failures: "counter" "tongke_sfu_send_failures_total" "" "Datagram batches the kernel refused.",
    dropped_unknown: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="unknown_address""# "Datagrams dropped.",
    dropped_stun: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="malformed_stun""# "Datagrams dropped.",
    dropped_stun_unknown: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="stun_unknown_peer""# "Datagrams dropped.",
    dropped_stun_forged: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="stun_not_authentic""# "Datagrams dropped.",
    dropped_dtls: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="malformed_dtls""# "Datagrams dropped.",
    dropped_dtls_late: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="dtls_too_many""# "Datagrams dropped.",
    dropped_early: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="before_handshake""# "Datagrams dropped.",
    dropped_rtp: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="malformed_rtp""# "Datagrams dropped.",
    dropped_rtp_forged: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="rtp_not_authentic""# "Datagrams dropped.",
    dropped_rtp_replayed: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="rtp_replayed""# "Datagrams dropped.",
    dropped_rtp_stream: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="rtp_unknown_stream""# "Datagrams dropped.",
    dropped_rtcp: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="malformed_rtcp""# "Datagrams dropped.",
    dropped_rtcp_forged: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="rtcp_not_authentic""# "Datagrams dropped.",
    dropped_other: "counter" "tongke_sfu_datagrams_dropped_total" r#"reason="unknown_protocol""# "Datagrams dropped.",
    tcp_connections: "gauge" "tongke_sfu_tcp_connections" "" "TCP connections that are open.",
    tcp_backlog: "gauge" "tongke_sfu_tcp_backlog_bytes" "" "Bytes that wait for TCP connections whose lines take no more.",
    tcp_accepted: "counter" "tongke_sfu_tcp_accepted_total" "" "TCP connections accepted.",
    tcp_refused_full: "counter" "tongke_sfu_tcp_refused_total" r#"reason="full""# "TCP connections refused.",
    tcp_refused_address: "counter" "tongke_sfu_tcp_refused_total" r#"reason="address""# "TCP connections refused.",
    tcp_refused_system: "counter" "tongke_sfu_tcp_refused_total" r#"reason="system""# "TCP connections refused.",
    tcp_closed_peer: "counter" "tongke_sfu_tcp_closed_total" r#"reason="peer""# "TCP connections closed.",
    tcp_closed_error: "counter" "tongke_sfu_tcp_closed_total" r#"reason="error""# "TCP connections closed.",
    tcp_closed_frame: "counter" "tongke_sfu_tcp_closed_total" r#"reason="frame""# "TCP connections closed.",
    tcp_closed_unchecked: "counter" "tongke_sfu_tcp_closed_total" r#"reason="unchecked""# "TCP connections closed.",
    tcp_closed_idle: "counter" "tongke_sfu_tcp_closed_total" r#"reason="idle""# "TCP connections closed.",
    tcp_dropped: "counter" "tongke_sfu_tcp_datagrams_dropped_total" "" "Datagrams that found no room before a TCP line that takes no more.",
    relayed: "counter" "tongke_sfu_relayed_total" "" "Packets handed to other threads.",
    relay_dropped: "counter" "tongke_sfu_relay_dropped_total" "" "Packets not handed to another thread because its queue was full.",
    events_dropped: "counter" "tongke_sfu_events_dropped_total" "" "Events nobody took in time.",
    panics: "counter" "tongke_sfu_panics_total" "" "Rounds of a media thread that ended in a panic: a bug of ours.",
    tap_dropped: "counter" "tongke_sfu_tap_dropped_total" "" "Packets a recorder did not take in time.",
}

/// The sum over threads in the Prometheus text format.
pub(crate) fn text(threads: &[Arc<Metrics>]) -> String {
    let mut out = String::new();
    let mut last = "";
    for row in TABLE {
        if row.name != last {
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "# HELP {} {}\n# TYPE {} {}",
                row.name, row.help, row.name, row.kind
            );
            last = row.name;
        }
        let sum: i64 = threads.iter().map(|metrics| (row.read)(metrics).get()).sum();
        let _ = if row.labels.is_empty() {
            writeln!(out, "{} {sum}", row.name)
        } else {
            writeln!(out, "{}{{{}}} {sum}", row.name, row.labels)
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_threads_and_says_each_name_once() {
        let threads = [Arc::new(Metrics::default()), Arc::new(Metrics::default())];
        threads[0].dropped_stun.inc();
        threads[1].dropped_stun.add(2);
        let text = text(&threads);
        assert!(text.contains("tongke_sfu_datagrams_dropped_total{reason=\"malformed_stun\"} 3\n"));
        let mut names: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
