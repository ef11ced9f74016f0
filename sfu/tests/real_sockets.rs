//! The engine with its threads and sockets: a teacher and a classroom over loopback.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use protocol::id::{LessonId, PeerId, TrackId};
use protocol::media::{MediaKind, Source};
use sfu::{Engine, EngineConfig, Event, MediaWish, PublishTrack, SessionOffer, WatchTrack};
use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{Frequency, MediaTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event as ClientEvent, Input, Output, Rtc};

/// Longest wait for a condition; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
const FRAME: usize = 20_000;

struct Client {
    rtc: Rtc,
    socket: UdpSocket,
    connected: bool,
    frames: Vec<usize>,
    keyframe_wanted: bool,
}

impl Client {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket
            .set_read_timeout(Some(Duration::from_millis(2)))
            .expect("a timeout");
        let mut rtc = Rtc::builder().build(Instant::now());
        let address = socket.local_addr().expect("an address");
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("a candidate"));
        Self {
            rtc,
            socket,
            connected: false,
            frames: Vec::new(),
            keyframe_wanted: true,
        }
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
        let destination = self.socket.local_addr().expect("an address");
        while let Ok((len, source)) = self.socket.recv_from(&mut buffer) {
            let Ok(contents) = buffer[..len].try_into() else {
                continue;
            };
            let receive = Receive {
                proto: Protocol::Udp,
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
                Output::Transmit(transmit) => {
                    let sent = self.socket.send_to(&transmit.contents, transmit.destination);
                    assert!(sent.is_ok(), "{sent:?}");
                }
                Output::Event(ClientEvent::Connected) => self.connected = true,
                Output::Event(ClientEvent::KeyframeRequest(_)) => self.keyframe_wanted = true,
                Output::Event(ClientEvent::MediaData(data)) => self.frames.push(data.data.len()),
                Output::Event(_) => {}
            }
        }
    }

    fn show(&mut self, number: u64) {
        let mid = Mid::from("0");
        let Some(writer) = self.rtc.writer(mid) else {
            return;
        };
        let pt = writer
            .payload_params()
            .find(|params| params.spec().codec == Codec::Vp8)
            .map(|params| params.pt())
            .expect("VP8 was agreed on");
        let mut data = vec![0; FRAME];
        data[0] = u8::from(!std::mem::take(&mut self.keyframe_wanted));
        let time = MediaTime::new(number * 3_600, Frequency::NINETY_KHZ);
        writer
            .write(pt, Instant::now(), time, data)
            .expect("a frame is taken");
    }
}

async fn join(engine: &Engine, room: LessonId, client: &mut Client, wish: MediaWish) -> PeerId {
    let peer = PeerId::new();
    let offer = engine
        .negotiate(room, peer, wish, true)
        .await
        .expect("an offer")
        .expect("something to negotiate");
    let answer = client.answer(&offer);
    engine
        .answer(peer, offer.negotiation, answer)
        .await
        .expect("the answer is taken");
    peer
}

#[tokio::test]
async fn a_picture_goes_through_threads_and_sockets() {
    let config = EngineConfig {
        bind: vec![[127, 0, 0, 1].into()],
        threads: 2,
        ..EngineConfig::default()
    };
    let (engine, mut events) = Engine::start(config).expect("the engine starts");
    assert_eq!(engine.media_addresses().len(), 2);
    let (room, camera) = (LessonId::new(), TrackId::new());
    let (mut teacher, mut classroom) = (Client::new(), Client::new());
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
    let peer = join(&engine, room, &mut teacher, publish).await;
    join(&engine, room, &mut classroom, watch).await;

    let begin = Instant::now();
    let (mut shown, mut next) = (0, Instant::now());
    while classroom.frames.len() < 50 {
        assert!(begin.elapsed() < PATIENCE, "{} frames", classroom.frames.len());
        teacher.turn();
        classroom.turn();
        if teacher.connected && classroom.connected && next <= Instant::now() {
            next = Instant::now() + Duration::from_millis(40);
            shown += 1;
            teacher.show(shown);
        }
    }
    assert!(classroom.frames.iter().all(|len| *len == FRAME));
    assert_eq!(events.next().await, Some(Event::PeerConnected { peer }));
    let stats = engine.stats(room).await;
    assert_eq!(stats.len(), 2);
    assert!(stats.iter().all(|(_, stats)| stats.gcm));
    assert!(engine.metrics_text().contains("tongke_sfu_rtp_forwarded_total"));
    engine.stop().await;
    assert!(
        engine
            .negotiate(room, PeerId::new(), MediaWish::default(), true)
            .await
            .is_err()
    );
}
