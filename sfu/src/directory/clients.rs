//! WHIP and WHEP: the client offers, the engine answers once.

use protocol::id::{LessonId, PeerId, TrackId};

use super::slots::{Slots, fresh_ssrcs};
use super::{Commands, Directory};
use crate::api::{Answer, EngineError, NegotiatedTrack, PublishTrack, WatchTrack};
use crate::negotiated::{Flow, Section};
use crate::packet::MAX_LAYERS;
use crate::sdp::{self, RemoteOffer};
use crate::shard::{Command, Credentials};

impl Directory {
    /// See [`crate::Engine::publish`].
    pub(crate) fn publish(
        &mut self,
        room: LessonId,
        id: PeerId,
        tracks: &[PublishTrack],
        text: &str,
    ) -> Result<(Answer, Commands), EngineError> {
        let offer = read(text)?;
        let mut free: Vec<PublishTrack> = tracks.to_vec();
        let sections = each_section(&offer, Flow::FromPeer, |section| {
            let at = free
                .iter()
                .position(|publish| publish.source.kind() == section.kind)?;
            let publish = free.remove(at);
            section.track = Some(publish.track);
            section
                .rids
                .truncate(if publish.simulcast { MAX_LAYERS } else { 0 });
            Some(())
        })?;
        let mut commands = Vec::new();
        self.open(room, id, &mut commands)?;
        let used: Vec<PublishTrack> = tracks
            .iter()
            .filter(|publish| carried(&sections).any(|track| track == publish.track))
            .copied()
            .collect();
        self.publish_tracks(id, &used, &mut commands);
        self.answer_client(id, &offer, sections, commands)
    }

    /// See [`crate::Engine::watch`].
    pub(crate) fn watch(
        &mut self,
        room: LessonId,
        id: PeerId,
        watch: &[WatchTrack],
        text: &str,
    ) -> Result<(Answer, Commands), EngineError> {
        let offer = read(text)?;
        let mut free = self.streams(watch);
        let mut used = Vec::new();
        let sections = each_section(&offer, Flow::ToPeer, |section| {
            let at = free.iter().position(|(watch, _)| watch.kind == section.kind)?;
            let (watch, stream) = free.remove(at);
            let has_rtx = section.payloads.iter().any(|payload| payload.rtx_pt.is_some());
            let mut ssrcs = fresh_ssrcs(section.kind, |ssrc| used.contains(&ssrc));
            if !has_rtx {
                ssrcs.rtx = None;
            }
            used.extend([Some(ssrcs.media), ssrcs.rtx].into_iter().flatten());
            section.track = Some(watch.track);
            section.stream = Some(stream);
            section.ssrcs = vec![ssrcs];
            Some(())
        })?;
        let mut commands = Vec::new();
        self.open(room, id, &mut commands)?;
        self.publish_tracks(id, &[], &mut commands);
        self.wish(id, watch, 0, &mut commands);
        self.answer_client(id, &offer, sections, commands)
    }

    fn answer_client(
        &mut self,
        id: PeerId,
        offer: &RemoteOffer,
        sections: Vec<Option<Section>>,
        mut commands: Commands,
    ) -> Result<(Answer, Commands), EngineError> {
        let local = self.local(id)?;
        let peer = self.peers.get_mut(&id).ok_or(EngineError::Unknown("peer"))?;
        peer.session.version += 1;
        let text = sdp::answer(&local, peer.session, offer, &sections);
        let agreed: Vec<Section> = sections.into_iter().flatten().collect();
        let tracks = agreed
            .iter()
            .filter_map(|section| {
                Some(NegotiatedTrack {
                    mid: section.mid.clone(),
                    track: section.track?,
                    codec: section.payloads.first()?.codec,
                })
            })
            .collect();
        peer.slots = Slots::answering(agreed.clone());
        peer.remote = Some(offer.transport.clone());
        commands.push((
            peer.shard,
            Command::Agree {
                peer: id,
                remote: offer.transport.clone(),
                sections: agreed,
            },
        ));
        let answer = Answer {
            sdp: text,
            ice_session: local.ufrag,
            tracks,
        };
        Ok((answer, commands))
    }

    /// See [`crate::Engine::rewire`].
    pub(crate) fn rewire(&mut self, id: PeerId, watch: &[WatchTrack]) -> Result<Commands, EngineError> {
        let peer = self.peers.get_mut(&id).ok_or(EngineError::Unknown("peer"))?;
        let mut free: Vec<WatchTrack> = watch.to_vec();
        let mut tracks = Vec::new();
        for section in peer.slots.sections_mut() {
            if section.flow != Flow::ToPeer {
                continue;
            }
            let at = free.iter().position(|watch| watch.kind == section.kind);
            let track = at.map(|at| free.remove(at).track);
            section.track = track.or(section.track);
            tracks.push((section.mid.clone(), track));
        }
        let mut commands = vec![(peer.shard, Command::Rewire { peer: id, tracks })];
        self.wish(id, watch, 0, &mut commands);
        Ok(commands)
    }

    /// See [`crate::Engine::restart_ice`].
    pub(crate) fn restart_ice(
        &mut self,
        id: PeerId,
        text: &str,
    ) -> Result<((String, String), Commands), EngineError> {
        let theirs = sdp::read_fragment(text).map_err(|error| EngineError::Sdp(error.to_string()))?;
        let mut commands = Vec::new();
        let peer = self.peers.get_mut(&id).ok_or(EngineError::Unknown("peer"))?;
        let restarts = peer
            .remote
            .as_ref()
            .is_none_or(|remote| remote.ufrag != theirs.ufrag);
        if restarts {
            peer.local = super::credentials();
            if let Some(remote) = &mut peer.remote {
                remote.ufrag.clone_from(&theirs.ufrag);
                remote.pwd.clone_from(&theirs.pwd);
            }
            let restart = Command::RestartIce {
                peer: id,
                local: peer.local.clone(),
                remote: Credentials {
                    ufrag: theirs.ufrag,
                    pwd: theirs.pwd,
                },
            };
            commands.push((peer.shard, restart));
        }
        let local = self.local(id)?;
        let peer = self.peers.get(&id).ok_or(EngineError::Unknown("peer"))?;
        let fragment = sdp::fragment(&local, peer.slots.sections());
        Ok(((fragment, local.ufrag), commands))
    }
}

fn read(text: &str) -> Result<RemoteOffer, EngineError> {
    sdp::read_offer(text).map_err(|error| EngineError::Sdp(error.to_string()))
}

/// Agrees on each section that can flow this way and that `take` finds a track for.
fn each_section(
    offer: &RemoteOffer,
    flow: Flow,
    mut take: impl FnMut(&mut Section) -> Option<()>,
) -> Result<Vec<Option<Section>>, EngineError> {
    let sections: Vec<Option<Section>> = offer
        .sections
        .iter()
        .map(|offered| {
            let mut section = sdp::agree(offered, flow)?;
            take(&mut section)?;
            Some(section)
        })
        .collect();
    if sections.iter().all(Option::is_none) {
        let way = match flow {
            Flow::FromPeer => "sends",
            _ => "receives",
        };
        return Err(EngineError::Unusable(format!(
            "it has no section that {way} Opus, H264, VP8, VP9 or AV1"
        )));
    }
    Ok(sections)
}

fn carried(sections: &[Option<Section>]) -> impl Iterator<Item = TrackId> + '_ {
    sections.iter().flatten().filter_map(|section| section.track)
}
