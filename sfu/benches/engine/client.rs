//! A WebRTC client over a socket: str0m does ICE, DTLS and SRTP, and shares no code with the engine.

use std::io::{IoSliceMut, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpStream, UdpSocket};
use mio::{Interest, Registry, Token};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use str0m::change::SdpOffer;
use str0m::net::{Protocol, Receive, TcpType};
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
    /// What it uses instead with TRANSPORT=tcp.
    stream: Option<Stream>,
    address: SocketAddr,
    /// Where the engine sends from.
    source: SocketAddr,
    pub connected: bool,
    pub due: Instant,
}

/// A connection that carries datagrams behind their lengths.
struct Stream {
    io: TcpStream,
    here: SocketAddr,
    tail: Vec<u8>,
}

impl Stream {
    /// Connects to the engine.
    fn connect(source: SocketAddr, registry: &Registry, token: usize) -> Self {
        let io = std::net::TcpStream::connect(source).expect("a connection");
        io.set_nonblocking(true).expect("an option");
        io.set_nodelay(true).expect("an option");
        let here = io.local_addr().expect("bound");
        let mut io = TcpStream::from_std(io);
        registry
            .register(&mut io, Token(token), Interest::READABLE)
            .expect("a connection can be waited for");
        Self {
            io,
            here,
            tail: Vec::new(),
        }
    }

    fn send(&mut self, datagram: &[u8]) {
        let length = u16::try_from(datagram.len()).expect("a datagram");
        let frame = [length.to_be_bytes().as_slice(), datagram].concat();
        let sent = self.io.write(&frame).expect("the kernel has room for feedback");
        assert_eq!(sent, frame.len());
    }

    /// Reads behind what is left from before; how much there is then, or nothing.
    fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let kept = self.tail.len();
        buffer[..kept].copy_from_slice(&self.tail);
        let read = self.io.read(&mut buffer[kept..]).ok().filter(|read| *read > 0)?;
        Some(kept + read)
    }
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
        let (peer, sdp) = engine.offer(teacher);
        let tcp = !teacher && std::env::var("TRANSPORT").is_ok_and(|transport| transport == "tcp");
        let source = candidate(&sdp, if tcp { "tcp" } else { "udp" });
        let stream = tcp.then(|| Stream::connect(source, registry, token));
        let candidate = match &stream {
            None => Candidate::host(address, "udp"),
            Some(stream) => Candidate::builder()
                .tcp()
                .host(stream.here)
                .tcptype(TcpType::Active)
                .build(),
        };
        rtc.add_local_candidate(candidate.expect("a candidate"));
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
            stream,
            address,
            source,
            connected: false,
            due: now,
        };
        client.turn(&mut |_, _| {});
        client
    }

    /// Nobody waits for what comes any more.
    pub fn leave(&mut self, registry: &Registry) {
        registry.deregister(&mut self.socket).expect("it was waited for");
        if let Some(stream) = &mut self.stream {
            registry.deregister(&mut stream.io).expect("it was waited for");
        }
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
        let Some(mut stream) = self.stream.take() else {
            return;
        };
        while let Some(end) = stream.read(buffer) {
            // What is sent meanwhile goes by the same connection.
            let mut at = 0;
            self.stream = Some(stream);
            while let Some(length) = buffer[at..end].first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*length));
                if at + 2 + length > end {
                    break;
                }
                take(self, self.source, &buffer[at + 2..at + 2 + length]);
                at += 2 + length;
            }
            stream = self.stream.take().expect("it was there");
            stream.tail.clear();
            stream.tail.extend_from_slice(&buffer[at..end]);
        }
        self.stream = Some(stream);
    }

    /// Gives a datagram to str0m, unless it is the floor's.
    pub fn take(&mut self, source: SocketAddr, datagram: &[u8], event: &mut impl FnMut(&mut Rtc, Event)) {
        if source != self.source {
            return;
        }
        let Ok(contents) = datagram.try_into() else {
            return;
        };
        let (proto, destination) = match &self.stream {
            None => (Protocol::Udp, self.address),
            Some(stream) => (Protocol::Tcp, stream.here),
        };
        let receive = Receive {
            proto,
            source,
            destination,
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
                Output::Transmit(transmit) if transmit.proto == Protocol::Tcp => {
                    let stream = self.stream.as_mut().expect("its candidate is TCP");
                    stream.send(&transmit.contents);
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

/// The first candidate of a transport in an offer.
fn candidate(sdp: &str, transport: &str) -> SocketAddr {
    let fields = sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    let fields: Vec<&str> = fields
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields[2].eq_ignore_ascii_case(transport))
        .expect("a candidate");
    format!("{}:{}", fields[4], fields[5])
        .parse()
        .expect("an address")
}

/// A buffer for [`Client::receive`].
pub fn buffer() -> Vec<u8> {
    vec![0; DATAGRAMS]
}

/// Longest wait for joins.
pub const PATIENCE: Duration = Duration::from_secs(120);
