//! What the engine saw by itself: lines that come up and go, tracks that flow and stall.

use protocol::id::PeerId;
use protocol::media::Source;
use protocol::signal::{LessonState, ServerMessage};
use sfu::Event;
use time::OffsetDateTime;

use super::member::Media;
use super::negotiate::AGAIN;
use super::{FLUSH, Output, Room};
use crate::domain::event::EventKind;

impl Room {
    /// Something happened at a peer of this room.
    pub fn event(&mut self, now: OffsetDateTime, event: &Event) {
        if self.tool_event(now, event) {
            return;
        }
        match event {
            Event::PeerConnected { peer } => self.line(now, *peer, true),
            Event::PeerLost { peer } => self.line(now, *peer, false),
            Event::PeerClosed { peer, .. } => {
                self.line(now, *peer, false);
                let Some(member) = self.members.get_mut(peer) else {
                    return;
                };
                member.flowing.clear();
                if member.connection.is_some() {
                    member.media.fresh = true;
                    member.media.not_before = Some(now + AGAIN);
                } else {
                    member.media.remove = true;
                }
                self.drive(now, *peer);
            }
            Event::TrackFlowing { peer, track, .. } => {
                if let Some(&(_, source)) = self.tracks.get(track) {
                    self.flows(now, *peer, source, true);
                }
            }
            Event::TrackStalled { peer, track } => {
                if let Some(&(_, source)) = self.tracks.get(track) {
                    self.flows(now, *peer, source, false);
                }
            }
            Event::SoundOnly { peer, on } => self.say(*peer, ServerMessage::Line { sound_only: *on }),
            Event::LayersPaused { peer, track, paused } => {
                if let Some(&(_, source)) = self.tracks.get(track) {
                    let paused = paused.clone();
                    self.say(*peer, ServerMessage::Layers { source, paused });
                }
            }
        }
    }

    /// Says something to a peer, if it is there.
    fn say(&mut self, peer: PeerId, message: ServerMessage) {
        let member = self.members.get(&peer);
        if let Some(connection) = member.and_then(|member| member.connection.as_ref()) {
            let socket = connection.socket;
            self.send(socket, message);
        }
    }

    fn line(&mut self, now: OffsetDateTime, peer: PeerId, up: bool) {
        self.with_media(peer, |media| media.connected = up);
        self.touch(now, peer, FLUSH);
    }

    pub(super) fn flows(&mut self, now: OffsetDateTime, peer: PeerId, source: Source, on: bool) {
        let Some(member) = self.members.get_mut(&peer) else {
            return;
        };
        if on == member.flowing.contains(&source) {
            return;
        }
        if on {
            member.flowing.push(source);
        } else {
            member.flowing.retain(|other| *other != source);
        }
        self.touch(now, peer, FLUSH);
        self.note_material(now, source, on);
        if peer == self.teacher {
            self.media_changed(now);
        }
    }

    /// The teacher's screen or document camera came up or went: a chapter of the replay.
    pub(super) fn note_material(&mut self, now: OffsetDateTime, source: Source, on: bool) {
        use protocol::media::Source::{Document, Screen};
        if self.lesson.state == LessonState::Live && matches!(source, Screen | Document) {
            let kind = if on {
                EventKind::MaterialShown
            } else {
                EventKind::MaterialHidden
            };
            self.log(now, kind, self.teacher);
        }
    }

    /// The lesson is over: nothing is sent or received any more.
    pub(super) fn end_media(&mut self) {
        for member in self.members.values_mut() {
            // An answer that is under way finds no request to belong to, and is dropped.
            member.media = Media {
                connected: member.media.connected,
                ..Media::default()
            };
            member.flowing.clear();
            member.on_stage = false;
            member.silenced = false;
            member.help = false;
        }
        self.dirty.extend(self.members.keys().copied());
        self.hands.clear();
        self.tools.clear();
        self.out.push_back(Output::CloseMedia);
    }
}
