//! The same edge for TCP: a relay with a line of its own for every connection. A connection comes about when the line is open.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep_until;

use super::passage::Passage;
use super::script::Line;
use super::stream::carry;

/// Connections at a time; further ones are closed.
const CONNECTIONS_MAX: usize = 4_096;
/// After one that could not be accepted.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// A relay that runs until it is dropped; its connections are closed then.
#[derive(Debug)]
pub struct TcpRelay {
    /// Where clients connect to.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for TcpRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TcpRelay {
    /// Listens on `listen` and relays to `to`. Each connection's line exists from `start` and is drawn from `seed`.
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
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            let mut number = 0;
            loop {
                while connections.try_join_next().is_some() {}
                // A client that is gone before it was accepted does not concern the others; a process without free files waits.
                let Ok((client, _)) = listener.accept().await else {
                    tokio::time::sleep(AGAIN_AFTER).await;
                    continue;
                };
                if connections.len() >= CONNECTIONS_MAX {
                    continue;
                }
                let seed = seed.wrapping_add(number * 2);
                number += 1;
                let up = Passage::new(line.up.clone(), start, seed);
                let down = Passage::new(line.down.clone(), start, seed.wrapping_add(1));
                connections.spawn(async move {
                    if let Err(error) = relay(client, to, up, down).await {
                        tracing::debug!(%error, "a relayed connection");
                    }
                });
            }
        });
        Ok(Self { address, task })
    }
}

async fn relay(client: TcpStream, to: SocketAddr, up: Passage, down: Passage) -> std::io::Result<()> {
    // A cut that does not end lets nobody connect.
    let Some(opens) = up.open_from(Instant::now()) else {
        return std::future::pending().await;
    };
    sleep_until(opens.into()).await;
    let server = TcpStream::connect(to).await?;
    // What the line does is all the delay there is.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        carry(from_client, to_server, up),
        carry(from_server, to_client, down)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::impair::script::{Impairment, Script, Step};

    const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    const PATIENCE: Duration = Duration::from_secs(30);

    /// Sends back what comes, on every connection.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(LOCAL).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    // Until the client is gone.
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    /// How long it takes to connect, to say a word and to hear it.
    async fn round(relay: &TcpRelay, word: &[u8]) -> Duration {
        let start = Instant::now();
        let exchange = async {
            let mut stream = TcpStream::connect(relay.address).await.expect("connected");
            stream.write_all(word).await.expect("written");
            stream.shutdown().await.expect("said that this is all");
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).await.expect("to the end");
            assert_eq!(heard, word);
        };
        tokio::time::timeout(PATIENCE, exchange).await.expect("in time");
        start.elapsed()
    }

    #[tokio::test]
    async fn bytes_go_there_and_back_with_the_delay_and_rate_of_the_line() {
        let slow = Impairment {
            delay: Duration::from_millis(40),
            rate: Some(crate::impair::script::Rate {
                kbps: 800,
                queue: Duration::from_millis(1),
            }),
            ..Impairment::default()
        };
        let line = Line::both(&Script::always(slow));
        let relay = TcpRelay::start(LOCAL, echo().await, line, Instant::now(), 1).await;
        let relay = relay.expect("a free port");
        assert!(round(&relay, b"a word").await >= Duration::from_millis(80));
        // 20,000 bytes take 200 ms at 800 kbit/s; nothing of a stream is dropped.
        let took = round(&relay, &[7; 20_000]).await;
        assert!(took >= Duration::from_millis(280), "{took:?}");
    }

    #[tokio::test]
    async fn a_cut_is_waited_out() {
        let cut = |at, cut| Step {
            at: Duration::from_millis(at),
            is: Impairment {
                cut,
                ..Impairment::default()
            },
        };
        let script = Script::new(vec![cut(0, true), cut(300, false)]);
        let start = Instant::now();
        let relay = TcpRelay::start(LOCAL, echo().await, Line::both(&script), start, 1).await;
        let relay = relay.expect("a free port");
        round(&relay, b"a word").await;
        assert!(start.elapsed() >= Duration::from_millis(300));
    }
}
