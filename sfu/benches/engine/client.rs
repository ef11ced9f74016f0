//! A WebRTC client over a socket: str0m does ICE, DTLS and SRTP, and shares no code with the engine.

use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use str0m::change::SdpOffer;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::wire::{Ask, Engine};

/// What GRO puts together at most.
const DATAGRAMS: usize = 64 * 1024;
const KERNEL_BUFFER: usize = 1 << 20;

/// See the module.
pub struct Client {
    pub rtc: Rtc,
    pub socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
    pub connected: bool,
    pub due: Instant,
}

impl Client {
    /// Joins the engine's room; connected a little later.
    pub fn join(engine: &mut Engine, teacher: bool, registry: &Registry, token: usize) -> Self {
        let mut socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a socket");
        registry
            .register(&mut socket, Token(token), Interest::READABLE)
            .expect("a socket can be waited for");
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).expect("a socket state");
        // What the kernel refuses shows as loss.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let address = socket.local_addr().expect("bound");
        let now = Instant::now();
        let mut rtc = Rtc::builder().build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("a candidate"));
        let (peer, sdp) = engine.offer(teacher);
        // Browsers are the DTLS client (RFC 8842 §5.3); str0m would be the server.
        let sdp = sdp.replace("a=setup:actpass", "a=setup:passive");
        let offer = SdpOffer::from_sdp_string(&sdp).expect("an offer");
        let answer = rtc.sdp_api().accept_offer(offer).expect("an answer");
        let sdp = answer.to_sdp_string();
        engine.ask(&Ask::Answer { peer, sdp });
        let mut client = Self {
            rtc,
            socket,
            state,
            address,
            connected: false,
            due: now,
        };
        client.turn(&mut |_, _| {});
        client
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes all that came: each datagram goes to `take`.
    pub fn receive(&mut self, buffer: &mut [u8], mut take: impl FnMut(&mut Self, SocketAddr, &[u8])) {
        let mut metas = [RecvMeta::default()];
        while self
            .state
            .recv(
                UdpSockRef::from(&self.socket),
                &mut [IoSliceMut::new(buffer)],
                &mut metas,
            )
            .is_ok()
        {
            let meta = &metas[0];
            for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                take(self, meta.addr, datagram);
            }
        }
    }

    /// Gives a datagram to str0m.
    pub fn take(&mut self, source: SocketAddr, datagram: &[u8], event: &mut impl FnMut(&mut Rtc, Event)) {
        let Ok(contents) = datagram.try_into() else {
            return;
        };
        let receive = Receive {
            proto: Protocol::Udp,
            source,
            destination: self.address,
            contents,
        };
        self.rtc
            .handle_input(Input::Receive(Instant::now(), receive))
            .expect("a datagram is taken");
        self.poll(event);
    }

    /// Lets time pass.
    pub fn turn(&mut self, event: &mut impl FnMut(&mut Rtc, Event)) {
        self.rtc
            .handle_input(Input::Timeout(Instant::now()))
            .expect("time passes");
        self.poll(event);
    }

    /// Sends what is to be sent.
    pub fn poll(&mut self, event: &mut impl FnMut(&mut Rtc, Event)) {
        loop {
            match self.rtc.poll_output().expect("output") {
                Output::Timeout(at) => {
                    self.due = at;
                    return;
                }
                Output::Transmit(transmit) => {
                    // A full queue loses it, as a line would.
                    let _ = self.socket.send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(other) => event(&mut self.rtc, other),
            }
        }
    }
}

/// A buffer for [`Client::receive`].
pub fn buffer() -> Vec<u8> {
    vec![0; DATAGRAMS]
}

/// Longest wait for joins.
pub const PATIENCE: Duration = Duration::from_secs(120);
