//! What the machine wants done: messages, requests to the engine, steps of the lesson.

use protocol::id::PeerId;
use protocol::signal::ServerMessage;

use super::{Actor, Done};
use crate::domain::lesson::Step;
use crate::media::recorder::Order;
use crate::room::{Output, SocketId};
use crate::rooms::refusal_of;
use crate::rooms::writer::Write;

impl Actor {
    /// Does what the room wants done.
    pub(super) fn carry_out(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Send { socket, message } => self.send(socket, *message),
                Output::Close(socket) => {
                    // The edge closes the socket when nothing more can come.
                    self.outboxes.remove(&socket);
                }
                Output::Step(step) => self.step(step),
                Output::Log { kind, about, at } => self.write(Write::Event(kind, about, at)),
                Output::Record(tracks) => {
                    self.recorded.clone_from(&tracks);
                    if let Some(recorder) = &self.recorder {
                        recorder.set_tracks(tracks);
                    }
                }
                media => self.ask_engine(media),
            }
        }
    }

    fn send(&mut self, socket: SocketId, message: ServerMessage) {
        let Some(outbox) = self.outboxes.get(&socket) else {
            return;
        };
        if outbox.try_send(message).is_ok() {
            self.rooms.metrics().sent.inc();
            return;
        }
        // Too slow, or gone: it may come back.
        self.rooms.metrics().closed.with_label_values(&["slow"]).inc();
        self.outboxes.remove(&socket);
        let now = self.now();
        self.room.closed(now, socket, false);
    }

    fn ask_engine(&mut self, output: Output) {
        let (engine, lesson) = (self.rooms.engine().clone(), self.lesson);
        match output {
            Output::Negotiate { peer, wish, fresh } => {
                self.knows(peer);
                self.ask(
                    async move { Done::Negotiated(peer, engine.negotiate(lesson, peer, wish, fresh).await) },
                );
            }
            Output::Answer {
                peer,
                negotiation,
                sdp,
            } => {
                self.ask(async move { Done::Answered(peer, engine.answer(peer, negotiation, sdp).await) });
            }
            Output::Remove(peer) => self.ask(async move {
                engine.remove(peer).await;
                Done::Removed(peer)
            }),
            Output::RemoveTool(peer) => {
                self.forget_tool(peer);
                self.ask(async move {
                    engine.remove(peer).await;
                    Done::Nothing
                });
            }
            Output::Rewire { peer, watch } => self.ask(async move {
                if let Err(error) = engine.rewire(peer, watch).await {
                    tracing::debug!(%peer, %error, "a player was not given other tracks");
                }
                Done::Nothing
            }),
            Output::CloseMedia => {
                // The recorder takes what the tap still holds before the room is closed.
                if let Some(recorder) = &self.recorder {
                    recorder.order(Order::Finish);
                }
                self.ask(async move {
                    engine.close_room(lesson).await;
                    Done::Nothing
                });
            }
            _ => {}
        }
    }

    fn step(&mut self, step: Step) {
        let (services, lesson) = (self.rooms.services().clone(), self.lesson);
        self.ask(async move {
            let now = services.clock.now();
            let taken = match step {
                Step::Start => services.lessons.start(lesson, now).await,
                Step::End => services.lessons.end(lesson, now).await,
                Step::Open | Step::Archive | Step::Cancel => Ok(false),
            };
            let result = match taken {
                Ok(_) => services.lessons.for_room(lesson).await,
                Err(error) => Err(error),
            };
            Done::Stepped(result.map_err(|error| refusal_of(&error)))
        });
    }

    /// Events of a peer find this room from now on.
    pub(super) fn knows(&mut self, peer: PeerId) {
        if self.peers.insert(peer) {
            self.rooms.peer_of(peer, &self.handle);
        }
    }

    pub(super) fn forget_tool(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
        self.rooms.forget_peers([peer]);
        self.rooms.sessions().forget(peer);
    }
}
