//! A peer's connection: its addresses, its keys, what it sends and what it gets.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use protocol::id::{LessonId, PeerId, TrackId};
use protocol::media::Codec;

use super::paths::{Known, Selection};
use super::{Credentials, Path};
use crate::dtls::{Dtls, Identity, Keys};
use crate::negotiated::{Extensions, Payload, RemoteTransport, Section};
use crate::outgoing::Outgoing;
use crate::packet::Generation;
use crate::receive::arrivals::Arrivals;
use crate::receive::missing::Missing;
use crate::receive::statistics::Statistics;

/// Paths a peer may be reached by at a time; the one that was checked longest ago goes.
pub(super) const MAX_PATHS: usize = 8;
/// A peer that is lost still gets media for so long (RFC 7675 §5.1): it may only be quiet, as players that neither check often nor
/// send.
pub(super) const CONSENT: Duration = Duration::from_secs(30);
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

/// See the module.
pub(super) struct Connection {
    pub(super) peer: PeerId,
    pub(super) room: LessonId,
    pub(super) local: Credentials,
    pub(super) remote: Option<RemoteTransport>,
    pub(super) phase: Phase,
    pub(super) dtls: Dtls,
    pub(super) keys: Option<Box<Keys>>,
    /// Where we send to.
    pub(super) selected: Option<Path>,
    pub(super) selection: Option<Selection>,
    /// Those that passed a check, the one of the last check last.
    pub(super) paths: Vec<Known>,
    /// When something valid came last, from anywhere.
    pub(super) last_valid: Instant,
    pub(super) incoming: Vec<Incoming>,
    /// Which section an SSRC belongs to, and whether it is its RTX.
    pub(super) sources: HashMap<u32, (usize, bool)>,
    pub(super) outgoing: Vec<(Outgoing, TrackId)>,
    pub(super) arrivals: Arrivals,
    pub(super) report_at: Instant,
    pub(super) fir_count: u8,
    pub(super) rtt: Option<Duration>,
    pub(super) bytes_sent: u64,
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
            paths: Vec::new(),
            last_valid: now,
            incoming: Vec::new(),
            sources: HashMap::new(),
            outgoing: Vec::new(),
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
            Phase::Up => true,
            Phase::Lost => now.saturating_duration_since(self.last_valid) < CONSENT,
            Phase::Joining | Phase::Closed => false,
        }
    }

    /// Ids of header extensions in what the peer sends; the same in all bundled sections (RFC 9143 §9.1).
    pub(super) fn extension_ids(&self) -> Extensions {
        self.incoming
            .first()
            .map_or_else(Extensions::default, |first| first.extensions)
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
            sooner(Some(self.report_at));
            sooner(self.arrivals.deadline());
            for incoming in &self.incoming {
                sooner(incoming.deadline());
            }
        }
        deadline
    }
}

/// A section the peer sends.
pub(super) struct Incoming {
    pub(super) mid: String,
    pub(super) track: TrackId,
    pub(super) payloads: Vec<Payload>,
    pub(super) extensions: Extensions,
    pub(super) stream: Option<Stream>,
    pub(super) rtx_ssrc: Option<u32>,
    /// The peer said its SSRCs, so that one it did not say is not this section's.
    pub(super) announced: bool,
}

impl Incoming {
    pub(super) fn new(section: &Section, track: TrackId) -> Self {
        Self {
            mid: section.mid.clone(),
            track,
            payloads: section.payloads.clone(),
            extensions: section.extensions,
            stream: None,
            rtx_ssrc: None,
            announced: !section.ssrcs.is_empty(),
        }
    }

    /// Any of its payload types agreed on this.
    pub(super) fn any(&self, agreed: impl Fn(&Payload) -> bool) -> bool {
        self.payloads.iter().any(agreed)
    }

    fn deadline(&self) -> Option<Instant> {
        let stream = self.stream.as_ref()?;
        super::earlier(stream.missing.deadline(), stream.stalls_at())
    }
}

/// A stall is said after so long.
pub(super) const STALL: Duration = Duration::from_secs(2);

/// A stream that comes in.
pub(super) struct Stream {
    pub(super) ssrc: u32,
    pub(super) generation: Generation,
    pub(super) codec: Codec,
    pub(super) statistics: Statistics,
    pub(super) missing: Missing,
    pub(super) nack: bool,
    pub(super) last_packet: Instant,
    pub(super) flowing: bool,
}

impl Stream {
    fn stalls_at(&self) -> Option<Instant> {
        self.flowing.then(|| self.last_packet + STALL)
    }
}
