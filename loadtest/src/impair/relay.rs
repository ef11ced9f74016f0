//! The edge: a UDP relay with a [`Queue`] in each direction, for every client its own flow. As behind a NAT the server sees each
//! client at a port of its own, and at another when the line says so.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::queue::{Fate, Queue};
use super::script::Line;

/// Clients at a time; packets of further ones are dropped.
const FLOWS_MAX: usize = 4_096;
/// Packets from the listening socket that wait for their flow; more are dropped.
const WAITING_MAX: usize = 1_024;
/// A flow without a packet for so long is forgotten.
const IDLE: Duration = Duration::from_secs(60);
/// Longest UDP payload.
const PACKET_MAX: usize = 65_535;

/// A relay that runs until it is dropped.
#[derive(Debug)]
pub struct Relay {
    /// Where clients send to.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    /// Listens on `listen` and relays to `to`. Each client's line exists from `start` and is drawn from `seed`.
    ///
    /// # Errors
    ///
    /// When `listen` cannot be bound.
    pub async fn start(
        listen: SocketAddr,
        to: SocketAddr,
        line: Line,
        start: Instant,
        seed: u64,
    ) -> std::io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(listen).await?);
        let address = socket.local_addr()?;
        let way = Way {
            to,
            line,
            seed,
            start,
        };
        let task = tokio::spawn(listen_on(socket, way));
        Ok(Self { address, task })
    }
}

/// What all flows of a relay have in common.
#[derive(Debug)]
struct Way {
    to: SocketAddr,
    line: Line,
    seed: u64,
    start: Instant,
}

async fn listen_on(socket: Arc<UdpSocket>, way: Way) {
    let mut flows: HashMap<SocketAddr, mpsc::Sender<Bytes>> = HashMap::new();
    let mut buffer = vec![0; PACKET_MAX];
    loop {
        // An ICMP error of some client's shows up here; it does not concern the others.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let known = flows.get(&client).is_some_and(|flow| !flow.is_closed());
        if !known {
            flows.retain(|_, flow| !flow.is_closed());
            if flows.len() >= FLOWS_MAX {
                continue;
            }
            let number = u64::try_from(flows.len()).unwrap_or(0);
            let Some(flow) = open(Arc::clone(&socket), client, &way, number).await else {
                continue;
            };
            flows.insert(client, flow);
        }
        if let Some(flow) = flows.get(&client) {
            // A full channel is an overloaded line: the packet is lost.
            let _ = flow.try_send(Bytes::copy_from_slice(&buffer[..length]));
        }
    }
}

/// A socket that the server sees as a client.
async fn port_towards(to: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let server = UdpSocket::bind(any).await?;
    server.connect(to).await?;
    Ok(server)
}

async fn open(
    listener: Arc<UdpSocket>,
    client: SocketAddr,
    way: &Way,
    number: u64,
) -> Option<mpsc::Sender<Bytes>> {
    let server = port_towards(way.to).await.ok()?;
    let now = Instant::now();
    let rebinds = way.line.rebinds.iter().map(|at| way.start + *at);
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let seed = way.seed.wrapping_add(number * 2);
    let flow = Flow {
        listener,
        client,
        server,
        to: way.to,
        rebinds: rebinds.filter(|at| *at > now).collect(),
        up: Queue::new(way.line.up.clone(), way.start, seed),
        down: Queue::new(way.line.down.clone(), way.start, seed.wrapping_add(1)),
    };
    tokio::spawn(flow.run(receiver));
    Some(sender)
}

struct Flow {
    listener: Arc<UdpSocket>,
    client: SocketAddr,
    server: UdpSocket,
    to: SocketAddr,
    /// When the server sees it at another port.
    rebinds: VecDeque<Instant>,
    up: Queue<Bytes>,
    down: Queue<Bytes>,
}

impl Flow {
    async fn run(mut self, mut from_client: mpsc::Receiver<Bytes>) {
        let mut buffer = vec![0; PACKET_MAX];
        loop {
            let now = Instant::now();
            self.deliver(now).await;
            let due = [self.up.deadline(), self.down.deadline()]
                .into_iter()
                .flatten()
                .min();
            let idle = due.unwrap_or(now + IDLE);
            let rebind = self.rebinds.front().copied();
            let wake = rebind.map_or(idle, |at| at.min(idle));
            tokio::select! {
                packet = from_client.recv() => {
                    let Some(packet) = packet else { break };
                    self.up.push(Instant::now(), packet.len(), packet);
                }
                received = self.server.recv(&mut buffer) => {
                    if let Ok(length) = received {
                        let packet = Bytes::copy_from_slice(&buffer[..length]);
                        self.down.push(Instant::now(), length, packet);
                    }
                }
                () = tokio::time::sleep_until(wake.into()) => {
                    if rebind == Some(wake) {
                        self.rebinds.pop_front();
                        self.rebind().await;
                    } else if due.is_none() {
                        break;
                    }
                }
            }
        }
        let (up, down): (Fate, Fate) = (self.up.fate(), self.down.fate());
        tracing::debug!(?up, ?down, "a relayed flow ended");
    }

    /// What the server still sends to the port before is lost.
    async fn rebind(&mut self) {
        match port_towards(self.to).await {
            Ok(server) => self.server = server,
            Err(error) => tracing::warn!(%error, "no other port is free"),
        }
    }

    async fn deliver(&mut self, now: Instant) {
        // What an end refuses (nobody listens there any more) is lost, as on a real line.
        while let Some(packet) = self.up.poll(now) {
            let _ = self.server.send(&packet).await;
        }
        while let Some(packet) = self.down.poll(now) {
            let _ = self.listener.send_to(&packet, self.client).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn packets_go_there_and_back_for_each_client() {
        let server = UdpSocket::bind(LOCAL).await.expect("a free port");
        let to = server.local_addr().expect("bound");
        let relay = Relay::start(LOCAL, to, Line::default(), Instant::now(), 1)
            .await
            .expect("a free port");
        let echo = tokio::spawn(async move {
            let mut buffer = [0; 64];
            loop {
                let (length, from) = server.recv_from(&mut buffer).await.expect("a packet");
                server.send_to(&buffer[..length], from).await.expect("sent");
            }
        });
        for word in [b"one", b"two"] {
            let client = UdpSocket::bind(LOCAL).await.expect("a free port");
            client.send_to(word, relay.address).await.expect("sent");
            let mut buffer = [0; 64];
            let received = tokio::time::timeout(PATIENCE, client.recv_from(&mut buffer));
            let (length, from) = received.await.expect("in time").expect("a packet");
            assert_eq!((&buffer[..length], from), (&word[..], relay.address));
        }
        echo.abort();
    }

    #[tokio::test]
    async fn a_rebinding_shows_the_client_at_another_port_and_goes_on() {
        let server = UdpSocket::bind(LOCAL).await.expect("a free port");
        let to = server.local_addr().expect("bound");
        let line = Line {
            rebinds: vec![Duration::from_millis(200)],
            ..Line::default()
        };
        let start = Instant::now();
        let relay = Relay::start(LOCAL, to, line, start, 1)
            .await
            .expect("a free port");
        let client = UdpSocket::bind(LOCAL).await.expect("a free port");
        let mut buffer = [0; 64];
        let mut seen: Vec<SocketAddr> = Vec::new();
        while seen.len() < 2 {
            assert!(start.elapsed() < PATIENCE, "it stays where it was");
            client.send_to(b"there", relay.address).await.expect("sent");
            let (_, from) = tokio::time::timeout(PATIENCE, server.recv_from(&mut buffer))
                .await
                .expect("in time")
                .expect("a packet");
            if seen.last() != Some(&from) {
                seen.push(from);
            }
        }
        assert!(start.elapsed() >= Duration::from_millis(200));
        server.send_to(b"back", seen[1]).await.expect("sent");
        let received = tokio::time::timeout(PATIENCE, client.recv_from(&mut buffer));
        let (length, from) = received.await.expect("in time").expect("a packet");
        assert_eq!((&buffer[..length], from), (&b"back"[..], relay.address));
    }
}
