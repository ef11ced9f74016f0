//! Datagrams by their first byte (RFC 7983): STUN, DTLS, RTP or RTCP.

use std::time::Instant;

use protocol::media::MediaKind;

use super::connection::Phase;
use super::{Outlet, Path, Shard, Transmit};
use crate::api::Event;
use crate::dtls::Progress;
use crate::ice::{self, Check, Incoming};
use crate::srtp::Profile;

impl Shard {
    /// Takes a datagram. It is decrypted in place.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        out: &mut dyn Outlet,
    ) {
        if ice::is_stun(datagram) {
            self.stun(now, path, datagram, out);
            return;
        }
        let metrics = &self.config.metrics;
        let Some(&index) = self.by_path.get(&path.key()) else {
            metrics.dropped_unknown.inc();
            return;
        };
        match datagram.first() {
            Some(20..=63) => self.dtls(now, index, datagram, out),
            // RTCP has packet types 192 to 223 (RFC 5761 §4).
            Some(128..=191) if matches!(datagram.get(1), Some(192..=223)) => {
                self.rtcp(now, index, path, datagram, out);
            }
            Some(128..=191) => self.rtp(now, index, path, datagram, out),
            _ => metrics.dropped_other.inc(),
        }
        self.schedule_connection(index);
    }

    fn stun(&mut self, now: Instant, path: Path, datagram: &[u8], out: &mut dyn Outlet) {
        let metrics = &self.config.metrics;
        let mut check = match ice::read(datagram) {
            Incoming::Check(check) => check,
            Incoming::Other => return,
            Incoming::Malformed => {
                metrics.dropped_stun.inc();
                return;
            }
        };
        let Some(&index) = self.by_ufrag.get(&check.local_ufrag) else {
            metrics.dropped_stun_unknown.inc();
            return;
        };
        let Some(connection) = self.connections.get(index) else {
            return;
        };
        let crypto = self.config.identity.crypto.crypto();
        let other = connection
            .remote
            .as_ref()
            .is_some_and(|remote| remote.ufrag != check.remote_ufrag);
        if other || !check.authentic(&connection.local.pwd, crypto) {
            metrics.dropped_stun_forged.inc();
            return;
        }
        if let Some(answer) = check.answer(path.remote, &connection.local.pwd, crypto) {
            out.transmit(Transmit {
                path,
                contents: &answer,
                segment: answer.len(),
            });
        }
        self.checked(now, index, path, &check, out);
        self.schedule_connection(index);
    }

    /// A check passed: the address is the peer's.
    fn checked(&mut self, now: Instant, index: usize, path: Path, check: &Check, out: &mut dyn Outlet) {
        if self
            .connections
            .get(index)
            .is_none_or(|connection| connection.phase == Phase::Closed)
        {
            return;
        }
        self.path_checked(now, index, path, check.nominated);
        self.valid(now, index, path, out);
        self.send_dtls(index, out);
        self.try_connect(now, index, out);
    }

    /// Something authentic came.
    pub(super) fn valid(&mut self, now: Instant, index: usize, path: Path, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        connection.heard(now, path);
        if connection.phase == Phase::Lost && connection.keys.is_some() {
            connection.phase = Phase::Up;
            connection.report_at = now;
            let peer = connection.peer;
            self.config.metrics.connected.inc();
            out.event(Event::PeerConnected { peer });
            self.schedule(now);
            self.want_keyframes_of(now, index);
        }
    }

    fn dtls(&mut self, now: Instant, index: usize, datagram: &[u8], out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let header = datagram.first_chunk::<13>();
        let fits = header
            .is_some_and(|head| usize::from(u16::from_be_bytes([head[11], head[12]])) + 13 <= datagram.len());
        if !fits || connection.phase == Phase::Closed {
            self.config.metrics.dropped_dtls.inc();
            return;
        }
        let progress = connection.dtls.handle(now, datagram);
        self.dtls_progress(now, index, progress, out);
    }

    /// Acts on what DTLS says and sends what it wants to send.
    pub(super) fn dtls_progress(
        &mut self,
        now: Instant,
        index: usize,
        progress: Progress,
        out: &mut dyn Outlet,
    ) {
        self.send_dtls(index, out);
        match progress {
            Progress::None => {}
            Progress::Dropped => self.config.metrics.dropped_dtls_late.inc(),
            Progress::Connected(keys) => {
                match keys.profile {
                    Profile::Gcm => self.config.metrics.handshakes_gcm.inc(),
                    Profile::Sha1 => self.config.metrics.handshakes_sha1.inc(),
                }
                if let Some(connection) = self.connections.get_mut(index) {
                    connection.keys = Some(keys);
                }
                self.try_connect(now, index, out);
            }
            Progress::Closed(reason) => self.closed(index, reason, out),
        }
    }

    fn closed(&mut self, index: usize, reason: &str, out: &mut dyn Outlet) {
        self.leave_up(index);
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if connection.keys.is_none() {
            self.config.metrics.handshakes_failed.inc();
        }
        connection.phase = Phase::Closed;
        connection.keys = None;
        out.event(Event::PeerClosed {
            peer: connection.peer,
            reason: reason.to_owned(),
        });
    }

    /// The connection is up once ICE, DTLS and the answer are there and the certificate is the one the answer named.
    pub(super) fn try_connect(&mut self, now: Instant, index: usize, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let (Some(keys), Some(remote), Some(_)) = (&connection.keys, &connection.remote, connection.selected)
        else {
            return;
        };
        if connection.phase != Phase::Joining {
            return;
        }
        if keys.fingerprint != remote.fingerprint {
            self.closed(index, "the certificate is not the one of the SDP", out);
            return;
        }
        connection.phase = Phase::Up;
        connection.last_valid = now;
        connection.report_at = now;
        let peer = connection.peer;
        self.config.metrics.connected.inc();
        out.event(Event::PeerConnected { peer });
        self.want_keyframes_of(now, index);
        self.schedule(now);
    }

    /// A viewer that comes (back) up needs a keyframe of each video it gets.
    fn want_keyframes_of(&mut self, now: Instant, index: usize) {
        self.allocate(now, index);
        let streams: Vec<u32> = self.connections.get(index).map_or_else(Vec::new, |connection| {
            connection
                .outgoing
                .iter()
                .filter(|(stream, _)| stream.kind == MediaKind::Video)
                .map(|(stream, _)| stream.ssrc)
                .collect()
        });
        for ssrc in streams {
            self.want_keyframe_of(now, index, ssrc);
        }
    }

    /// Sends what DTLS has to send.
    pub(super) fn send_dtls(&mut self, index: usize, out: &mut dyn Outlet) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let Some(path) = connection.selected else {
            return;
        };
        while let Some(datagram) = connection.dtls.poll_transmit() {
            out.transmit(Transmit {
                path,
                contents: &datagram,
                segment: datagram.len(),
            });
        }
    }
}
