//! The edge of a receiver: its socket and its clock. A task waits for the socket, and takes all that has come at once (GRO); there
//! is none per packet.

use std::cell::RefCell;
use std::io::{ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::time::Instant;

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot, watch};
use webrtc::peer_connection::RTCPeerConnectionState as State;

use super::sdp::Description;
use super::session::Session;

/// Asked of the kernel for each socket: a keyframe of 5 Mbit/s many times over.
const KERNEL_BUFFER: usize = 1 << 20;
/// Messages of the kernel taken at once, each of up to 64 datagrams.
const MESSAGES: usize = 4;
/// Longest message of the kernel.
const MESSAGE_MAX: usize = 65_536;

thread_local! {
    /// Of whichever receiver's task runs on this thread: each uses it between two waits only.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; MESSAGES * MESSAGE_MAX]);
}

/// What a receiver is told.
pub(super) enum Command {
    /// The other end's SDP, and whether it answers ours.
    Told(Box<Description>, bool),
    /// To share its socket, and to say where its packets go.
    Lend(oneshot::Sender<std::io::Result<(std::net::UdpSocket, Option<SocketAddr>)>>),
    /// To say goodbye.
    Close,
}

/// See the module.
pub(super) struct Drive {
    socket: UdpSocket,
    kernel: UdpSocketState,
    session: Session,
    state: watch::Sender<State>,
}

impl Drive {
    /// Binds a socket.
    pub(super) fn bind(
        local: SocketAddr,
        session: Session,
        state: watch::Sender<State>,
    ) -> std::io::Result<Self> {
        let socket = std::net::UdpSocket::bind(local)?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let kernel = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // A kernel that gives less loses some in a burst, which is counted.
        let _ = kernel.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        Ok(Self {
            socket,
            kernel,
            session,
            state,
        })
    }

    /// The port it is bound to.
    pub(super) fn port(&self) -> std::io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    /// Runs until it is closed, or nobody holds the other end of `commands`.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let deadline = self.session.deadline();
            let due = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                readable = self.socket.readable() => {
                    if readable.is_err() {
                        break;
                    }
                    self.read();
                }
                () = due => self.session.timeout(Instant::now()),
                command = commands.recv() => match command {
                    Some(Command::Told(theirs, offered)) => self.session.told(Instant::now(), &theirs, offered),
                    Some(Command::Lend(answer)) => {
                        // Whoever asked may have gone.
                        let _ = answer.send(self.lend());
                    }
                    Some(Command::Close) | None => break,
                },
            }
            self.write();
            self.state.send_if_modified(|known| {
                let state = self.session.state();
                std::mem::replace(known, state) != state
            });
        }
        self.session.close(Instant::now());
        self.write();
        self.state.send_replace(State::Closed);
    }

    fn lend(&self) -> std::io::Result<(std::net::UdpSocket, Option<SocketAddr>)> {
        let socket = self.socket.as_fd().try_clone_to_owned()?;
        Ok((socket.into(), self.session.selected()))
    }

    /// Takes what has come.
    fn read(&mut self) {
        let Self {
            socket,
            kernel,
            session,
            ..
        } = self;
        BUFFER.with_borrow_mut(|buffer| {
            let mut metas = [RecvMeta::default(); MESSAGES];
            let mut count = 0;
            let read = || {
                let mut slices = buffer.chunks_mut(MESSAGE_MAX).map(IoSliceMut::new);
                let mut slices: [IoSliceMut<'_>; MESSAGES] =
                    std::array::from_fn(|_| slices.next().expect("as many as messages"));
                count = kernel.recv(UdpSockRef::from(&*socket), &mut slices, &mut metas)?;
                // Fewer than fit were all there were: the kernel need not be asked once more to say so.
                if count < MESSAGES {
                    return Err(ErrorKind::WouldBlock.into());
                }
                Ok(())
            };
            // An ICMP error of an address that is not there shows up here too: checks go on.
            let _ = socket.try_io(Interest::READABLE, read);
            let now = Instant::now();
            for (meta, message) in metas.iter().take(count).zip(buffer.chunks(MESSAGE_MAX)) {
                let stride = meta.stride.max(1);
                for datagram in message.get(..meta.len).unwrap_or_default().chunks(stride) {
                    session.receive(now, meta.addr, datagram);
                }
            }
            session.flush(now);
        });
    }

    /// Sends what is to leave. What the kernel does not take is lost, as on a line.
    fn write(&mut self) {
        while let Some((destination, contents)) = self.session.poll() {
            let transmit = Transmit {
                destination,
                ecn: None,
                contents: &contents,
                segment_size: None,
                src_ip: None,
            };
            let sent = self.kernel.try_send(UdpSockRef::from(&self.socket), &transmit);
            if let Err(error) = sent
                && error.kind() != ErrorKind::WouldBlock
            {
                tracing::trace!(%error, "a receiver's datagram");
            }
        }
    }
}
