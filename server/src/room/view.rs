//! What each peer sees: a snapshot when it comes, then the least that changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::id::PeerId;
use protocol::signal::{
    Change, LessonState, Offer, Peer, Presence, Report, Role, Room as Snapshot, ServerMessage, Track,
};
use time::OffsetDateTime;

use super::Room;
use super::ids::{track_id, whip_peer};
use super::member::{Away, Member, View};

impl Room {
    /// Sends what changed since the last flush, and states again what media peers get.
    pub(super) fn flush(&mut self, now: OffsetDateTime) {
        self.due.flush = None;
        if std::mem::take(&mut self.due.media) {
            let ids: Vec<_> = self.members.keys().copied().collect();
            for id in ids {
                self.drive(now, id);
            }
            self.rewire();
            self.restate_recorded();
        }
        self.refresh(now);
        let ids: Vec<_> = self.members.keys().copied().collect();
        let stage = self.on_stage();
        for id in ids {
            self.tell(id, &stage);
        }
    }

    /// Draws the peers that look different anew.
    pub(super) fn refresh(&mut self, now: OffsetDateTime) {
        for id in std::mem::take(&mut self.dirty) {
            let Some(member) = self.members.get(&id) else {
                continue;
            };
            let presence = self.presence(member);
            let changed = presence != member.presence;
            let since = if changed { Some(now) } else { member.since };
            let tracks = self.tracks_of(member);
            let hand = self.hands.iter().position(|other| *other == id);
            let hand = hand.and_then(|place| u32::try_from(place + 1).ok());
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            (member.presence, member.since) = (presence, since);
            let full = Peer {
                id,
                role: member.who.role,
                name: member.who.name.clone(),
                school: member.who.school.clone(),
                classroom: member.who.classroom,
                presence,
                since,
                on_stage: member.on_stage,
                silenced: member.silenced,
                hand,
                help: member.help,
                report: member.report,
                tracks,
            };
            let plain = Peer {
                report: Report::default(),
                ..full.clone()
            };
            replace(&mut member.full, full);
            replace(&mut member.plain, plain);
        }
    }

    fn presence(&self, member: &Member) -> Presence {
        if member.connection.is_some() {
            return if member.media.connected || !Self::has_media(member) {
                Presence::Present
            } else {
                Presence::NoMedia
            };
        }
        if member.id == self.teacher && self.tools.whip_connected() {
            return Presence::Present;
        }
        match member.away {
            Away::Never => Presence::Expected,
            Away::Lost => Presence::Lost,
            Away::Left => Presence::Left,
        }
    }

    fn tracks_of(&self, member: &Member) -> Vec<Track> {
        let mut tracks: Vec<_> = self
            .own_sources(member)
            .into_iter()
            .map(|(source, muted)| Track {
                id: track_id(member.id, source),
                source,
                muted,
                flowing: member.flowing.contains(&source),
            })
            .collect();
        if member.id == self.teacher {
            let publisher = whip_peer(self.lesson.id);
            tracks.extend(self.tools.whip_sources().into_iter().map(|source| Track {
                id: track_id(publisher, source),
                source,
                muted: false,
                flowing: self.tools.whip_flows(source),
            }));
        }
        tracks
    }

    /// The classrooms on stage.
    fn on_stage(&self) -> Vec<PeerId> {
        self.members
            .values()
            .filter(|member| member.on_stage)
            .map(|member| member.id)
            .collect()
    }

    /// The room as a member may see it.
    fn view(&self, member: &Member, stage: &[PeerId]) -> View {
        let plain = member.who.role == Role::Classroom;
        let peers: BTreeMap<PeerId, Arc<Peer>> = if plain {
            [self.teacher, member.id]
                .iter()
                .chain(stage)
                .filter_map(|id| Some((*id, self.members.get(id)?.plain.clone()?)))
                .collect()
        } else {
            let expected_too = member.who.role == Role::Teacher;
            self.members
                .values()
                .filter(|other| other.who.role != Role::Observer)
                .filter(|other| {
                    expected_too || other.who.role == Role::Teacher || other.presence != Presence::Expected
                })
                .filter_map(|other| Some((other.id, other.full.clone()?)))
                .collect()
        };
        View {
            lesson: Some(Arc::clone(&self.lesson)),
            recording: Some(self.recording),
            peers,
            observers: if plain { 0 } else { self.observers() },
        }
    }

    fn observers(&self) -> u32 {
        let pages = self
            .members
            .values()
            .filter(|member| member.who.role == Role::Observer && member.connection.is_some())
            .count();
        u32::try_from(pages + self.tools.players()).unwrap_or(u32::MAX)
    }

    /// The snapshot a member would get now, for tests.
    #[must_use]
    pub fn snapshot(&self, peer: PeerId) -> Option<Snapshot> {
        let member = self.members.get(&peer)?;
        let view = self.view(member, &self.on_stage());
        Some(Snapshot {
            revision: member.revision,
            lesson: (*self.lesson).clone(),
            recording: self.recording,
            peers: view.peers.values().map(|peer| (**peer).clone()).collect(),
            observers: view.observers,
        })
    }

    /// The first message to a socket: the state as it is at this moment, and the offer.
    pub(super) fn welcome(&mut self, now: OffsetDateTime, id: PeerId, offer: Option<Offer>) {
        self.refresh(now);
        let Some(room) = self.snapshot(id) else { return };
        let Some(member) = self.members.get(&id) else {
            return;
        };
        let seen = self.view(member, &self.on_stage());
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let (epoch, role) = (member.epoch, member.who.role);
        let Some(connection) = member.connection.as_mut() else {
            return;
        };
        connection.welcomed = true;
        connection.seen = seen;
        let socket = connection.socket;
        let ice_servers = std::mem::take(&mut connection.ice_servers);
        self.send(
            socket,
            ServerMessage::Welcome {
                epoch,
                peer: id,
                role,
                now,
                room,
                offer,
                ice_servers,
            },
        );
    }

    /// Tells a member what changed for it.
    fn tell(&mut self, id: PeerId, stage: &[PeerId]) {
        let Some(member) = self.members.get(&id) else {
            return;
        };
        let Some(connection) = member
            .connection
            .as_ref()
            .filter(|connection| connection.welcomed)
        else {
            return;
        };
        let view = self.view(member, stage);
        let Some(change) = difference(&connection.seen, &view) else {
            return;
        };
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        member.revision += 1;
        let revision = member.revision;
        let Some(connection) = member.connection.as_mut() else {
            return;
        };
        connection.seen = view;
        let socket = connection.socket;
        self.send(socket, ServerMessage::Change { revision, change });
    }

    /// Whether the lesson is being taught.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.lesson.state == LessonState::Live
    }
}

/// Keeps the old drawing when nothing changed, so that a difference is seen by its address.
fn replace(slot: &mut Option<Arc<Peer>>, peer: Peer) {
    if slot.as_deref() != Some(&peer) {
        *slot = Some(Arc::new(peer));
    }
}

/// What leads from one view to another; `None` when they are the same.
pub(super) fn difference(before: &View, after: &View) -> Option<Change> {
    let same = |a: &Arc<Peer>, b: &Arc<Peer>| Arc::ptr_eq(a, b) || a == b;
    let change = Change {
        lesson: (before.lesson != after.lesson)
            .then(|| after.lesson.as_deref().cloned())
            .flatten(),
        recording: (before.recording != after.recording)
            .then_some(after.recording)
            .flatten(),
        peers: after
            .peers
            .iter()
            .filter(|(id, peer)| before.peers.get(id).is_none_or(|old| !same(old, peer)))
            .map(|(_, peer)| (**peer).clone())
            .collect(),
        gone: before
            .peers
            .keys()
            .filter(|id| !after.peers.contains_key(id))
            .copied()
            .collect(),
        observers: (before.observers != after.observers).then_some(after.observers),
    };
    (change != Change::default()).then_some(change)
}
