//! A peer's connection: its addresses, its keys, what it sends and what it gets.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::id::{LessonId, PeerId, TrackId};

use super::incoming::{Incoming, Source};
use super::paths::{Known, Selection};
use super::{Credentials, Path};
use crate::api::WatchTrack;
use crate::bandwidth::{Bandwidth, Probe};
use crate::dtls::{Dtls, Identity, Keys};
use crate::negotiated::{Extensions, RemoteTransport};
use crate::outgoing::Outgoing;
use crate::pacing::Pacer;
use crate::packet::Packet;
use crate::receive::arrivals::Arrivals;

/// Paths a peer may be reached by at a time; the one that was checked longest ago goes.
pub(super) const MAX_PATHS: usize = 8;
/// A peer that is lost still gets media for so long (RFC 7675 §5.1): it may only be quiet, as players that neither check often nor
/// send.
pub(super) const CONSENT: Duration = Duration::from_secs(30);
/// A peer whose last path closed may connect again within this before it is lost: browsers do so with the next thing they send.
pub(super) const RECONNECT: Duration = Duration::from_secs(1);
/// Reports go out this often.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// SSRC of what we send that belongs to no stream.
pub(super) const OWN_SSRC: u32 = 1;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waiting for ICE, DTLS or the answer.
    Joining,
    /// Media flows.
    Up,
    /// It was up, and nothing valid came for long.
    Lost,
    /// DTLS ended.
    Closed,
}

/// A measurement of a line by padding.
pub(super) struct Probing {
    pub(super) probe: Probe,
    pub(super) begun: Instant,
    pub(super) sent: usize,
    pub(super) next: Instant,
}

/// See the module.
///
/// What each packet to the peer needs comes first and lies together: with a thousand viewers none of it is in a near cache.
#[repr(C)]
pub(super) struct Connection {
    pub(super) phase: Phase,
    /// What its videos are sent at, in bits per second, once something is known of its line.
    pub(super) pace: Option<u64>,
    pub(super) outgoing: Vec<(Outgoing, TrackId)>,
    pub(super) keys: Option<Box<Keys>>,
    /// Packets of its videos that wait for its line.
    pub(super) pacer: Pacer<(u32, Arc<Packet>)>,
    pub(super) bytes_sent: u64,
    /// A measurement of its line that is being sent.
    pub(super) probing: Option<Probing>,
    /// Where we send to.
    pub(super) selected: Option<Path>,
    /// What its line carries.
    pub(super) bandwidth: Bandwidth,
    pub(super) peer: PeerId,
    pub(super) room: LessonId,
    pub(super) local: Credentials,
    pub(super) remote: Option<RemoteTransport>,
    pub(super) dtls: Dtls,
    pub(super) selection: Option<Selection>,
    /// When its last path closed.
    pub(super) cut_at: Option<Instant>,
    /// Those that passed a check, the one of the last check last.
    pub(super) paths: Vec<Known>,
    /// When something valid came last, from anywhere.
    pub(super) last_valid: Instant,
    pub(super) incoming: Vec<Incoming>,
    /// Ids of header extensions in what the peer sends; the same in all bundled sections (RFC 9143 §9.1).
    pub(super) extensions: Extensions,
    /// What an SSRC is.
    pub(super) sources: HashMap<u32, Source>,
    /// When its layers are decided on again.
    pub(super) allocate_at: Option<Instant>,
    /// Since when its line is waited to answer.
    pub(super) waiting_since: Option<Instant>,
    /// Since when its line carries not even the least of what it gets.
    pub(super) starved: Option<Instant>,
    /// Whether it was said that all its pictures are given up.
    pub(super) sound_only: bool,
    /// How it wants to see what it gets.
    pub(super) wishes: Vec<WatchTrack>,
    /// Lines it decodes in time, all pictures together; 0 is no bound.
    pub(super) decodes: u16,
    /// Its line is measured up to so many bits per second, whatever it gets.
    pub(super) measure: u64,
    pub(super) arrivals: Arrivals,
    pub(super) report_at: Instant,
    pub(super) fir_count: u8,
    pub(super) rtt: Option<Duration>,
    pub(super) bytes_received: u64,
}

impl Connection {
    pub(super) fn new(
        now: Instant,
        room: LessonId,
        peer: PeerId,
        local: Credentials,
        identity: &Identity,
    ) -> Self {
        Self {
            peer,
            room,
            local,
            remote: None,
            phase: Phase::Joining,
            dtls: Dtls::new(identity),
            keys: None,
            selected: None,
            selection: None,
            cut_at: None,
            paths: Vec::new(),
            last_valid: now,
            incoming: Vec::new(),
            extensions: Extensions::default(),
            sources: HashMap::new(),
            outgoing: Vec::new(),
            bandwidth: Bandwidth::new(now),
            pacer: Pacer::new(now),
            pace: None,
            probing: None,
            allocate_at: None,
            waiting_since: None,
            starved: None,
            sound_only: false,
            wishes: Vec::new(),
            decodes: 0,
            measure: 0,
            arrivals: Arrivals::new(now),
            report_at: now + REPORT_INTERVAL,
            fir_count: 0,
            rtt: None,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }

    /// Whether media may be sent to it.
    pub(super) fn consents(&self, now: Instant) -> bool {
        match self.phase {
            // What went nowhere would look like loss when the peer is back.
            _ if self.selected.is_none() => false,
            Phase::Up => true,
            Phase::Lost => now.saturating_duration_since(self.last_valid) < CONSENT,
            Phase::Joining | Phase::Closed => false,
        }
    }

    /// Has the memory fetched that sending a packet will need: the fetches of several viewers run beside one another, where each
    /// would else be waited for.
    pub(super) fn warm(&self, ssrc: u32) {
        black_box((
            self.phase,
            self.pacer.deadline(),
            self.pace,
            self.bytes_sent,
            self.selected.is_none(),
            self.probing.is_none(),
        ));
        if let Some(keys) = &self.keys {
            keys.sealer.warm();
        }
        self.bandwidth.warm();
        if let Some((stream, _)) = self.outgoing.iter().find(|(stream, _)| stream.ssrc == ssrc) {
            stream.warm();
        }
    }

    /// Whether it tells when packets came.
    pub(super) fn gives_feedback(&self) -> bool {
        self.outgoing.iter().any(|(stream, _)| stream.gives_feedback())
    }

    /// When it wants to be looked at for what was sent to it.
    pub(super) fn sending_due(&self) -> Option<Instant> {
        super::earlier(self.pacer.deadline(), self.bandwidth.answer_due())
    }

    /// When it wants to be looked at.
    pub(super) fn deadline(&self, consent_timeout: Duration) -> Option<Instant> {
        if self.phase == Phase::Closed {
            return None;
        }
        let mut deadline = self.dtls.poll_timeout();
        let mut sooner = |at: Option<Instant>| deadline = super::earlier(deadline, at);
        if self.phase == Phase::Up {
            sooner(Some(self.last_valid + consent_timeout));
            sooner(self.cut_at.map(|at| at + RECONNECT));
            sooner(Some(self.report_at));
            sooner(self.arrivals.deadline());
            sooner(self.bandwidth.deadline());
            sooner(self.pacer.deadline());
            sooner(self.probing.as_ref().map(|probing| probing.next));
            sooner(self.allocate_at);
            for incoming in &self.incoming {
                sooner(incoming.deadline());
            }
        }
        deadline
    }
}
