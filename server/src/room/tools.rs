//! Programs that speak WHIP or WHEP: the teacher's publisher beside the page, and players that watch.

use std::collections::BTreeMap;

use protocol::id::{PeerId, TrackId};
use protocol::media::{MediaKind, Source};
use protocol::signal::{ErrorCode, LessonState, Role};
use sfu::{Event, PublishTrack, WatchTrack};
use time::OffsetDateTime;

use super::ids::{track_id, whip_peer};
use super::resolve::{Viewer, may_see};
use super::{FLUSH, Output, Refusal, Room};
use crate::domain::lesson::Step;

/// Most WHEP players of a room.
const PLAYERS_MAX: usize = 2_000;
/// A publisher or player that never got through, or whose line is gone, is given up after this.
const LINE_WAIT: time::Duration = time::Duration::seconds(30);
/// A publisher without a packet so long after its answer may be replaced by another.
const FIRST_PACKET: time::Duration = time::Duration::seconds(5);

/// What a WHIP section can carry: the first of its kind that is free.
pub const WHIP_SOURCES: [Source; 4] = [
    Source::Camera,
    Source::Screen,
    Source::Microphone,
    Source::ScreenAudio,
];

/// The teacher's WHIP publisher.
struct Whip {
    peer: PeerId,
    sources: Vec<Source>,
    since: OffsetDateTime,
    connected: bool,
    flowed: bool,
    flowing: Vec<Source>,
}

impl Whip {
    /// Media comes in, or may still be about to.
    fn alive(&self, now: OffsetDateTime) -> bool {
        !self.flowing.is_empty() || (!self.flowed && now - self.since < FIRST_PACKET)
    }
}

/// A WHEP player.
struct Player {
    role: Role,
    since: OffsetDateTime,
    connected: bool,
    watch: Vec<WatchTrack>,
}

/// The programs of a room.
#[derive(Default)]
pub(super) struct Tools {
    whip: Option<Whip>,
    players: BTreeMap<PeerId, Player>,
}

impl Tools {
    pub(super) fn is_empty(&self) -> bool {
        self.whip.is_none() && self.players.is_empty()
    }

    pub(super) fn whip_has(&self, source: Source) -> bool {
        self.whip
            .as_ref()
            .is_some_and(|whip| whip.sources.contains(&source))
    }

    pub(super) fn whip_sources(&self) -> Vec<Source> {
        self.whip
            .as_ref()
            .map(|whip| whip.sources.clone())
            .unwrap_or_default()
    }

    pub(super) fn whip_flows(&self, source: Source) -> bool {
        self.whip
            .as_ref()
            .is_some_and(|whip| whip.flowing.contains(&source))
    }

    pub(super) fn whip_connected(&self) -> bool {
        self.whip.as_ref().is_some_and(|whip| whip.connected)
    }

    pub(super) fn players(&self) -> usize {
        self.players.values().filter(|player| player.connected).count()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// How many sections of each kind an offer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sections {
    /// Sound.
    pub audio: usize,
    /// Picture.
    pub video: usize,
}

impl Sections {
    fn of(self, kind: MediaKind) -> usize {
        match kind {
            MediaKind::Audio => self.audio,
            MediaKind::Video => self.video,
        }
    }
}

/// What the engine is to be asked for a WHIP publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhipPlan {
    /// The engine's peer: a new one for each publisher, so that the end of an old one cannot be taken for its own.
    pub peer: PeerId,
    /// What it may publish; the tracks are the same for each publisher of the lesson.
    pub tracks: Vec<PublishTrack>,
    /// A publisher whose media is gone: to be taken out of the engine before.
    pub replaces: Option<PeerId>,
}

/// What the engine is to be asked for a WHEP player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhepPlan {
    /// The engine's peer.
    pub peer: PeerId,
    /// What it gets, in the order of its sections.
    pub watch: Vec<WatchTrack>,
}

impl Room {
    /// A WHIP client wants to publish. The lesson goes live for it; [`Room::whip_ready`] or [`Room::tool_ended`] follows.
    ///
    /// # Errors
    ///
    /// When the lesson is not on, or a source it offers is published already.
    pub fn whip_begin(&mut self, now: OffsetDateTime, offered: Sections) -> Result<WhipPlan, Refusal> {
        self.admits()?;
        if self.tools.whip.as_ref().is_some_and(|whip| whip.alive(now)) {
            return Err(Refusal::new(
                ErrorCode::TeacherPresent,
                "a publisher is alive in this lesson: end it (DELETE) or wait 2 s after its last packet",
            ));
        }
        let mut sources = Vec::new();
        for kind in [MediaKind::Video, MediaKind::Audio] {
            let of_kind = WHIP_SOURCES.into_iter().filter(|source| source.kind() == kind);
            sources.extend(of_kind.take(offered.of(kind)));
        }
        let page = &self.members[&self.teacher];
        if let Some(taken) = sources.iter().find(|source| page.flowing.contains(source)) {
            return Err(Refusal::new(
                ErrorCode::TeacherPresent,
                format!(
                    "the teacher's page publishes `{}` already: switch it off there first",
                    taken.as_str()
                ),
            ));
        }
        let replaces = self.tools.whip.take().map(|old| old.peer);
        let publisher = whip_peer(self.lesson.id);
        let tracks = sources
            .iter()
            .map(|&source| PublishTrack {
                track: track_id(publisher, source),
                source,
                simulcast: true,
            })
            .collect();
        let peer = PeerId::new();
        self.tools.whip = Some(Whip {
            peer,
            sources,
            since: now,
            connected: false,
            flowed: false,
            flowing: Vec::new(),
        });
        self.due.timers.insert((now + LINE_WAIT, peer));
        if self.lesson.state == LessonState::Open {
            self.want_step(Step::Start, None);
        }
        self.teacher_changed(now);
        Ok(WhipPlan {
            peer,
            tracks,
            replaces,
        })
    }

    /// The engine answered the WHIP client: these tracks have a section.
    pub fn whip_ready(&mut self, now: OffsetDateTime, peer: PeerId, tracks: &[TrackId]) {
        let publisher = whip_peer(self.lesson.id);
        if let Some(whip) = self.tools.whip.as_mut().filter(|whip| whip.peer == peer) {
            whip.sources
                .retain(|source| tracks.contains(&track_id(publisher, *source)));
            self.teacher_changed(now);
        }
    }

    /// A WHEP client wants to watch.
    ///
    /// # Errors
    ///
    /// When the lesson is not on, or there are too many players.
    pub fn whep_begin(&mut self, now: OffsetDateTime, role: Role) -> Result<WhepPlan, Refusal> {
        self.admits()?;
        if self.tools.players.len() >= PLAYERS_MAX {
            return Err(Refusal::new(ErrorCode::Full, "the room is full"));
        }
        let peer = PeerId::new();
        let watch = self.play_list(peer, role);
        let player = Player {
            role,
            since: now,
            connected: false,
            watch: watch.clone(),
        };
        self.tools.players.insert(peer, player);
        self.due.timers.insert((now + LINE_WAIT, peer));
        Ok(WhepPlan { peer, watch })
    }

    /// A WHIP or WHEP session ended, or its offer came to nothing. `true` when it was there.
    pub fn tool_ended(&mut self, now: OffsetDateTime, peer: PeerId) -> bool {
        let publisher = self.tools.whip.take_if(|whip| whip.peer == peer).is_some();
        let player = self.tools.players.remove(&peer).is_some();
        if publisher {
            self.teacher_changed(now);
        }
        if publisher || player {
            self.out.push_back(Output::RemoveTool(peer));
            self.flush_within(now, FLUSH);
        }
        publisher || player
    }

    /// Whether a WHIP or WHEP session is there.
    #[must_use]
    pub fn has_tool(&self, peer: PeerId) -> bool {
        self.tools.players.contains_key(&peer)
            || self.tools.whip.as_ref().is_some_and(|whip| whip.peer == peer)
    }

    fn teacher_changed(&mut self, now: OffsetDateTime) {
        self.touch(now, self.teacher, FLUSH);
        self.media_changed(now);
    }

    /// Main picture, second picture, voice, sound of the material. What nobody publishes keeps its place by a track that
    /// never comes, so that the section is there when somebody does.
    fn play_list(&mut self, peer: PeerId, role: Role) -> Vec<WatchTrack> {
        let viewer = Viewer {
            peer,
            role,
            lesson: self.lesson.state,
        };
        let published = self.published();
        let teacher = &self.members[&self.teacher];
        let mut mine: Vec<_> = published
            .iter()
            .filter(|track| track.role == Role::Teacher && may_see(&viewer, track))
            .map(|track| {
                let flows = teacher.flowing.contains(&track.source) || self.tools.whip_flows(track.source);
                (track.source.kind(), !flows, track.source, track.track)
            })
            .collect();
        mine.sort_unstable();
        let mut list = Vec::new();
        for (kind, spare) in [
            (MediaKind::Video, [Source::Camera, Source::Screen]),
            (MediaKind::Audio, [Source::Microphone, Source::ScreenAudio]),
        ] {
            let real = mine
                .iter()
                .filter(|(of, ..)| *of == kind)
                .map(|(.., track)| *track);
            let placeholders = spare.map(|source| track_id(peer, source));
            let tracks = real.chain(placeholders).take(2);
            list.extend(tracks.map(|track| WatchTrack {
                track,
                kind,
                height: 0,
                priority: 128,
            }));
        }
        list
    }

    /// Gives players other tracks where they changed.
    pub(super) fn rewire(&mut self) {
        let peers: Vec<_> = self
            .tools
            .players
            .iter()
            .map(|(peer, player)| (*peer, player.role))
            .collect();
        for (peer, role) in peers {
            let watch = self.play_list(peer, role);
            let Some(player) = self.tools.players.get_mut(&peer) else {
                continue;
            };
            if player.watch != watch {
                player.watch.clone_from(&watch);
                self.out.push_back(Output::Rewire { peer, watch });
            }
        }
    }

    /// Takes an event about a program. `false` when it is about a member.
    pub(super) fn tool_event(&mut self, now: OffsetDateTime, event: &Event) -> bool {
        let (Event::PeerConnected { peer }
        | Event::PeerLost { peer }
        | Event::PeerClosed { peer, .. }
        | Event::TrackFlowing { peer, .. }
        | Event::TrackStalled { peer, .. }
        | Event::LayersPaused { peer, .. }
        | Event::SoundOnly { peer, .. }) = event;
        if !self.has_tool(*peer) {
            return false;
        }
        match event {
            Event::PeerConnected { peer } => self.tool_line(now, *peer, true),
            Event::PeerLost { peer } => self.tool_line(now, *peer, false),
            Event::PeerClosed { peer, .. } => {
                self.tool_ended(now, *peer);
            }
            Event::TrackFlowing { track, .. } => self.whip_flow(now, *track, true),
            Event::TrackStalled { track, .. } => self.whip_flow(now, *track, false),
            // Nobody is there to be told: WHIP and WHEP have no words for it.
            Event::SoundOnly { .. } | Event::LayersPaused { .. } => {}
        }
        true
    }

    fn tool_line(&mut self, now: OffsetDateTime, peer: PeerId, up: bool) {
        if let Some(player) = self.tools.players.get_mut(&peer) {
            (player.connected, player.since) = (up, now);
        }
        if let Some(whip) = self.tools.whip.as_mut().filter(|whip| whip.peer == peer) {
            (whip.connected, whip.since) = (up, now);
            self.touch(now, self.teacher, FLUSH);
        }
        if !up {
            self.due.timers.insert((now + LINE_WAIT, peer));
        }
        self.flush_within(now, FLUSH);
    }

    fn whip_flow(&mut self, now: OffsetDateTime, track: TrackId, on: bool) {
        let Some(&(_, source)) = self.tracks.get(&track) else {
            return;
        };
        let Some(whip) = self.tools.whip.as_mut() else {
            return;
        };
        if on == whip.flowing.contains(&source) {
            return;
        }
        if on {
            whip.flowed = true;
            whip.flowing.push(source);
        } else {
            whip.flowing.retain(|other| *other != source);
        }
        self.note_material(now, source, on);
        self.teacher_changed(now);
    }

    /// Gives up a program whose line is gone, or never came.
    pub(super) fn expire_tool(&mut self, now: OffsetDateTime, peer: PeerId) {
        let gone = |connected: bool, since: OffsetDateTime| !connected && now - since >= LINE_WAIT;
        let player = self
            .tools
            .players
            .get(&peer)
            .is_some_and(|player| gone(player.connected, player.since));
        let whip = self.tools.whip.as_ref().filter(|whip| whip.peer == peer);
        if player || whip.is_some_and(|whip| gone(whip.connected, whip.since)) {
            self.tool_ended(now, peer);
        }
    }
}
