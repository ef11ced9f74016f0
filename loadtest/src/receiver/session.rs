//! One receiver without its socket: datagrams and time in, datagrams and its state out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::interceptor::{AttributedPacket, BoxedInterceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::rtp;
use rtc::shared::TransportContext;
use rtc::shared::marshal::Unmarshal as _;
use webrtc::peer_connection::RTCPeerConnectionState as State;

use super::ice::{Ice, is_stun};
use super::keys::{Dtls, Keys, Passport};
use super::red;
use super::reports::{Clear, Reports};
use super::sdp::{Credentials, Description};
use crate::attend::meter::Arrival;
use crate::attend::receive::Meters;

/// Nothing was heard for so long: the line is called lost.
const SILENT_AFTER: Duration = Duration::from_secs(4);

/// See the module.
pub(super) struct Session {
    passport: Passport,
    ours: Credentials,
    meters: Meters,
    chain: BoxedInterceptor,
    /// Known streams, by SSRC.
    streams: HashMap<u32, StreamInfo>,
    /// SSRCs of what is sent again.
    repeats: HashSet<u32>,
    /// The payload type of sound that says again what was said before.
    red: Option<u8>,
    /// The id of the transport's numbers in packets.
    transport_id: Option<u16>,
    /// Of packets that are not opened.
    reports: Reports,
    /// What is to be asked for.
    asks: Vec<Box<dyn rtcp::Packet>>,
    link: Option<Link>,
    keys: Option<Keys>,
    heard: Instant,
    state: State,
    out: VecDeque<(SocketAddr, Bytes)>,
}

/// The way to the other end, once its SDP is known.
struct Link {
    ice: Ice,
    dtls: Option<Dtls>,
    fingerprint: String,
    /// It is we who begin the handshake.
    begin: bool,
}

impl Session {
    /// One that is told nothing yet, and counts into `meters`.
    pub(super) fn new(now: Instant, passport: &Passport, ours: Credentials, meters: &Meters) -> Self {
        Self {
            passport: passport.clone(),
            ours,
            meters: meters.clone(),
            chain: Box::new(meters.chain().build()),
            streams: HashMap::new(),
            repeats: HashSet::new(),
            red: None,
            transport_id: None,
            reports: Reports::new(now),
            asks: Vec::new(),
            link: None,
            keys: None,
            heard: now,
            state: State::New,
            out: VecDeque::new(),
        }
    }

    /// The other end has said how it is reached and what it sends; `offered` when it answers an offer of ours.
    pub(super) fn told(&mut self, now: Instant, theirs: &Description, offered: bool) {
        let streams = theirs.sections.iter().filter_map(super::sdp::Section::stream);
        let streams: HashMap<u32, StreamInfo> = streams.map(|info| (info.ssrc, info)).collect();
        for (ssrc, info) in &self.streams {
            if !streams.contains_key(ssrc) {
                self.chain.unbind_remote_stream(info);
            }
        }
        for (ssrc, info) in &streams {
            if !self.streams.contains_key(ssrc) {
                self.chain.bind_remote_stream(info);
            }
        }
        self.red = theirs.sections.iter().find_map(super::sdp::Section::red);
        self.repeats = streams.values().filter_map(|info| info.ssrc_rtx).collect();
        let extension = |info: &StreamInfo| info.rtp_header_extensions.first().map(|it| it.id);
        self.transport_id = streams.values().find_map(extension);
        self.streams = streams;
        if self.link.is_none() {
            let crypto = Arc::clone(&self.passport.crypto);
            self.link = Some(Link {
                ice: Ice::new(now, self.ours.clone(), theirs, offered, crypto),
                dtls: None,
                fingerprint: theirs.credentials.fingerprint.clone(),
                begin: !theirs.active,
            });
            self.heard = now;
            self.state = State::Connecting;
        }
        self.timeout(now);
    }

    /// How it is.
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Where its packets go.
    pub(super) fn selected(&self) -> Option<SocketAddr> {
        self.link.as_ref()?.ice.selected
    }

    /// When [`Self::timeout`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let link = self.link.as_ref()?;
        let dtls = link.dtls.as_ref().filter(|_| self.keys.is_none());
        [Some(link.ice.deadline()), dtls.and_then(Dtls::deadline)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due. Reports of the chain go out then too: the checks of a pair that works are often enough for them.
    pub(super) fn timeout(&mut self, now: Instant) {
        let Some(link) = &mut self.link else { return };
        for (to, check) in link.ice.checks(now) {
            self.out.push_back((to, check.into()));
        }
        if let Some(dtls) = &mut link.dtls
            && self.keys.is_none()
            && dtls.timeout(now).is_err()
        {
            self.state = State::Failed;
        }
        if self.state == State::Connected && now.saturating_duration_since(self.heard) >= SILENT_AFTER {
            self.state = State::Disconnected;
        }
        self.flush(now);
    }

    /// Takes a datagram.
    pub(super) fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        match datagram.first() {
            Some(128..=191) => self.media(now, datagram),
            Some(20..=63) => self.handshake(now, datagram),
            _ if is_stun(datagram) => self.checked(now, from, datagram),
            _ => {}
        }
    }

    fn checked(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(link) = &mut self.link else { return };
        if let Some(answer) = link.ice.take(from, datagram) {
            self.out.push_back((from, answer.into()));
        }
        self.hear(now);
        let Some(link) = &mut self.link else { return };
        if link.ice.selected.is_some() && link.dtls.is_none() {
            match Dtls::new(now, &self.passport, &link.fingerprint, link.begin) {
                Ok(dtls) => link.dtls = Some(dtls),
                Err(_) => self.state = State::Failed,
            }
        }
        self.flush(now);
    }

    fn handshake(&mut self, now: Instant, datagram: &[u8]) {
        let Some(dtls) = self.link.as_mut().and_then(|link| link.dtls.as_mut()) else {
            return;
        };
        match dtls.take(now, datagram) {
            Ok(Some(keys)) => {
                self.keys = Some(keys);
                self.state = State::Connected;
            }
            Ok(None) => {}
            // A record that cannot be read is dropped once there are keys (RFC 6347 §4.1.2.7).
            Err(_) if self.keys.is_some() && !dtls.is_closed() => {}
            Err(error) => {
                tracing::debug!(%error, "a receiver's handshake");
                self.state = State::Failed;
            }
        }
        self.hear(now);
        self.flush(now);
    }

    fn hear(&mut self, now: Instant) {
        self.heard = now;
        if self.state == State::Disconnected {
            self.state = State::Connected;
        }
    }

    fn media(&mut self, now: Instant, datagram: &[u8]) {
        let Some(keys) = &mut self.keys else { return };
        // RTCP by its packet types (RFC 5761 §4).
        let packet = if matches!(datagram.get(1), Some(192..=223)) {
            let opened = keys.opener.decrypt_rtcp(datagram);
            let Ok(reports) = opened.and_then(|it| rtcp::packet::unmarshal(&mut it.freeze())) else {
                return self.meters.unopened();
            };
            for report in reports.iter().filter_map(|one| one.as_any().downcast_ref()) {
                self.reports.heard(now, report);
            }
            Packet::Rtcp(reports)
        } else {
            if !self.meters.verify() && self.counted(now, datagram) {
                return self.hear(now);
            }
            let Some(keys) = &mut self.keys else { return };
            let opened = keys.opener.decrypt_rtp(datagram);
            let Ok(mut packet) = opened.and_then(|it| rtp::Packet::unmarshal(&mut it.freeze())) else {
                return self.meters.unopened();
            };
            if self.red == Some(packet.header.payload_type) {
                self.unfold(now, &mut packet);
            }
            Packet::Rtp(packet)
        };
        self.hear(now);
        let came = TaggedPacket {
            now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(packet),
        };
        // The chain refuses nothing.
        let _ = self.chain.handle_read(came);
        while self.chain.poll_read().is_some() {}
    }

    /// Takes out of a packet what it says again of those before it.
    fn unfold(&self, now: Instant, packet: &mut rtp::Packet) {
        let Some((earlier, primary)) = red::read(&packet.payload) else {
            return self.meters.unopened();
        };
        packet.payload = primary;
        let header = &packet.header;
        for (block, back) in earlier.iter().rev().zip(1..) {
            let arrival = Arrival {
                // They are the ones just before it.
                sequence: header.sequence_number.wrapping_sub(back),
                timestamp: header.timestamp.wrapping_sub(block.offset),
                marker: false,
                key: false,
                bytes: block.bytes,
                repair: true,
            };
            self.meters.said_again(now, header.ssrc, arrival);
        }
    }

    /// Counts a packet by what is in clear; `false` when it has to be opened: what is sent again says inside what it repeats.
    fn counted(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let Some(clear) = Clear::read(datagram, self.transport_id) else {
            return true;
        };
        if let Some(number) = clear.transport {
            self.reports.transported(now, number);
        }
        if self.repeats.contains(&clear.ssrc) {
            return false;
        }
        if self.streams.contains_key(&clear.ssrc) {
            self.reports.came(clear.ssrc, clear.sequence);
        }
        let tag = self.keys.as_ref().map_or(0, |keys| keys.tag);
        let arrival = Arrival {
            sequence: clear.sequence,
            timestamp: clear.timestamp,
            marker: clear.marker,
            key: false,
            bytes: datagram.len().saturating_sub(clear.header + tag),
            repair: false,
        };
        self.asks.extend(self.meters.arrive(now, clear.ssrc, arrival));
        true
    }

    /// Puts what is to leave into the queue: the chain's reports, and the handshake.
    pub(super) fn flush(&mut self, now: Instant) {
        let Some(link) = &mut self.link else { return };
        let Some(to) = link.ice.selected else { return };
        if let Some(dtls) = &mut link.dtls {
            while let Some(datagram) = dtls.poll() {
                self.out.push_back((to, datagram.freeze()));
            }
        }
        let Some(keys) = &mut self.keys else { return };
        if self.chain.poll_timeout().is_some_and(|due| due <= now) {
            // The chain refuses nothing.
            let _ = self.chain.handle_timeout(now);
        }
        let mut send = |reports: &[Box<dyn rtcp::Packet>]| {
            let sealed = rtcp::packet::marshal(reports).and_then(|plain| keys.sealer.encrypt_rtcp(&plain));
            if let Ok(sealed) = sealed {
                self.out.push_back((to, sealed.freeze()));
            }
        };
        while let Some(message) = self.chain.poll_write() {
            if let Packet::Rtcp(reports) = message.message.packet {
                send(&reports);
            }
        }
        if !self.meters.verify() {
            self.asks.extend(self.reports.due(now));
            for ask in self.asks.drain(..) {
                send(&[ask]);
            }
        }
    }

    /// The next datagram to send.
    pub(super) fn poll(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.out.pop_front()
    }

    /// Says goodbye; what to send is polled.
    pub(super) fn close(&mut self, now: Instant) {
        if let Some(dtls) = self.link.as_mut().and_then(|link| link.dtls.as_mut()) {
            dtls.close(now);
        }
        self.flush(now);
        self.state = State::Closed;
    }
}
