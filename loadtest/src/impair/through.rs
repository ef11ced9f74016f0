//! Leads a session over a bad line: its media by a relay for each address in the server's SDP, written in its place; its
//! signalling by a line under the socket.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::Mutex;

use super::relay::Relay;
use super::script::Line;
use super::stream;
use crate::server::Wire;

/// Relays to the addresses of a server, kept for all sessions of this process.
#[derive(Debug)]
pub struct BadLine {
    line: Line,
    seed: u64,
    /// Since when it exists: since it was first used.
    start: OnceLock<Instant>,
    streams: AtomicU64,
    relays: Mutex<HashMap<SocketAddr, Relay>>,
}

impl BadLine {
    /// A line that is as bad as told.
    #[must_use]
    pub fn new(line: Line, seed: u64) -> Self {
        Self {
            line,
            seed,
            start: OnceLock::new(),
            streams: AtomicU64::new(0),
            relays: Mutex::new(HashMap::new()),
        }
    }

    fn start(&self) -> Instant {
        *self.start.get_or_init(Instant::now)
    }

    /// The end of a stream to the server that goes over the line.
    #[must_use]
    pub fn under(&self, wire: Box<dyn Wire>) -> Box<dyn Wire> {
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        let seed = self.seed.wrapping_add(number * 2);
        stream::lead(wire, &self.line, self.start(), seed)
    }

    /// Puts relays into an SDP in place of its UDP candidates. Other candidates are taken out.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn lead(&self, sdp: &str) -> std::io::Result<String> {
        let mut relays = self.relays.lock().await;
        let mut lines = Vec::new();
        for line in sdp.lines() {
            let Some(candidate) = line.strip_prefix("a=candidate:") else {
                lines.push(line.to_owned());
                continue;
            };
            let Some((mut fields, target)) = udp_candidate(candidate) else {
                continue;
            };
            let address = match relays.entry(target) {
                Entry::Occupied(relay) => relay.get().address,
                Entry::Vacant(place) => {
                    let loopback: IpAddr = match target {
                        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
                    };
                    let listen = SocketAddr::new(loopback, 0);
                    let relay =
                        Relay::start(listen, target, self.line.clone(), self.start(), self.seed).await?;
                    place.insert(relay).address
                }
            };
            let (ip, port) = (address.ip().to_string(), address.port().to_string());
            fields[4] = &ip;
            fields[5] = &port;
            lines.push(format!("a=candidate:{}", fields.join(" ")));
        }
        Ok(lines.join("\r\n") + "\r\n")
    }
}

/// The fields of a UDP candidate (RFC 8839 §5.1) and where it points; `None` for others.
fn udp_candidate(candidate: &str) -> Option<(Vec<&str>, SocketAddr)> {
    let fields: Vec<&str> = candidate.split_whitespace().collect();
    if !fields.get(2)?.eq_ignore_ascii_case("udp") {
        return None;
    }
    let address = SocketAddr::new(fields.get(4)?.parse().ok()?, fields.get(5)?.parse().ok()?);
    Some((fields, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_udp_candidate_leads_to_its_relay() {
        let line = BadLine::new(Line::default(), 1);
        let sdp = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\n\
                   a=candidate:1 1 udp 2130706431 192.0.2.7 7000 typ host\r\n\
                   a=candidate:2 1 tcp 2130706430 192.0.2.7 7001 typ host tcptype passive\r\n\
                   a=end-of-candidates\r\n";
        let led = line.lead(sdp).await.expect("a free port");
        let again = line.lead(sdp).await.expect("a free port");
        assert_eq!(led, again, "one relay for one address");
        assert!(!led.contains("192.0.2.7"), "{led}");
        let candidates: Vec<&str> = led.lines().filter(|line| line.starts_with("a=cand")).collect();
        assert_eq!(candidates.len(), 1);
        assert!(candidates[0].contains(" 127.0.0.1 ") && candidates[0].ends_with("typ host"));
        assert!(led.ends_with("a=end-of-candidates\r\n"));
    }
}
