//! Peers whose network lets no UDP through: the engine with its threads and sockets, and clients that connect by TCP.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use protocol::id::{LessonId, PeerId, TrackId};
use protocol::media::{MediaKind, Source, Transport};
use sfu::{Engine, EngineConfig, Event, Events, MediaWish, PublishTrack, SessionOffer, WatchTrack};
use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{Frequency, MediaTime, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Event as ClientEvent, Input, Output, Rtc};

/// Longest wait for a condition; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
const FRAME: usize = 20_000;
/// Longer than any of these tests: a peer that is lost before it was not lost by silence.
const NEVER: Duration = Duration::from_secs(600);

/// A connection that carries datagrams behind their lengths.
struct Stream {
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

struct Client {
    rtc: Rtc,
    udp: Option<UdpSocket>,
    tcp: Option<Stream>,
    engine: SocketAddr,
    connected: bool,
    frames: Vec<usize>,
    keyframe_wanted: bool,
    /// Every so many packets of media that come are lost.
    loses: Option<usize>,
    packets: usize,
    /// It takes nothing from its connection.
    stuck: bool,
    shown: u64,
    next: Instant,
}

impl Client {
    fn new(engine: SocketAddr, udp: bool, tcp: bool) -> Self {
        let mut client = Self {
            rtc: Rtc::builder().build(Instant::now()),
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
    fn connect(&mut self) {
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

    fn answer(&mut self, offer: &SessionOffer) -> String {
        let sdp = offer.sdp.replace("a=setup:actpass", "a=setup:passive");
        let offer = SdpOffer::from_sdp_string(&sdp).expect("an offer");
        let answer = self.rtc.sdp_api().accept_offer(offer).expect("an answer");
        answer.to_sdp_string()
    }

    /// Takes what came, and sends what is to be sent.
    fn turn(&mut self) {
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
    fn show(&mut self) {
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

/// A teacher who shows a camera, and a classroom that sees it.
struct Lesson {
    engine: Engine,
    events: Events,
    room: LessonId,
    teacher: Client,
    classroom: Client,
    watching: PeerId,
}

fn engine() -> (Engine, Events) {
    let config = EngineConfig {
        bind: vec![[127, 0, 0, 1].into()],
        threads: 1,
        consent_timeout: NEVER,
        ..EngineConfig::default()
    };
    Engine::start(config).expect("the engine starts")
}

async fn join(engine: &Engine, room: LessonId, client: &mut Client, wish: MediaWish) -> PeerId {
    let peer = PeerId::new();
    let offer = engine.negotiate(room, peer, wish, true).await;
    let offer = offer.expect("an offer").expect("something to negotiate");
    let answer = client.answer(&offer);
    let taken = engine.answer(peer, offer.negotiation, answer).await;
    taken.expect("the answer is taken");
    peer
}

impl Lesson {
    /// The classroom has these transports; the teacher has TCP alone.
    async fn new(udp: bool, tcp: bool) -> Self {
        let (engine, events) = engine();
        let address = engine.media_addresses()[0];
        let (room, camera) = (LessonId::new(), TrackId::new());
        let mut teacher = Client::new(address, false, true);
        let mut classroom = Client::new(address, udp, tcp);
        let publish = MediaWish {
            decodes: 0,
            publish: vec![PublishTrack {
                track: camera,
                source: Source::Camera,
                simulcast: false,
            }],
            watch: Vec::new(),
        };
        let watch = MediaWish {
            decodes: 0,
            publish: Vec::new(),
            watch: vec![WatchTrack {
                track: camera,
                kind: MediaKind::Video,
                height: 720,
                priority: 9,
            }],
        };
        join(&engine, room, &mut teacher, publish).await;
        let watching = join(&engine, room, &mut classroom, watch).await;
        Self {
            engine,
            events,
            room,
            teacher,
            classroom,
            watching,
        }
    }

    fn turn(&mut self) {
        self.teacher.turn();
        self.classroom.turn();
        if self.classroom.connected {
            self.teacher.show();
        }
    }

    fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let begin = Instant::now();
        while !holds(self) {
            let metrics = self.engine.metrics_text();
            assert!(begin.elapsed() < PATIENCE, "not {what}\n{metrics}");
            self.turn();
        }
    }

    /// Waits for so many more pictures at the classroom.
    fn pictures(&mut self, count: usize) {
        let before = self.classroom.frames.len();
        self.until("pictures come", |lesson| {
            lesson.classroom.frames.len() >= before + count
        });
        assert!(self.classroom.frames.iter().all(|len| *len == FRAME));
    }

    async fn transport(&self) -> Option<Transport> {
        let stats = self.engine.stats(self.room).await;
        let own = stats.into_iter().find(|(peer, _)| *peer == self.watching);
        own.expect("the classroom's").1.transport
    }
}

fn metric(engine: &Engine, name: &str) -> u64 {
    let text = engine.metrics_text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.expect("a metric").parse().expect("a number")
}

#[tokio::test]
async fn a_lesson_without_udp_has_pictures_and_repairs_them() {
    let mut lesson = Lesson::new(false, true).await;
    lesson.classroom.loses = Some(40);
    lesson.pictures(50);
    assert_eq!(lesson.transport().await, Some(Transport::Tcp));
    let engine = &lesson.engine;
    assert_eq!(metric(engine, "tongke_sfu_tcp_connections"), 2);
    assert!(metric(engine, "tongke_sfu_rtp_retransmitted_total") > 0);
    assert_eq!(metric(engine, "tongke_sfu_tcp_datagrams_dropped_total"), 0);
}

#[tokio::test]
async fn udp_is_preferred_and_tcp_takes_over() {
    let mut lesson = Lesson::new(true, true).await;
    lesson.pictures(25);
    assert_eq!(lesson.transport().await, Some(Transport::Udp));
    assert_eq!(metric(&lesson.engine, "tongke_sfu_tcp_connections"), 2);
    // A firewall that has seen enough.
    lesson.classroom.udp = None;
    lesson.pictures(50);
    assert_eq!(lesson.transport().await, Some(Transport::Tcp));
}

#[tokio::test]
async fn a_line_that_takes_no_more_loses_whole_datagrams() {
    const DROPPED: &str = "tongke_sfu_tcp_datagrams_dropped_total";
    const PACED: &str = "tongke_sfu_pacer_dropped_total";
    const BACKLOG: &str = "tongke_sfu_tcp_backlog_bytes";
    let mut lesson = Lesson::new(false, true).await;
    lesson.pictures(5);
    lesson.classroom.stuck = true;
    // The backlog, and before it the pacer, which sees that nothing is answered.
    lesson.until("dropped", |lesson| {
        metric(&lesson.engine, DROPPED) + metric(&lesson.engine, PACED) > 100
    });
    let waiting = metric(&lesson.engine, BACKLOG);
    assert!(waiting <= 128 * 1_024, "{waiting}");
    // What comes is in step: the client looks at each length.
    lesson.classroom.stuck = false;
    lesson.pictures(25);
    lesson.until("nothing waits", |lesson| metric(&lesson.engine, BACKLOG) == 0);
}

#[tokio::test]
async fn a_connection_that_closes_is_noticed_at_once_and_another_one_goes_on() {
    let mut lesson = Lesson::new(false, true).await;
    lesson.pictures(10);
    let peer = lesson.watching;
    // A NAT that forgot: the client connects again with the next thing it sends, and nobody notices.
    lesson.classroom.tcp = None;
    lesson.classroom.connect();
    lesson.pictures(25);
    while let Ok(event) = tokio::time::timeout(Duration::ZERO, lesson.events.next()).await {
        assert_ne!(event, Some(Event::PeerLost { peer }));
    }
    lesson.classroom.tcp = None;
    let lost = async {
        while let Some(event) = lesson.events.next().await {
            if event == (Event::PeerLost { peer }) {
                return true;
            }
        }
        false
    };
    let lost = tokio::time::timeout(PATIENCE, lost).await;
    assert_eq!(lost, Ok(true), "by silence it would take ten minutes");
    assert_eq!(lesson.transport().await, None);
    // The same session from another port.
    lesson.classroom.connect();
    lesson.pictures(25);
    assert_eq!(lesson.transport().await, Some(Transport::Tcp));
    assert_eq!(metric(&lesson.engine, "tongke_sfu_connected"), 2);
}

/// Waits until the engine closed it.
fn closed(mut io: TcpStream) {
    io.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    match io.read(&mut [0; 16]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
}

/// Waits until a metric has a value: it is counted after the close that was seen.
fn counts(engine: &Engine, name: &str, expected: u64) {
    let begin = Instant::now();
    while metric(engine, name) != expected {
        let value = metric(engine, name);
        assert!(begin.elapsed() < PATIENCE, "{name} is {value}, not {expected}");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn what_is_no_peer_is_closed() {
    let (engine, _events) = engine();
    let address = engine.media_addresses()[0];
    let silent = TcpStream::connect(address).expect("a connection");
    let slow = TcpStream::connect(address).expect("a connection");
    let speaks = |bytes: &[u8]| {
        let mut io = TcpStream::connect(address).expect("a connection");
        io.write_all(bytes).expect("written");
        io
    };
    closed(speaks(b"GET / HTTP/1.1\r\n\r\n"));
    closed(speaks(&[0, 0]));
    closed(speaks(&[0x08, 0x01]));
    counts(&engine, "tongke_sfu_tcp_closed_total{reason=\"frame\"}", 3);
    // A datagram as long as it says, but no check.
    closed(speaks(&[0, 3, 0x80, 0, 0]));
    counts(&engine, "tongke_sfu_tcp_closed_total{reason=\"unchecked\"}", 1);
    // Torn by its sender.
    drop(speaks(&[0, 100, 0, 1]));
    // One byte now and then does not keep it open, nor does silence.
    let mut drips = slow.try_clone().expect("a handle");
    drips.write_all(&[0]).expect("written");
    closed(silent);
    let _ = drips.write_all(&[100]);
    closed(slow);
    counts(&engine, "tongke_sfu_tcp_closed_total{reason=\"unchecked\"}", 3);
    counts(&engine, "tongke_sfu_tcp_closed_total{reason=\"peer\"}", 1);
    counts(&engine, "tongke_sfu_tcp_connections", 0);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let config = |tcp| EngineConfig {
        bind: vec![[127, 0, 0, 1].into()],
        media_port: address.port(),
        threads: 1,
        tcp,
        ..EngineConfig::default()
    };
    let refused = Engine::start(config(true)).expect_err("refused");
    assert!(
        refused.to_string().contains(&format!("TCP {address}")),
        "{refused}"
    );
    assert!(Engine::start(config(false)).is_ok());
}
