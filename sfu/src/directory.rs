//! Which peer is where, and what was agreed with it: the engine's state outside of packets. Pure: commands to shards come out
//! in a list, in the order in which they have to be sent.

mod clients;
mod slots;

use std::collections::HashMap;
use std::net::SocketAddr;

use protocol::id::{LessonId, PeerId, TrackId};
use rand::Rng as _;

use crate::api::{EngineError, MediaWish, PublishTrack, SectionPlan, SessionOffer, WatchTrack};
use crate::negotiated::{Flow, LocalTransport, RemoteTransport, Section};
use crate::sdp::{self, SessionIds};
use crate::shard::{Command, Credentials, Open};
use slots::Slots;

/// Peers of the engine.
const MAX_PEERS: usize = 20_000;
/// Sections of a peer; a description of more is not read anyway.
const MAX_SECTIONS: usize = 200;

/// Commands, each to a shard.
pub(crate) type Commands = Vec<(usize, Command)>;

/// What the directory knows of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Where its peers reach it.
    pub(crate) candidates: Vec<SocketAddr>,
    /// It listens there on TCP too.
    pub(crate) tcp: bool,
    /// Peers it has.
    pub(crate) peers: usize,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Directory {
    fingerprint: [u8; 32],
    places: Vec<Place>,
    peers: HashMap<PeerId, Peer>,
    tracks: HashMap<TrackId, Published>,
}

/// Who publishes a track, and on which shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Published {
    peer: PeerId,
    shard: usize,
}

/// One peer.
#[derive(Debug)]
struct Peer {
    room: LessonId,
    shard: usize,
    local: Credentials,
    remote: Option<RemoteTransport>,
    session: SessionIds,
    negotiation: u32,
    /// An offer for this connection was made.
    offered: bool,
    slots: Slots,
    /// Tracks it publishes.
    publishes: Vec<TrackId>,
}

impl Directory {
    /// Of an engine with these shards.
    pub(crate) fn new(fingerprint: [u8; 32], places: Vec<Place>) -> Self {
        Self {
            fingerprint,
            places,
            peers: HashMap::new(),
            tracks: HashMap::new(),
        }
    }

    /// See [`crate::Engine::negotiate`].
    pub(crate) fn negotiate(
        &mut self,
        room: LessonId,
        id: PeerId,
        wish: &MediaWish,
        fresh: bool,
    ) -> Result<(Option<SessionOffer>, Commands), EngineError> {
        let mut commands = Vec::new();
        if wish.publish.len() + wish.watch.len() > MAX_SECTIONS {
            return Err(EngineError::Full("sections"));
        }
        if self.peers.get(&id).is_some_and(|peer| peer.room != room) {
            self.remove(id, &mut commands);
        }
        let fresh = fresh || !self.peers.contains_key(&id);
        if fresh {
            self.open(room, id, &mut commands)?;
        }
        self.publish_tracks(id, &wish.publish, &mut commands);
        self.wish(id, &wish.watch, wish.decodes, &mut commands);
        let streams = self.streams(&wish.watch);
        let (offer, first) = {
            let peer = self.peers.get_mut(&id).ok_or(EngineError::Unknown("peer"))?;
            let changed = peer.slots.state(&wish.publish, &streams);
            if peer.slots.sections().len() > MAX_SECTIONS {
                return Err(EngineError::Full("sections"));
            }
            if !changed && (!fresh || peer.slots.sections().is_empty()) {
                return Ok((None, commands));
            }
            // A connection without sections was not offered yet: the first offer with one is for a new connection.
            let first = !std::mem::replace(&mut peer.offered, true);
            peer.negotiation += 1;
            peer.session.version += 1;
            (peer.negotiation, first)
        };
        let local = self.local(id)?;
        let peer = self.peers.get_mut(&id).ok_or(EngineError::Unknown("peer"))?;
        let offer = SessionOffer {
            negotiation: offer,
            fresh: first,
            sdp: sdp::offer(&local, peer.session, peer.slots.sections()),
            sections: peer.plan(),
        };
        Ok((Some(offer), commands))
    }

    /// See [`crate::Engine::answer`].
    pub(crate) fn answer(
        &mut self,
        id: PeerId,
        negotiation: u32,
        text: &str,
    ) -> Result<Commands, EngineError> {
        let peer = self.peers.get_mut(&id).ok_or(EngineError::Unknown("peer"))?;
        if peer.negotiation != negotiation {
            return Err(EngineError::Stale);
        }
        let (remote, agreed) = sdp::read_answer(text, peer.slots.sections())
            .map_err(|error| EngineError::Sdp(error.to_string()))?;
        peer.slots.answered(&agreed);
        peer.remote = Some(remote.clone());
        let agree = Command::Agree {
            peer: id,
            remote,
            sections: agreed,
        };
        Ok(vec![(peer.shard, agree)])
    }

    /// Ends a peer.
    pub(crate) fn remove(&mut self, id: PeerId, commands: &mut Commands) {
        let Some(peer) = self.peers.remove(&id) else {
            return;
        };
        if let Some(place) = self.places.get_mut(peer.shard) {
            place.peers -= 1;
        }
        commands.push((peer.shard, Command::Close { peer: id }));
        for track in peer.publishes {
            self.unpublish(id, track, commands);
        }
    }

    /// Ends a room.
    pub(crate) fn close_room(&mut self, room: LessonId, commands: &mut Commands) {
        let peers: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.room == room)
            .map(|(id, _)| *id)
            .collect();
        for id in peers {
            self.remove(id, commands);
        }
        for shard in 0..self.places.len() {
            commands.push((shard, Command::CloseTaps { room }));
        }
    }

    /// See [`crate::Engine::measure`].
    pub(crate) fn measure(&self, id: PeerId, up_to: u64) -> Commands {
        let shard = self.peers.get(&id).map(|peer| peer.shard);
        shard
            .map(|shard| (shard, Command::Measure { peer: id, up_to }))
            .into_iter()
            .collect()
    }

    /// The shard of a track's publisher.
    pub(crate) fn home(&self, track: TrackId) -> Option<usize> {
        self.tracks.get(&track).map(|published| published.shard)
    }

    /// A new connection for a peer, which stays on its shard if it has one.
    fn open(&mut self, room: LessonId, id: PeerId, commands: &mut Commands) -> Result<(), EngineError> {
        let known = self.peers.remove(&id);
        let shard = if let Some(known) = &known {
            known.shard
        } else {
            if self.peers.len() >= MAX_PEERS {
                return Err(EngineError::Full("peers"));
            }
            let shard = self.emptiest();
            if let Some(place) = self.places.get_mut(shard) {
                place.peers += 1;
            }
            shard
        };
        let local = credentials();
        let open = Open {
            room,
            peer: id,
            local: local.clone(),
        };
        commands.push((shard, Command::Open(Box::new(open))));
        let negotiation = known.as_ref().map_or(0, |known| known.negotiation);
        let session = SessionIds {
            id: rand::random::<u64>() >> 2,
            version: u64::from(negotiation),
        };
        let publishes = known.map_or_else(Vec::new, |known| known.publishes);
        let peer = Peer {
            room,
            shard,
            local,
            remote: None,
            session,
            negotiation,
            offered: false,
            slots: Slots::new(),
            publishes,
        };
        self.peers.insert(id, peer);
        Ok(())
    }

    fn emptiest(&self) -> usize {
        let places = self.places.iter().enumerate();
        places
            .min_by_key(|(_, place)| place.peers)
            .map_or(0, |(at, _)| at)
    }

    /// States how a peer wants to see what it gets.
    fn wish(&self, id: PeerId, watch: &[WatchTrack], decodes: u16, commands: &mut Commands) {
        if let Some(peer) = self.peers.get(&id) {
            let watch = watch.to_vec();
            let wish = Command::Wish {
                peer: id,
                watch,
                decodes,
            };
            commands.push((peer.shard, wish));
        }
    }

    /// States which tracks a peer publishes.
    fn publish_tracks(&mut self, id: PeerId, tracks: &[PublishTrack], commands: &mut Commands) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let shard = peer.shard;
        let now: Vec<TrackId> = tracks.iter().map(|publish| publish.track).collect();
        let before = std::mem::replace(&mut peer.publishes, now.clone());
        for gone in before.into_iter().filter(|track| !now.contains(track)) {
            self.unpublish(id, gone, commands);
        }
        for track in now {
            let published = Published { peer: id, shard };
            let before = self.tracks.insert(track, published);
            if before.is_none_or(|before| before.shard != shard) {
                self.say_home(track, Some(shard), commands);
            }
        }
    }

    fn unpublish(&mut self, id: PeerId, track: TrackId, commands: &mut Commands) {
        if self
            .tracks
            .get(&track)
            .is_some_and(|published| published.peer == id)
        {
            self.tracks.remove(&track);
            self.say_home(track, None, commands);
        }
    }

    fn say_home(&self, track: TrackId, home: Option<usize>, commands: &mut Commands) {
        // The home first, so that it knows the track when others subscribe.
        let mut shards: Vec<usize> = (0..self.places.len()).collect();
        shards.sort_by_key(|shard| Some(*shard) != home);
        for shard in shards {
            commands.push((shard, Command::Home { track, home }));
        }
    }

    /// The tracks to watch with the stream each belongs to: that of its publisher, so that they play in step.
    fn streams(&self, watch: &[WatchTrack]) -> Vec<(WatchTrack, String)> {
        watch
            .iter()
            .map(|watch| {
                let stream = self
                    .tracks
                    .get(&watch.track)
                    .map_or_else(|| watch.track.to_string(), |known| known.peer.to_string());
                (*watch, stream)
            })
            .collect()
    }

    fn local(&self, id: PeerId) -> Result<LocalTransport, EngineError> {
        let peer = self.peers.get(&id).ok_or(EngineError::Unknown("peer"))?;
        let place = self.places.get(peer.shard);
        Ok(LocalTransport {
            ufrag: peer.local.ufrag.clone(),
            pwd: peer.local.pwd.clone(),
            fingerprint: self.fingerprint,
            candidates: place.map_or_else(Vec::new, |place| place.candidates.clone()),
            tcp: place.is_some_and(|place| place.tcp),
        })
    }
}

impl Peer {
    fn plan(&self) -> Vec<SectionPlan> {
        self.slots
            .sections()
            .iter()
            .filter(|section| section.flow != Flow::Inactive)
            .filter_map(|section: &Section| {
                Some(SectionPlan {
                    mid: section.mid.clone(),
                    track: section.track?,
                    kind: section.kind,
                    from_peer: section.flow == Flow::FromPeer,
                })
            })
            .collect()
    }
}

/// Fresh ICE credentials: 48 and 144 bits (RFC 8445 §5.3 wants 24 and 128).
fn credentials() -> Credentials {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut random = rand::rng();
    let mut word = |len: usize| -> String {
        (0..len)
            .map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())]))
            .collect()
    };
    Credentials {
        ufrag: word(8),
        pwd: word(24),
    }
}
