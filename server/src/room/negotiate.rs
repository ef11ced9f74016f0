//! One media line per peer. One request to the engine and one offer at a time: what changes meanwhile is stated after.

use std::sync::Arc;

use protocol::id::PeerId;
use protocol::media::{MediaKind, Source};
use protocol::signal::{ErrorCode, Offer, Role, Section, SectionUse, ServerMessage};
use sfu::{EngineError, MediaWish, PublishTrack, SessionOffer};
use time::OffsetDateTime;

use super::ids::{track_id, whip_peer};
use super::member::{Media, Member, Op, SocketId};
use super::resolve::{Published, Viewer, resolve};
use super::{FLUSH, Output, Refusal, Room};

/// An offer without an answer is made again after this, as a new connection.
const ANSWER_WAIT: time::Duration = time::Duration::seconds(15);
/// A line that failed is offered again after this.
pub(super) const AGAIN: time::Duration = time::Duration::milliseconds(500);
/// The engine refused; it is asked again after this.
const REFUSED_WAIT: time::Duration = time::Duration::seconds(2);

impl Room {
    /// Does what a peer's media line needs next, if nothing is under way.
    pub(super) fn drive(&mut self, now: OffsetDateTime, id: PeerId) {
        let Some(member) = self.members.get(&id) else {
            return;
        };
        if member.media.op.is_some() {
            return;
        }
        if member.media.remove {
            return self.drive_remove(id);
        }
        let Some((socket, welcomed)) = member.connection.as_ref().map(|c| (c.socket, c.welcomed)) else {
            return;
        };
        if crate::domain::lesson::over(self.lesson.state) {
            return;
        }
        let unanswered = match member.media.offered {
            Some((_, until)) if until > now => true,
            Some(_) => {
                // The peer is alive but never answered: it may have lost its way, so start it afresh.
                self.with_media(id, |media| media.fresh = true);
                false
            }
            None => false,
        };
        if unanswered && !self.members[&id].media.fresh {
            return;
        }
        let wish = self.desired(id);
        let media = &self.members[&id].media;
        if !media.exists && wish.publish.is_empty() && wish.watch.is_empty() {
            if !welcomed {
                self.welcome(now, id, None);
            }
            return;
        }
        if welcomed && !media.fresh && media.stated == wish {
            return;
        }
        if let Some(at) = media.not_before.filter(|at| *at > now) {
            self.due.timers.insert((at, id));
            return;
        }
        let fresh = media.fresh || !media.exists;
        self.with_media(id, |media| {
            media.fresh = false;
            media.offered = None;
            if fresh {
                media.connected = false;
            }
            media.op = Some(Op::Negotiate {
                wish: wish.clone(),
                socket,
            });
        });
        self.out.push_back(Output::Negotiate {
            peer: id,
            wish,
            fresh,
        });
    }

    fn drive_remove(&mut self, id: PeerId) {
        let exists = self.members[&id].media.exists;
        self.with_media(id, |media| {
            *media = Media {
                op: exists.then_some(Op::Remove),
                fresh: true,
                ..Media::default()
            };
        });
        if exists {
            self.out.push_back(Output::Remove(id));
        }
    }

    pub(super) fn with_media(&mut self, id: PeerId, change: impl FnOnce(&mut Media)) {
        if let Some(member) = self.members.get_mut(&id) {
            change(&mut member.media);
        }
    }

    /// What a peer is to send and receive now.
    pub(super) fn desired(&mut self, id: PeerId) -> MediaWish {
        let published = self.published();
        let Some(member) = self.members.get(&id) else {
            return MediaWish::default();
        };
        let publish = self
            .own_sources(member)
            .into_iter()
            .map(|(source, _)| PublishTrack {
                track: track_id(id, source),
                source,
                simulcast: in_layers(member.who.role, source),
            })
            .collect();
        let viewer = Viewer {
            peer: id,
            role: member.who.role,
            lesson: self.lesson.state,
        };
        MediaWish {
            publish,
            watch: resolve(&viewer, &member.wish.watch, &published),
            decodes: member.wish.decodes,
        }
    }

    /// What a member publishes by its page: a source that the teacher's WHIP publisher has is not asked for twice.
    pub(super) fn own_sources(&self, member: &Member) -> Vec<(Source, bool)> {
        let mut sources = member.publishes();
        if member.id == self.teacher {
            sources.retain(|(source, _)| !self.tools.whip_has(*source));
        }
        sources
    }

    /// Every published track; drawn up again after a change.
    pub(super) fn published(&mut self) -> Arc<[Published]> {
        if let Some(published) = &self.published {
            return Arc::clone(published);
        }
        let published: Arc<[Published]> = self
            .members
            .values()
            .flat_map(|member| self.published_by(member))
            .collect();
        self.published = Some(Arc::clone(&published));
        published
    }

    fn published_by(&self, member: &Member) -> Vec<Published> {
        let own = self
            .own_sources(member)
            .into_iter()
            .map(|(source, _)| (track_id(member.id, source), source));
        let whip = if member.id == self.teacher {
            self.tools.whip_sources()
        } else {
            Vec::new()
        };
        let publisher = whip_peer(self.lesson.id);
        own.chain(
            whip.into_iter()
                .map(|source| (track_id(publisher, source), source)),
        )
        .map(|(track, source)| Published {
            track,
            owner: member.id,
            role: member.who.role,
            source,
            on_stage: member.on_stage,
            silenced: member.silenced,
        })
        .collect()
    }

    /// The engine's answer to [`Output::Negotiate`].
    pub fn negotiated(
        &mut self,
        now: OffsetDateTime,
        id: PeerId,
        result: Result<Option<SessionOffer>, EngineError>,
    ) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let Some(Op::Negotiate { wish, socket }) = member.media.op.take() else {
            return;
        };
        member.media.exists |= result.is_ok();
        let current = member
            .connection
            .as_ref()
            .is_some_and(|connection| connection.socket == socket);
        if !current || member.media.remove {
            // The seat changed hands meanwhile: whoever holds it gets an offer of its own.
            member.media.fresh = true;
            return self.drive(now, id);
        }
        match result {
            Ok(offer) => {
                member.media.stated = wish;
                self.offer(now, id, offer);
            }
            Err(error) => {
                member.media.fresh = true;
                member.media.not_before = Some(now + REFUSED_WAIT);
                self.due.timers.insert((now + REFUSED_WAIT, id));
                if self.members[&id]
                    .connection
                    .as_ref()
                    .is_some_and(|connection| !connection.welcomed)
                {
                    self.welcome(now, id, None);
                }
                let (code, message) = match error {
                    EngineError::Full(what) => (ErrorCode::Full, format!("the media engine is full: {what}")),
                    other => (ErrorCode::Internal, format!("no media for now: {other}")),
                };
                self.refuse(socket, None, Refusal::new(code, message), false);
            }
        }
    }

    fn offer(&mut self, now: OffsetDateTime, id: PeerId, offer: Option<SessionOffer>) {
        let until = now + ANSWER_WAIT;
        let offer = offer.map(|offer| {
            self.with_media(id, |media| media.offered = Some((offer.negotiation, until)));
            self.due.timers.insert((until, id));
            self.describe(offer)
        });
        let Some((socket, welcomed)) = self
            .members
            .get(&id)
            .and_then(|m| m.connection.as_ref())
            .map(|c| (c.socket, c.welcomed))
        else {
            return;
        };
        if !welcomed {
            self.welcome(now, id, offer);
        } else if let Some(offer) = offer {
            self.send(socket, ServerMessage::Offer { offer });
        }
        // What changed while the engine was asked.
        self.drive(now, id);
    }

    /// The engine's offer in the words of the signalling protocol.
    fn describe(&self, offer: SessionOffer) -> Offer {
        let sections = offer
            .sections
            .into_iter()
            .filter_map(|plan| {
                let &(peer, source) = self.tracks.get(&plan.track)?;
                let use_ = if plan.from_peer {
                    SectionUse::Send { source }
                } else {
                    SectionUse::Receive {
                        track: plan.track,
                        peer,
                        source,
                    }
                };
                Some(Section {
                    mid: plan.mid,
                    kind: plan.kind,
                    use_,
                })
            })
            .collect();
        Offer {
            negotiation: offer.negotiation,
            fresh: offer.fresh,
            sdp: offer.sdp,
            sections,
        }
    }

    pub(super) fn answer(&mut self, id: PeerId, negotiation: u32, sdp: String) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let awaited = member
            .media
            .offered
            .is_some_and(|(number, _)| number == negotiation);
        if awaited && member.media.op.is_none() && !member.media.fresh {
            member.media.op = Some(Op::Answer);
            member.media.offered = None;
            self.out.push_back(Output::Answer {
                peer: id,
                negotiation,
                sdp,
            });
        }
    }

    /// The engine's answer to [`Output::Answer`].
    pub fn answered(&mut self, now: OffsetDateTime, id: PeerId, result: Result<(), EngineError>) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        if member.media.op != Some(Op::Answer) {
            return;
        }
        member.media.op = None;
        match result {
            Ok(()) | Err(EngineError::Stale) => {}
            Err(EngineError::Sdp(reason) | EngineError::Unusable(reason)) => {
                let socket = member.connection.as_ref().map(|connection| connection.socket);
                // Not offered again by itself: the same client would answer the same. It may say `restart`.
                if let Some(socket) = socket {
                    self.refuse(socket, None, Refusal::new(ErrorCode::Sdp, reason), false);
                }
            }
            Err(_) => {
                member.media.fresh = true;
                member.media.not_before = Some(now + AGAIN);
            }
        }
        self.drive(now, id);
    }

    /// The engine's answer to [`Output::Remove`].
    pub fn removed(&mut self, now: OffsetDateTime, id: PeerId) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        if member.media.op == Some(Op::Remove) {
            member.media.op = None;
            member.flowing.clear();
            self.touch(now, id, FLUSH);
            self.drive(now, id);
        }
    }

    pub(super) fn restart(&mut self, now: OffsetDateTime, id: PeerId) {
        self.with_media(id, |media| media.fresh = true);
        self.drive(now, id);
        self.with_media(id, |media| media.not_before = Some(now + AGAIN));
    }

    /// Whether anything flows either way for a peer.
    pub(super) fn has_media(member: &Member) -> bool {
        member.media.exists || member.media.op.is_some()
    }

    /// The socket that waits for a peer's offer, for tests and the edge.
    #[must_use]
    pub fn socket_of(&self, peer: PeerId) -> Option<SocketId> {
        self.members
            .get(&peer)?
            .connection
            .as_ref()
            .map(|connection| connection.socket)
    }

    /// Kinds of the tracks a peer asked for, for metrics.
    #[must_use]
    pub fn watched(&self, peer: PeerId, kind: MediaKind) -> usize {
        self.members.get(&peer).map_or(0, |member| {
            member
                .media
                .stated
                .watch
                .iter()
                .filter(|track| track.kind == kind)
                .count()
        })
    }
}

/// Whether a peer is asked for layers of what it publishes: where many watch, over lines of many kinds. A screen is all or nothing: its
/// writing cannot be read in a smaller layer.
fn in_layers(role: Role, source: Source) -> bool {
    role == Role::Teacher && matches!(source, Source::Camera | Source::Document)
}
