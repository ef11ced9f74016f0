//! Clients made of str0m that reach the engine by real sockets.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use protocol::id::{LessonId, PeerId, TrackId};
use protocol::media::{MediaKind, Source};
use sfu::{Engine, MediaWish, PublishTrack, SessionOffer, WatchTrack};
use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{Frequency, MediaTime, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Event as ClientEvent, Input, Output, Rtc};

/// Longest wait for a condition; the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of each frame.
pub const FRAME: usize = 20_000;

/// A connection that carries datagrams behind their lengths.
pub struct Stream {
    io: TcpStream,
    read: Vec<u8>,
}

impl Stream {
    fn connect(to: SocketAddr) -> Self {
        let io = TcpStream::connect(to).expect("a connection");
        io.set_read_timeout(Some(Duration::from_millis(2)))
            .expect("a timeout");
        io.set_nodelay(true).expect("an option");
        let read = Vec::new();
        Self { io, read }
    }

    fn send(&mut self, datagram: &[u8]) {
        let length = u16::try_from(datagram.len()).expect("a datagram");
        let frame = [length.to_be_bytes().as_slice(), datagram].concat();
        // The engine may have closed it: the test is about what follows from that.
        let _ = self.io.write_all(&frame);
    }

    /// The next datagram that is there whole.
    fn receive(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((prefix, behind)) = self.read.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*prefix));
                assert!((1..=1_500).contains(&length), "out of step: {length}");
                if length <= behind.len() {
                    let datagram = behind[..length].to_vec();
                    self.read.drain(..2 + length);
                    return Some(datagram);
                }
            }
            let mut buffer = [0; 16_384];
            match self.io.read(&mut buffer) {
                Ok(read) if read > 0 => self.read.extend_from_slice(&buffer[..read]),
                _ => return None,
            }
        }
    }
}

/// See the module.
pub struct Client {
    rtc: Rtc,
    pub udp: Option<UdpSocket>,
    pub tcp: Option<Stream>,
    engine: SocketAddr,
    pub connected: bool,
    pub frames: Vec<usize>,
    keyframe_wanted: bool,
    /// Every so many packets of media that come are lost.
    pub loses: Option<usize>,
    packets: usize,
    /// It takes nothing from its connection.
    pub stuck: bool,
    shown: u64,
    next: Instant,
}

impl Client {
    /// One with these transports, and no connection yet.
    pub fn new(engine: SocketAddr, udp: bool, tcp: bool) -> Self {
        // A path that answers nothing is given up after two seconds and not after half a minute.
        let mut config = Rtc::builder();
        config.set_max_stun_rto(Duration::from_millis(250));
        config.set_max_stun_retransmits(6);
        let mut client = Self {
            rtc: config.build(Instant::now()),
            udp: None,
            tcp: None,
            engine,
            connected: false,
            frames: Vec::new(),
            keyframe_wanted: true,
            loses: None,
            packets: 0,
            stuck: false,
            shown: 0,
            next: Instant::now(),
        };
        if udp {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            let timeout = Some(Duration::from_millis(1));
            socket.set_read_timeout(timeout).expect("a timeout");
            let address = socket.local_addr().expect("an address");
            let candidate = Candidate::host(address, "udp").expect("a candidate");
            client.rtc.add_local_candidate(candidate);
            client.udp = Some(socket);
        }
        if tcp {
            client.connect();
        }
        client
    }

    /// Connects by TCP, anew if it was.
    pub fn connect(&mut self) {
        let stream = Stream::connect(self.engine);
        let address = stream.io.local_addr().expect("an address");
        let candidate = Candidate::builder()
            .tcp()
            .host(address)
            .tcptype(TcpType::Active)
            .build()
            .expect("a candidate");
        self.rtc.add_local_candidate(candidate);
        self.tcp = Some(stream);
    }

    /// Takes an offer; the answer to it.
    pub fn answer(&mut self, offer: &SessionOffer) -> String {
        let sdp = offer.sdp.replace("a=setup:actpass", "a=setup:passive");
        let offer = SdpOffer::from_sdp_string(&sdp).expect("an offer");
        let answer = self.rtc.sdp_api().accept_offer(offer).expect("an answer");
        answer.to_sdp_string()
    }

    /// Takes what came, and sends what is to be sent.
    pub fn turn(&mut self) {
        let mut buffer = [0; 2_000];
        let mut came = Vec::new();
        if let Some(socket) = &self.udp {
            let here = socket.local_addr().expect("an address");
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                came.push((Protocol::Udp, from, here, buffer[..len].to_vec()));
            }
        }
        if let Some(stream) = self.tcp.as_mut().filter(|_| !self.stuck) {
            let here = stream.io.local_addr().expect("an address");
            while let Some(datagram) = stream.receive() {
                came.push((Protocol::Tcp, self.engine, here, datagram));
                if came.len() > 500 {
                    break;
                }
            }
        }
        for (proto, source, destination, datagram) in came {
            let media = matches!(datagram[0], 128..=191) && !matches!(datagram[1], 192..=223);
            self.packets += usize::from(media);
            if media && self.loses.is_some_and(|every| self.packets.is_multiple_of(every)) {
                continue;
            }
            let Ok(contents) = datagram.as_slice().try_into() else {
                continue;
            };
            let receive = Receive {
                proto,
                source,
                destination,
                contents,
            };
            let input = Input::Receive(Instant::now(), receive);
            self.rtc.handle_input(input).expect("a datagram is taken");
            self.send();
        }
        let input = Input::Timeout(Instant::now());
        self.rtc.handle_input(input).expect("time passes");
        self.send();
    }

    fn send(&mut self) {
        loop {
            match self.rtc.poll_output().expect("output") {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => match transmit.proto {
                    Protocol::Udp => {
                        if let Some(socket) = &self.udp {
                            let sent = socket.send_to(&transmit.contents, transmit.destination);
                            assert!(sent.is_ok(), "{sent:?}");
                        }
                    }
                    _ => {
                        if let Some(stream) = &mut self.tcp
                            && stream.io.local_addr().ok() == Some(transmit.source)
                        {
                            stream.send(&transmit.contents);
                        }
                    }
                },
                Output::Event(ClientEvent::Connected) => self.connected = true,
                Output::Event(ClientEvent::KeyframeRequest(_)) => self.keyframe_wanted = true,
                Output::Event(ClientEvent::MediaData(data)) => self.frames.push(data.data.len()),
                Output::Event(_) => {}
            }
        }
    }

    /// Shows a picture 25 times a second.
    pub fn show(&mut self) {
        let Some(writer) = self.rtc.writer(Mid::from("0")).filter(|_| self.connected) else {
            return;
        };
        if self.next > Instant::now() {
            return;
        }
        self.next = Instant::now() + Duration::from_millis(40);
        self.shown += 1;
        let pt = writer
            .payload_params()
            .find(|params| params.spec().codec == Codec::Vp8)
            .map(|params| params.pt())
            .expect("VP8 was agreed on");
        let mut data = vec![0; FRAME];
        data[0] = u8::from(!std::mem::take(&mut self.keyframe_wanted));
        let time = MediaTime::new(self.shown * 3_600, Frequency::NINETY_KHZ);
        writer
            .write(pt, Instant::now(), time, data)
            .expect("a frame is taken");
    }
}

/// Joins a room with a wish, and answers the offer.
pub async fn join(engine: &Engine, room: LessonId, client: &mut Client, wish: MediaWish) -> PeerId {
    let peer = PeerId::new();
    let offer = engine.negotiate(room, peer, wish, true).await;
    let offer = offer.expect("an offer").expect("something to negotiate");
    let answer = client.answer(&offer);
    let taken = engine.answer(peer, offer.negotiation, answer).await;
    taken.expect("the answer is taken");
    peer
}

/// A wish to show a camera.
pub fn publishes(track: TrackId) -> MediaWish {
    MediaWish {
        decodes: 0,
        publish: vec![PublishTrack {
            track,
            source: Source::Camera,
            simulcast: false,
        }],
        watch: Vec::new(),
    }
}

/// A wish to see it.
pub fn watches(track: TrackId) -> MediaWish {
    MediaWish {
        decodes: 0,
        publish: Vec::new(),
        watch: vec![WatchTrack {
            track,
            kind: MediaKind::Video,
            height: 720,
            priority: 9,
        }],
    }
}
