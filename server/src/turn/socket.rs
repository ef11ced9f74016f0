//! Where a client's datagrams come out and the engine's come in: a UDP socket of this machine for each allocation.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use sfu::turn::RELAYED_FROM;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// What the kernel is asked to keep: a keyframe and then some.
const KERNEL_BUFFER: usize = 512 * 1024;
/// The kernel puts datagrams of one burst together, up to this.
const BURST: usize = 64 * 1024;
/// Bursts that are read before others have their turn.
const ROUNDS: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    pub(super) fn open() -> io::Result<Self> {
        let io = std::net::UdpSocket::bind((RELAYED_FROM, 0))?;
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        if let Err(error) = state.set_recv_buffer_size(UdpSockRef::from(&io), KERNEL_BUFFER) {
            tracing::debug!(%error, "the kernel keeps its socket buffer size");
        }
        io.set_nonblocking(true)?;
        let io = UdpSocket::from_std(io)?;
        Ok(Self { io, state })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// Sends a datagram, unless the kernel takes none now.
    pub(super) fn send(&self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.io.try_send_to(datagram, to).map(|_| ())
    }

    /// Waits until there is something to receive.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.io.readable().await
    }

    /// Gives what there is, but not without end.
    pub(super) fn receive(&self, mut take: impl FnMut(SocketAddr, &[u8])) {
        let mut buffer = vec![0; BURST];
        for _ in 0..ROUNDS {
            let mut meta = [RecvMeta::default()];
            let received = self.io.try_io(Interest::READABLE, || {
                let mut slices = [IoSliceMut::new(&mut buffer)];
                self.state
                    .recv(UdpSockRef::from(&self.io), &mut slices, &mut meta)
            });
            // That a peer has closed its port is no news for a relay.
            if received.is_err() {
                return;
            }
            let [meta] = meta;
            for datagram in buffer[..meta.len.min(BURST)].chunks(meta.stride.max(1)) {
                take(meta.addr, datagram);
            }
        }
    }
}
