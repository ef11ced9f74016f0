//! The words of the engine's public face.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use protocol::id::{PeerId, TrackId};
use protocol::media::{Codec, MediaKind, Source, Transport};

/// What the engine is started with.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Addresses the sockets are bound to; unspecified addresses mean all.
    pub bind: Vec<IpAddr>,
    /// UDP port of the first thread; thread n has the port n after it. 0 lets the system choose each.
    pub media_port: u16,
    /// The threads listen on TCP at the same ports, for peers whose network lets no UDP through (RFC 6544).
    pub tcp: bool,
    /// Addresses in candidates. Empty: those of the interfaces.
    pub announce: Vec<IpAddr>,
    /// Threads; 0 is one per core.
    pub threads: usize,
    /// Processors the threads keep to, one each in turn. Empty: the system chooses.
    pub cpus: Vec<usize>,
    /// Longest time a video packet waits for others of its frame to leave together. Audio never waits.
    pub coalesce: Duration,
    /// Without a valid packet or consent for so long, a peer is lost ([`Event::PeerLost`]).
    pub consent_timeout: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            bind: vec![IpAddr::from([0, 0, 0, 0])],
            media_port: 0,
            tcp: true,
            announce: Vec::new(),
            threads: 0,
            cpus: Vec::new(),
            coalesce: Duration::from_millis(5),
            consent_timeout: Duration::from_secs(5),
        }
    }
}

/// What a peer sends and receives, whole. Stating it again changes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaWish {
    /// Tracks the peer may publish.
    pub publish: Vec<PublishTrack>,
    /// Tracks the peer gets. A track that has no media yet gets its section now and its packets when they come.
    pub watch: Vec<WatchTrack>,
    /// It decodes as much in time as one picture of so many lines, all pictures together; 0 is no bound.
    pub decodes: u16,
}

/// A track a peer may publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishTrack {
    /// Its id, chosen by the caller and kept over reconnects.
    pub track: TrackId,
    /// What it is.
    pub source: Source,
    /// The peer is asked to send it in several layers (simulcast), if it can.
    pub simulcast: bool,
}

/// A track a peer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchTrack {
    /// Which.
    pub track: TrackId,
    /// Audio or video.
    pub kind: MediaKind,
    /// Height on screen in physical pixels; 0 is unknown.
    pub height: u16,
    /// 255 is given up last.
    pub priority: u8,
}

/// An offer by the engine.
#[derive(Clone, Debug)]
pub struct SessionOffer {
    /// Rises with each offer to a peer; [`crate::Engine::answer`] repeats it.
    pub negotiation: u32,
    /// It is for a new connection (new ICE credentials and DTLS): the client makes a new RTCPeerConnection.
    pub fresh: bool,
    /// SDP.
    pub sdp: String,
    /// What each media section is for.
    pub sections: Vec<SectionPlan>,
}

/// What a media section is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionPlan {
    /// Its `a=mid`.
    pub mid: String,
    /// The track.
    pub track: TrackId,
    /// Audio or video.
    pub kind: MediaKind,
    /// The peer sends it (otherwise receives).
    pub from_peer: bool,
}

/// An answer by the engine to an offer of a WHIP or WHEP client.
#[derive(Clone, Debug)]
pub struct Answer {
    /// SDP.
    pub sdp: String,
    /// Identifies the ICE session, for the ETag; changes with an ICE restart.
    pub ice_session: String,
    /// What each section became.
    pub tracks: Vec<NegotiatedTrack>,
}

/// A track of an [`Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiatedTrack {
    /// Its `a=mid`.
    pub mid: String,
    /// The track.
    pub track: TrackId,
    /// The codec agreed on.
    pub codec: Codec,
}

/// Why something was refused. `Offer` is the client's fault (406), the rest says so itself.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The SDP cannot be read.
    #[error("the SDP cannot be read: {0}")]
    Sdp(String),
    /// The SDP has nothing the engine can use.
    #[error("the offer cannot be used: {0}")]
    Unusable(String),
    /// No such peer (or no such room or track).
    #[error("unknown {0}")]
    Unknown(&'static str),
    /// The answer is to an offer that is not the last one.
    #[error("the answer is to an older offer")]
    Stale,
    /// A bound was reached.
    #[error("full: {0}")]
    Full(&'static str),
    /// The engine stopped.
    #[error("the engine stopped")]
    Stopped,
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket could not be bound.
    #[error("cannot bind UDP {address}: {error}")]
    Bind {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// A TCP port could not be listened on.
    #[error("cannot listen on TCP {address}: {error}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// No address to announce was found.
    #[error("no network address to announce; set one with --announce")]
    NoAddress,
    /// A thread was to keep to a processor that is not there, or not this process'.
    #[error("no media thread can keep to processor {cpu}; there are {allowed}")]
    Cpu {
        /// Which.
        cpu: usize,
        /// Which there are.
        allowed: String,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// Something that happened by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// ICE and DTLS are up. Also said after an ICE restart or when a lost peer's packets come again.
    PeerConnected {
        /// Who.
        peer: PeerId,
    },
    /// Nothing valid came for [`EngineConfig::consent_timeout`]. The peer stays until it is removed.
    PeerLost {
        /// Who.
        peer: PeerId,
    },
    /// DTLS failed for good or the peer said goodbye (close_notify).
    PeerClosed {
        /// Who.
        peer: PeerId,
        /// Why, for the log.
        reason: String,
    },
    /// Packets of a track come in (first, or again after [`Event::TrackStalled`]).
    TrackFlowing {
        /// Whose.
        peer: PeerId,
        /// Which.
        track: TrackId,
        /// Its codec.
        codec: Codec,
    },
    /// The line of a peer carries nothing but sound: its pictures are given up (`on`), or come again.
    SoundOnly {
        /// Whose.
        peer: PeerId,
        /// Given up.
        on: bool,
    },
    /// Which layers of a track its publisher is to pause from now on, because nobody takes them: all others are wanted. A publisher
    /// that cannot be told goes on sending them.
    LayersPaused {
        /// Whose.
        peer: PeerId,
        /// Which.
        track: TrackId,
        /// Their names (`rid`).
        paused: Vec<String>,
    },
    /// No packet of a track came for 2 s.
    TrackStalled {
        /// Whose.
        peer: PeerId,
        /// Which.
        track: TrackId,
    },
}

/// Events of the engine. Bounded; what is dropped is counted in `tongke_sfu_events_dropped_total`.
#[derive(Debug)]
pub struct Events {
    pub(crate) receiver: tokio::sync::mpsc::Receiver<Event>,
}

impl Events {
    /// The next event; `None` when the engine stopped.
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }
}

/// Packets of a room for a recorder. Dropping it ends it.
#[derive(Debug)]
pub struct Tap {
    pub(crate) receiver: tokio::sync::mpsc::Receiver<TapEvent>,
}

impl Tap {
    /// The next event; `None` when the room was closed or the engine stopped.
    pub async fn next(&mut self) -> Option<TapEvent> {
        self.receiver.recv().await
    }

    /// The next event if there is one at once, so that many can be written together.
    pub fn try_next(&mut self) -> Option<TapEvent> {
        self.receiver.try_recv().ok()
    }
}

/// What a tap gives.
#[derive(Clone, Debug)]
pub enum TapEvent {
    /// A track of the room comes up; also said for those that are up when the tap is attached. `number` is new each time.
    TrackUp {
        /// Names the track in this tap.
        number: u32,
        /// The track.
        track: TrackId,
        /// Its codec.
        codec: Codec,
        /// Tracks with the same publisher share a clock.
        peer: PeerId,
    },
    /// No more packets of this number.
    TrackDown {
        /// Which.
        number: u32,
    },
    /// A decrypted RTP packet as the publisher sent it.
    Rtp {
        /// Of which track.
        number: u32,
        /// Arrival, microseconds of Unix time by a steady clock.
        arrival_us: u64,
        /// From the RTP header on.
        packet: Bytes,
    },
    /// A sender report; the last one is repeated on attach.
    SenderReport {
        /// Of which track.
        number: u32,
        /// Arrival, as in `Rtp`.
        arrival_us: u64,
        /// NTP 32.32.
        ntp: u64,
        /// RTP time.
        rtp: u32,
    },
    /// So many packets were dropped because the reader was too slow.
    Overflow {
        /// How many.
        packets: u64,
    },
}

/// What the engine knows of a peer's line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeerStats {
    /// Loss the peer reports of what it gets, in 1/1000.
    pub loss_permille: u16,
    /// Round trip in ms; 0 is unknown.
    pub rtt_ms: u16,
    /// Bytes sent to it.
    pub bytes_sent: u64,
    /// Bytes received from it.
    pub bytes_received: u64,
    /// The SRTP profile is AEAD_AES_128_GCM.
    pub gcm: bool,
    /// What it is sent to over; `None` before a path is known.
    pub transport: Option<Transport>,
    /// Bits per second its line carries, as far as was looked for; `None` while nothing is known.
    pub carries: Option<u64>,
    /// How much the delay to it differs from packet to packet, in ms.
    pub jitter_ms: u16,
}
