//! Measurements of lines by people who are not in a lesson: `/api/v1/probe`. Each is a peer of the engine that watches a track
//! nobody publishes; padding measures its line. They are few, short and slow, so that nobody is flooded or kept from a lesson by them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use protocol::api::{ProbeAnswer, ProbeState};
use protocol::id::{LessonId, PeerId, TrackId};
use protocol::media::MediaKind;
use rand::Rng;
use sfu::{Engine, EngineError, WatchTrack};
use time::{Duration, OffsetDateTime};

use crate::rooms::lock;
use crate::service::Error;
use crate::service::limiter::Limiter;

/// How long a measurement takes at most. docs/PROTOCOL.md says these bounds.
pub const LASTS: Duration = Duration::seconds(20);
/// Measurements at once.
pub const MOST_OPEN: usize = 8;
/// Of these from one address: a school shares one.
pub const MOST_OPEN_OF_ADDRESS: usize = 2;
/// Measurements of one address within [`WINDOW`].
pub const PER_ADDRESS: u32 = 40;
/// Uploads of one address within [`WINDOW`].
pub const UPLOADS: u32 = 160;
/// In which they count.
pub const WINDOW: Duration = Duration::minutes(10);
/// Bits per second that are looked for: a screen, a camera and sound in full quality, with room to spare.
pub const MOST_BPS: u64 = 4_000_000;

/// Why a measurement was not begun.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Too many, by a bound above.
    #[error(transparent)]
    Bound(#[from] Error),
    /// The offer will not do.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

#[derive(Debug)]
struct Open {
    peer: PeerId,
    address: IpAddr,
}

/// The measurements that run.
#[derive(Debug)]
pub struct Probes {
    engine: Engine,
    tcp: bool,
    /// The engine's room of all of them.
    room: LessonId,
    open: Mutex<HashMap<String, Open>>,
    by_address: Limiter<IpAddr>,
    uploads: Limiter<IpAddr>,
}

impl Probes {
    /// None yet. `tcp`: the engine takes TCP too.
    #[must_use]
    pub fn new(engine: Engine, tcp: bool) -> Self {
        Self {
            engine,
            tcp,
            room: LessonId::new(),
            open: Mutex::default(),
            by_address: Limiter::new(PER_ADDRESS, WINDOW),
            uploads: Limiter::new(UPLOADS, WINDOW),
        }
    }

    /// Begins one. It ends by itself after [`LASTS`].
    ///
    /// # Errors
    ///
    /// When there are too many, or the engine cannot use the offer.
    pub async fn begin(
        self: &Arc<Self>,
        address: IpAddr,
        sdp: String,
        now: OffsetDateTime,
    ) -> Result<ProbeAnswer, Refused> {
        let (id, peer) = self.admit(address, now)?;
        let watch = WatchTrack {
            track: TrackId::new(),
            kind: MediaKind::Video,
            height: 0,
            priority: 0,
        };
        let answer = match self.engine.watch(self.room, peer, vec![watch], sdp).await {
            Ok(answer) => answer,
            Err(error) => {
                self.end(&id).await;
                return Err(error.into());
            }
        };
        self.engine.measure(peer, MOST_BPS);
        let (probes, ends) = (Arc::clone(self), id.clone());
        tokio::spawn(async move {
            tokio::time::sleep(LASTS.unsigned_abs()).await;
            probes.end(&ends).await;
        });
        Ok(ProbeAnswer {
            id,
            sdp: answer.sdp,
            ports: self.ports(),
            tcp: self.tcp,
            ice_servers: Vec::new(),
            lasts_ms: u32::try_from(LASTS.whole_milliseconds()).unwrap_or(u32::MAX),
        })
    }

    fn ports(&self) -> Vec<u16> {
        let addresses = self.engine.media_addresses();
        let mut ports: Vec<u16> = addresses.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// A place among those that run, if the bounds allow one more.
    fn admit(&self, address: IpAddr, now: OffsetDateTime) -> Result<(String, PeerId), Error> {
        let mut open = lock(&self.open);
        let mut retry_after_s = self.by_address.wait_s(&address, now);
        let of_address = open.values().filter(|probe| probe.address == address).count();
        if retry_after_s == 0 && (open.len() >= MOST_OPEN || of_address >= MOST_OPEN_OF_ADDRESS) {
            retry_after_s = LASTS.whole_seconds().unsigned_abs();
        }
        if retry_after_s > 0 {
            return Err(Error::TooMany { retry_after_s });
        }
        self.by_address.failed(address, now);
        let id = format!("{:032x}", rand::rng().random::<u128>());
        let peer = PeerId::new();
        open.insert(id.clone(), Open { peer, address });
        Ok((id, peer))
    }

    /// What one has found so far.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when it is over.
    pub async fn state(&self, id: &str) -> Result<ProbeState, Error> {
        let peer = lock(&self.open).get(id).map(|probe| probe.peer);
        let peer = peer.ok_or(Error::NotFound("probe"))?;
        let all = self.engine.stats(self.room).await;
        let stats = all.into_iter().find(|(other, _)| *other == peer);
        let stats = stats.map(|(_, stats)| stats).unwrap_or_default();
        Ok(ProbeState {
            transport: stats.transport.filter(|_| stats.bytes_sent > 0),
            loss_permille: stats.loss_permille,
            rtt_ms: stats.rtt_ms,
            jitter_ms: stats.jitter_ms,
            down_bps: stats.carries,
            most_bps: MOST_BPS,
        })
    }

    /// Ends one; nothing when it is over.
    pub async fn end(&self, id: &str) {
        let ended = lock(&self.open).remove(id);
        if let Some(probe) = ended {
            self.engine.remove(probe.peer).await;
        }
    }

    /// Counts an upload of an address.
    ///
    /// # Errors
    ///
    /// [`Error::TooMany`].
    pub fn upload(&self, address: IpAddr, now: OffsetDateTime) -> Result<(), Error> {
        let retry_after_s = self.uploads.wait_s(&address, now);
        if retry_after_s > 0 {
            return Err(Error::TooMany { retry_after_s });
        }
        self.uploads.failed(address, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");

    #[tokio::test]
    async fn measurements_are_few_at_once_and_few_of_one_address() {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let config = sfu::EngineConfig {
            bind: vec![here],
            announce: vec![here],
            threads: 1,
            ..sfu::EngineConfig::default()
        };
        let (engine, _events) = Engine::start(config).expect("an engine");
        let probes = Probes::new(engine, true);
        let now = OffsetDateTime::UNIX_EPOCH;
        let address = |last: u8| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
        let (first, _) = probes.admit(address(1), now).expect("the first");
        probes.admit(address(1), now).expect("the second");
        assert!(probes.admit(address(1), now).is_err(), "a third of one address");
        for other in 2..8 {
            probes.admit(address(other), now).expect("of others");
        }
        assert!(probes.admit(address(9), now).is_err(), "too many of all");
        probes.end(&first).await;
        probes.admit(address(9), now).expect("after one ended");
        assert!(probes.state(&first).await.is_err(), "it is over");
        for _ in 0..UPLOADS {
            probes.upload(address(1), now).expect("an upload");
        }
        assert!(probes.upload(address(1), now).is_err());
        probes.upload(address(1), now + WINDOW).expect("later");
    }

    #[test]
    fn the_bounds_are_those_of_the_protocol() {
        for row in [
            format!("| a measurement lasts | {} s |", LASTS.whole_seconds()),
            format!("| at once | {MOST_OPEN}, of one address {MOST_OPEN_OF_ADDRESS} |"),
            format!("| of one address in 10 min | {PER_ADDRESS}, and {UPLOADS} uploads of 256 KiB |"),
            format!("| rate that is looked for | {} Mbit/s |", MOST_BPS / 1_000_000),
        ] {
            assert!(PROTOCOL.contains(&row), "docs/PROTOCOL.md has no row {row:?}");
        }
    }
}
