//! Peers whose network lets no UDP through: the engine with its threads and sockets, and clients that connect by TCP.

mod sockets;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use protocol::id::{LessonId, PeerId, TrackId};
use protocol::media::Transport;
use sfu::{Engine, EngineConfig, Event, Events};
use sockets::{Client, FRAME, PATIENCE, join, publishes, watches};

/// Longer than any of these tests: a peer that is lost before it was not lost by silence.
const NEVER: Duration = Duration::from_secs(600);

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

impl Lesson {
    /// The classroom has these transports; the teacher has TCP alone.
    async fn new(udp: bool, tcp: bool) -> Self {
        let (engine, events) = engine();
        let address = engine.media_addresses()[0];
        let (room, camera) = (LessonId::new(), TrackId::new());
        let mut teacher = Client::new(address, false, true);
        let mut classroom = Client::new(address, udp, tcp);
        join(&engine, room, &mut teacher, publishes(camera)).await;
        let watching = join(&engine, room, &mut classroom, watches(camera)).await;
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
