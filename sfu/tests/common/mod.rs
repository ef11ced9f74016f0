//! A lesson over a simulated network in virtual time: the engine's core on one side, clients made of str0m (a WebRTC
//! implementation that shares no code with the engine) on the other. Loss and delay come from a seed.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses a part of it, and a panic is a failed test"
)]

pub mod client;
pub mod screen;
mod wishes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::id::{LessonId, TrackId};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sfu::testing::{Core, Datagram};
use sfu::{Event, MediaWish, SessionOffer};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::format::Codec;
use str0m::media::{Frequency, MediaTime, Mid, Rid};
use str0m::net::{Protocol, Receive};
use str0m::{Input, Output};

use client::{picture, rtc, sound_ssrcs};

pub use client::{Client, Frame, Line};
pub use wishes::{publishing, watching};

/// Frames of a video per second.
pub const FPS: u64 = 25;
/// Bytes of a frame: several packets.
pub const FRAME: usize = 5_000;
/// Layers of a teacher who sends several: names and bytes of a frame (1,000, 400 and 140 kbit/s).
pub const LAYERS: [(&str, usize); 3] = [("f", FRAME), ("h", 2_000), ("q", 700)];
/// A keyframe is so many times as large.
pub const KEYFRAME: usize = 5;

/// See the module.
pub struct Lesson {
    pub core: Core,
    pub start: Instant,
    pub now: Instant,
    pub room: LessonId,
    pub clients: Vec<Client>,
    pub events: Vec<Event>,
    pub rng: StdRng,
    /// Datagrams on the way by their time of arrival.
    network: BTreeMap<(Instant, u64), Datagram>,
    sequence: u64,
    frame: u64,
    next_frame: Instant,
    next_sound: Instant,
    sounds: u64,
    /// Who sends media.
    pub teaching: Vec<usize>,
    /// Those of them whose microphone gives nothing.
    pub silent: Vec<usize>,
    /// Bytes of a frame of each of [`LAYERS`], and how many times as large a keyframe is.
    pub frames: ([usize; 3], usize),
    /// Real time spent in the engine on datagrams and deadlines.
    pub spent: Duration,
}

impl Lesson {
    /// An engine of so many threads, and nobody there.
    pub fn new(seed: u64, threads: usize) -> Self {
        let now = Instant::now();
        Self {
            core: Core::new(now, threads),
            start: now,
            now,
            room: LessonId::new(),
            clients: Vec::new(),
            events: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
            network: BTreeMap::new(),
            sequence: 0,
            frame: 0,
            next_frame: now,
            next_sound: now,
            sounds: 0,
            teaching: Vec::new(),
            silent: Vec::new(),
            frames: (LAYERS.map(|(_, bytes)| bytes), KEYFRAME),
            spent: Duration::ZERO,
        }
    }

    /// A client without connection.
    pub fn client(&mut self) -> usize {
        let number = self.clients.len();
        let address = SocketAddr::from(([192, 168, 0, 10], 40_000 + u16::try_from(number).unwrap()));
        self.clients.push(Client::new(self.now, address));
        number
    }

    /// States a client's wish and lets it answer.
    pub fn state(&mut self, client: usize, wish: &MediaWish, fresh: bool) -> Option<SessionOffer> {
        let peer = self.clients[client].peer;
        let offer = self
            .core
            .negotiate(self.now, self.room, peer, wish, fresh)
            .unwrap()?;
        if offer.fresh {
            let known = &self.clients[client];
            let made = rtc(self.now, known.address, known.begins_at, known.packets);
            self.clients[client].rtc = made;
            self.clients[client].due = self.now;
            self.clients[client].connected = false;
        }
        let answer = self.accept(client, &offer);
        self.core
            .answer(self.now, peer, offer.negotiation, &answer)
            .unwrap();
        Some(offer)
    }

    /// Lets a client take an offer; its answer.
    pub fn accept(&mut self, client: usize, offer: &SessionOffer) -> String {
        let client = &mut self.clients[client];
        // str0m would be the server where it has the choice; browsers are the client (RFC 8842 §5.3).
        let sdp = offer.sdp.replace("a=setup:actpass", "a=setup:passive");
        let description = SdpOffer::from_sdp_string(&sdp).unwrap();
        let answer: SdpAnswer = client.rtc.sdp_api().accept_offer(description).unwrap();
        client.announced = sound_ssrcs(&offer.sdp);
        client.sends = offer
            .sections
            .iter()
            .filter(|section| section.from_peer)
            .map(|section| (section.track, Mid::from(section.mid.as_str())))
            .collect();
        answer.to_sdp_string()
    }

    /// A client that publishes camera and microphone; its tracks.
    pub fn teacher(&mut self) -> (usize, TrackId, TrackId) {
        let client = self.client();
        let (camera, microphone) = (TrackId::new(), TrackId::new());
        self.state(client, &publishing(camera, microphone), true).unwrap();
        self.teaching.push(client);
        (client, camera, microphone)
    }

    /// A teacher whose camera is sent in [`LAYERS`].
    pub fn teacher_in_layers(&mut self) -> (usize, TrackId, TrackId) {
        let client = self.client();
        let (camera, microphone) = (TrackId::new(), TrackId::new());
        let mut wish = publishing(camera, microphone);
        wish.publish[0].simulcast = true;
        let offer = self.state(client, &wish, true).unwrap();
        assert!(offer.sdp.contains("a=simulcast:recv f;h;q"), "{}", offer.sdp);
        self.clients[client].layers = LAYERS.map(|(name, _)| Rid::from(name)).to_vec();
        self.teaching.push(client);
        (client, camera, microphone)
    }

    /// A client that watches these tracks.
    pub fn classroom(&mut self, camera: TrackId, microphone: TrackId) -> usize {
        let client = self.client();
        self.state(client, &watching(camera, microphone), true).unwrap();
        client
    }

    /// Waits until all are connected.
    pub fn all_connected(&mut self) {
        self.until("all connected", |lesson| {
            lesson.clients.iter().all(|client| client.connected)
        });
    }

    /// Lets time pass on the teachers' side only: what they send to the engine meanwhile, and when it comes.
    pub fn sent_by_teachers(&mut self, duration: Duration) -> Vec<(Instant, Datagram)> {
        let end = self.now + duration;
        while self.now < end {
            self.now += Duration::from_millis(10);
            self.due();
            for at in self.teaching.clone() {
                self.poll(at);
            }
        }
        let addresses: Vec<SocketAddr> = self.clients.iter().map(Client::outside).collect();
        let mine = |datagram: &Datagram| !addresses.contains(&datagram.to);
        let all = std::mem::take(&mut self.network);
        all.into_iter()
            .map(|((at, _), datagram)| (at, datagram))
            .filter(|(_, datagram)| mine(datagram))
            .collect()
    }

    /// Gives the engine what teachers sent.
    pub fn receive(&mut self, datagrams: &mut [(Instant, Datagram)]) {
        for (at, datagram) in datagrams {
            let (from, to) = (datagram.from, datagram.to);
            self.core.receive_in_place(*at, from, to, &mut datagram.contents);
        }
    }

    /// As [`Self::receive`], and lets time pass for the engine.
    pub fn forward(&mut self, datagrams: &mut [(Instant, Datagram)]) {
        for datagram in datagrams {
            if self.core.deadline().is_some_and(|due| due <= datagram.0) {
                self.core.timeout(datagram.0);
            }
            self.receive(std::slice::from_mut(datagram));
        }
    }

    /// Forgets what clients got and what happened.
    pub fn forget(&mut self) {
        self.events.clear();
        for client in &mut self.clients {
            client.frames.clear();
            client.heard.clear();
            client.got.clear();
            client.keyframe_requests = 0;
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.settle();
            let next = self.next().min(end);
            self.now = next.max(self.now + Duration::from_micros(100));
            self.deliver();
            self.due();
        }
        self.settle();
    }

    /// Lets time pass until something holds; panics when it does not within 30 s.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        for _ in 0..3_000 {
            if holds(self) {
                return;
            }
            self.run(Duration::from_millis(10));
        }
        panic!("after 30 s: not {what}; events {:?}", self.events);
    }

    fn next(&self) -> Instant {
        let mut next = self.now + Duration::from_millis(20);
        next = next.min(self.next_frame).min(self.next_sound);
        if let Some(((at, _), _)) = self.network.first_key_value() {
            next = next.min(*at);
        }
        if let Some(at) = self.core.deadline() {
            next = next.min(at);
        }
        for client in &self.clients {
            next = next.min(client.due);
        }
        next
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.network.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let datagram = entry.remove();
            let mut clients = self.clients.iter();
            let to = clients.position(|client| client.outside() == datagram.to);
            if let Some(at) = to {
                let client = &mut self.clients[at];
                if let Ok(contents) = datagram.contents.as_slice().try_into() {
                    let receive = Receive {
                        proto: Protocol::Udp,
                        source: datagram.from,
                        destination: client.address,
                        contents,
                    };
                    client
                        .rtc
                        .handle_input(Input::Receive(self.now, receive))
                        .unwrap();
                    client.due = self.now;
                    if client.packets {
                        // Of packets it hands out one at a time.
                        self.poll(at);
                    }
                }
            } else {
                let begin = Instant::now();
                self.core.receive(self.now, &datagram);
                self.spent += begin.elapsed();
            }
        }
    }

    fn due(&mut self) {
        if self.core.deadline().is_some_and(|at| at <= self.now) {
            let begin = Instant::now();
            self.core.timeout(self.now);
            self.spent += begin.elapsed();
        }
        for client in &mut self.clients {
            if client.due <= self.now {
                client.rtc.handle_input(Input::Timeout(self.now)).unwrap();
            }
        }
        if self.next_sound <= self.now {
            self.next_sound = self.now + Duration::from_millis(20);
            self.sounds += 1;
            self.say();
        }
        if self.next_frame <= self.now {
            self.next_frame = self.now + Duration::from_millis(1_000 / FPS);
            self.frame += 1;
            self.show();
        }
    }

    /// Everything that has to be sent goes on its way.
    fn settle(&mut self) {
        for at in 0..self.clients.len() {
            self.poll(at);
        }
        for datagram in self.core.sent() {
            let now = self.now;
            let client = self
                .clients
                .iter_mut()
                .find(|client| client.outside() == datagram.to);
            if let Some(client) = client {
                let line = client.line;
                if let Some(queued) = client.queue(now, datagram.contents.len()) {
                    self.send(datagram, line, line.loss_down, queued);
                }
            }
        }
        for event in self.core.events() {
            if let Event::LayersPaused { peer, paused, .. } = &event {
                let mut clients = self.clients.iter_mut();
                if let Some(client) = clients.find(|client| client.peer == *peer && client.pauses) {
                    client.pause(paused);
                }
            }
            self.events.push(event);
        }
    }

    fn send(&mut self, datagram: Datagram, line: Line, loss: u32, queued: Duration) {
        if line.cut || self.rng.random_range(0..1_000) < loss {
            return;
        }
        self.sequence += 1;
        self.network
            .insert((self.now + queued + line.delay, self.sequence), datagram);
    }

    fn poll(&mut self, at: usize) {
        loop {
            let client = &mut self.clients[at];
            match client.rtc.poll_output().unwrap() {
                Output::Timeout(due) => {
                    client.due = due.max(self.now + Duration::from_micros(100));
                    return;
                }
                Output::Transmit(transmit) => {
                    let datagram = Datagram {
                        from: client.outside(),
                        to: transmit.destination,
                        contents: transmit.contents.to_vec(),
                    };
                    let line = client.line;
                    self.send(datagram, line, line.loss_up, Duration::ZERO);
                }
                Output::Event(event) => client.take(self.now, event),
            }
        }
    }

    fn say(&mut self) {
        for at in self.teaching.clone() {
            if self.silent.contains(&at) {
                continue;
            }
            let time = MediaTime::new(self.sounds * 960, Frequency::FORTY_EIGHT_KHZ);
            let data = self.sounds.to_be_bytes().to_vec();
            self.write(at, Codec::Opus, None, time, &data);
        }
    }

    fn show(&mut self) {
        for at in self.teaching.clone() {
            let time = MediaTime::new(self.frame * 90_000 / FPS, Frequency::NINETY_KHZ);
            let layers = self.clients[at].layers.clone();
            if layers.is_empty() {
                let client = &mut self.clients[at];
                let keyframe = client.connected && std::mem::take(&mut client.wants_keyframe);
                self.write(
                    at,
                    Codec::Vp8,
                    None,
                    time,
                    &picture(self.frame, keyframe, FRAME, 720),
                );
            }
            let (frames, larger) = self.frames;
            for ((rid, bytes), height) in layers.into_iter().zip(frames).zip([720, 360, 180]) {
                let client = &mut self.clients[at];
                if !client.connected || client.left_out.contains(&rid) {
                    continue;
                }
                let asked = client.wanted_of.len();
                client.wanted_of.retain(|wanted| *wanted != rid);
                let keyframe = client.wanted_of.len() < asked;
                let bytes = if keyframe { bytes * larger } else { bytes };
                self.write(
                    at,
                    Codec::Vp8,
                    Some(rid),
                    time,
                    &picture(self.frame, keyframe, bytes, height),
                );
            }
        }
    }

    fn write(&mut self, at: usize, codec: Codec, rid: Option<Rid>, time: MediaTime, data: &[u8]) {
        let now = self.now;
        let client = &mut self.clients[at];
        if !client.connected {
            return;
        }
        let mids: Vec<Mid> = client.sends.values().copied().collect();
        for mid in mids {
            let Some(media) = client.rtc.media(mid) else {
                continue;
            };
            if media.kind().is_audio() != codec.is_audio() {
                continue;
            }
            let mut writer = client.rtc.writer(mid).unwrap();
            let pt = writer
                .payload_params()
                .find(|params| params.spec().codec == codec)
                .map(|params| params.pt());
            if let Some(rid) = rid {
                writer = writer.rid(rid);
            }
            writer.write(pt.unwrap(), now, time, data.to_vec()).unwrap();
        }
        client.due = now;
    }

    /// Video frames a client got since.
    pub fn pictures(&self, client: usize) -> Vec<&Frame> {
        let frames = self.clients[client].frames.iter();
        frames.filter(|frame| frame.time.denom() == 90_000).collect()
    }

    /// Audio packets a client got.
    pub fn sounds(&self, client: usize) -> Vec<&Frame> {
        let frames = self.clients[client].frames.iter();
        frames.filter(|frame| frame.time.denom() == 48_000).collect()
    }

    /// The number of the frame shown last.
    pub fn last_frame(&self) -> u64 {
        self.frame
    }

    /// How often an event happened.
    pub fn count(&self, event: &Event) -> usize {
        self.events.iter().filter(|known| *known == event).count()
    }
}
