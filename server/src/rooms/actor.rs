//! The task of one room: feeds the machine, and does what it wants done.

mod outputs;
mod recording;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use protocol::id::{LessonId, PeerId};
use protocol::signal::{Lesson, LessonState, Recording, Role, ServerMessage};
use sfu::{EngineError, SessionOffer};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::writer::{self, Write};
use super::{Command, Handle, Rooms};
use crate::domain::event::EventKind;
use crate::domain::lesson::over;
use crate::media::recorder::{News, Order, Recorder};
use crate::room::{Facts, Recorded, Refusal, Room, SocketId};

/// Who stays after the end is sent away after this.
const STAY: time::Duration = time::Duration::seconds(20);
/// A room that nobody is in, of a lesson that is not live, is forgotten after this.
const IDLE: time::Duration = time::Duration::minutes(5);
/// Where that had to wait, it is looked at again after this.
const AGAIN: time::Duration = time::Duration::seconds(1);
/// A client that was told that the server goes away comes back after about this.
const RETRY_AFTER_MS: u32 = 1_000;
/// News of the recorder that wait.
const NEWS: usize = 64;

/// Something that was asked and is answered.
enum Done {
    Negotiated(PeerId, Result<Option<SessionOffer>, EngineError>),
    Answered(PeerId, Result<(), EngineError>),
    Removed(PeerId),
    Stepped(Result<Lesson, Refusal>),
    Reloaded(Option<Lesson>),
    Nothing,
}

type Doing = Pin<Box<dyn Future<Output = Done> + Send>>;

/// One room.
pub(super) struct Actor {
    rooms: Rooms,
    lesson: LessonId,
    room: Room,
    handle: Handle,
    inbox: mpsc::Receiver<Command>,
    outboxes: HashMap<SocketId, mpsc::Sender<ServerMessage>>,
    doing: FuturesUnordered<Doing>,
    writes: mpsc::Sender<Write>,
    peers: HashSet<PeerId>,
    recorder: Option<Recorder>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    recorded: Vec<Recorded>,
    recording: Option<Recording>,
    noted_at: OffsetDateTime,
    /// The recording is closed, or there is none.
    closed: bool,
    archiving: bool,
    /// Nobody is here, or the lesson is over, since then.
    quiet_since: Option<OffsetDateTime>,
    reloading: bool,
    reload_again: bool,
    stopping: bool,
    counted: [(Role, i64); 3],
}

impl Actor {
    pub(super) fn new(rooms: Rooms, facts: Facts, handle: Handle, inbox: mpsc::Receiver<Command>) -> Self {
        let lesson = facts.lesson.id;
        let (writes, queue) = mpsc::channel(writer::QUEUE);
        rooms
            .inner()
            .tasks
            .spawn(writer::run(rooms.services().clone(), lesson, queue));
        Self {
            lesson,
            room: Room::new(facts),
            handle,
            inbox,
            outboxes: HashMap::new(),
            doing: FuturesUnordered::new(),
            writes,
            peers: HashSet::new(),
            recorder: None,
            news: mpsc::channel(NEWS),
            recorded: Vec::new(),
            recording: None,
            noted_at: OffsetDateTime::UNIX_EPOCH,
            closed: false,
            archiving: false,
            quiet_since: None,
            reloading: false,
            reload_again: false,
            stopping: false,
            counted: [Role::Teacher, Role::Classroom, Role::Observer].map(|role| (role, 0)),
            rooms,
        }
    }

    fn now(&self) -> OffsetDateTime {
        self.rooms.services().clock.now()
    }

    pub(super) async fn run(mut self) {
        self.resume().await;
        loop {
            self.carry_out();
            if self.keep() {
                break;
            }
            let clock = self.rooms.services().clock.clone();
            let deadline = self.deadline();
            tokio::select! {
                Some(command) = self.inbox.recv() => self.take(command),
                Some(done) = self.doing.next(), if !self.doing.is_empty() => self.done(done),
                Some(news) = self.news.1.recv() => self.hear(news),
                () = clock.sleep_until(deadline) => {
                    let now = self.now();
                    self.room.tick(now);
                }
            }
        }
        self.leave().await;
    }

    /// A lesson that is live already goes on with those who were on stage.
    async fn resume(&mut self) {
        if !self.room.is_live() {
            return;
        }
        match self.rooms.services().events.of_lesson(self.lesson).await {
            Ok(events) => {
                let now = self.now();
                for event in events {
                    let on = match event.kind {
                        EventKind::OnStage => true,
                        EventKind::OffStage => false,
                        _ => continue,
                    };
                    if let Some(classroom) = event.about.classroom {
                        self.room.restore_stage(now, classroom, on);
                    }
                }
            }
            Err(error) => tracing::error!(lesson = %self.lesson, %error, "the stage is not known any more"),
        }
    }

    fn deadline(&self) -> OffsetDateTime {
        let quiet = self.quiet_since.map(|since| {
            since
                + if over(self.room.lesson().state) && !self.room.is_empty() {
                    STAY
                } else {
                    IDLE
                }
        });
        let now = self.now();
        let far = now + time::Duration::hours(1);
        // One that has passed waits for something else: it is looked at again, but not without a pause.
        let quiet = quiet.map(|at| if at > now { at } else { now + AGAIN });
        [self.room.next_deadline(), quiet]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(far)
    }

    fn take(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Join { entry, outbox, reply } => {
                let socket = entry.socket;
                let result = if self.stopping {
                    Err(Refusal::new(
                        protocol::signal::ErrorCode::Internal,
                        "the server is going away",
                    ))
                } else {
                    self.room.join(now, *entry).map(|_| ())
                };
                if result.is_ok() {
                    self.outboxes.insert(socket, outbox);
                }
                if reply.send(result).is_err() {
                    self.outboxes.remove(&socket);
                    self.room.closed(now, socket, false);
                }
            }
            Command::Message { socket, message } => self.room.message(now, socket, *message),
            Command::Closed { socket, clean } => {
                self.outboxes.remove(&socket);
                self.room.closed(now, socket, clean);
            }
            Command::Event(event) => self.room.event(now, &event),
            Command::Reload => self.reload(),
            Command::Revoked(terminal) => self.room.revoke(now, terminal),
            Command::Whip { sections, reply } => {
                let plan = self.room.whip_begin(now, sections);
                if let Ok(plan) = &plan {
                    self.knows(plan.peer);
                    if let Some(old) = plan.replaces {
                        self.forget_tool(old);
                    }
                }
                // A client that is gone leaves a publisher without media, which the next one replaces.
                let _ = reply.send(plan);
            }
            Command::WhipReady { peer, tracks } => self.room.whip_ready(now, peer, &tracks),
            Command::Whep { role, reply } => {
                let plan = self.room.whep_begin(now, role);
                if let Ok(plan) = &plan {
                    self.knows(plan.peer);
                }
                let _ = reply.send(plan);
            }
            Command::ToolEnded { peer } => {
                self.room.tool_ended(now, peer);
            }
            Command::Shutdown => {
                self.stopping = true;
                self.room.close(now, RETRY_AFTER_MS);
                if let Some(recorder) = &self.recorder {
                    recorder.order(Order::Stop);
                }
            }
        }
    }

    fn done(&mut self, done: Done) {
        let now = self.now();
        match done {
            Done::Negotiated(peer, result) => self.room.negotiated(now, peer, result),
            Done::Answered(peer, result) => self.room.answered(now, peer, result),
            Done::Removed(peer) => self.room.removed(now, peer),
            Done::Stepped(result) => {
                self.room.stepped(now, result);
                // Somebody may have moved it on since that was read.
                self.reload();
            }
            Done::Reloaded(lesson) => {
                self.reloading = false;
                if std::mem::take(&mut self.reload_again) {
                    self.reload();
                } else if let Some(lesson) = lesson {
                    self.room.lesson_is(now, lesson);
                }
            }
            Done::Nothing => {}
        }
    }

    fn write(&mut self, write: Write) {
        if self.writes.try_send(write).is_err() {
            self.rooms.metrics().writes_dropped.inc();
        }
    }

    fn ask(&mut self, question: impl Future<Output = Done> + Send + 'static) {
        self.doing.push(Box::pin(question));
    }

    /// Reads the lesson; one reading at a time, so that an old one cannot overtake a new one.
    fn reload(&mut self) {
        if self.reloading {
            self.reload_again = true;
            return;
        }
        self.reloading = true;
        let (services, lesson) = (self.rooms.services().clone(), self.lesson);
        self.ask(async move {
            match services.lessons.for_room(lesson).await {
                Ok(lesson) => Done::Reloaded(Some(lesson)),
                Err(error) => {
                    tracing::error!(%lesson, %error, "the lesson could not be read");
                    Done::Reloaded(None)
                }
            }
        });
    }

    /// What follows from how things stand. `true` when the room has nothing more to do.
    fn keep(&mut self) -> bool {
        let now = self.now();
        let state = self.room.lesson().state;
        self.count();
        if self.stopping {
            return self.recorder.is_none();
        }
        match state {
            LessonState::Live => self.record(Order::Run),
            LessonState::Ended if !self.closed && self.recorder.is_none() => self.record(Order::Finish),
            LessonState::Ended if self.closed && !self.archiving => {
                self.archiving = self.writes.try_send(Write::Archive).is_ok();
            }
            _ => {}
        }
        let quiet = over(state) || (self.room.is_empty() && state != LessonState::Live);
        self.quiet_since = quiet.then(|| self.quiet_since.unwrap_or(now));
        let for_so_long = self.quiet_since.map(|since| now - since).unwrap_or_default();
        if over(state) && !self.room.is_empty() && for_so_long >= STAY {
            self.room.dismiss(now);
            self.carry_out();
        }
        let waits = state == LessonState::Ended || self.recorder.is_some() || !self.room.is_empty();
        let done = over(state) || for_so_long >= IDLE;
        quiet && done && !waits && self.rooms.forget(self.lesson, &self.inbox)
    }

    fn count(&mut self) {
        let gauge = &self.rooms.metrics().peers;
        for (role, counted) in &mut self.counted {
            let now = self.room.present(*role);
            if now != *counted {
                let word = format!("{role:?}").to_lowercase();
                gauge.with_label_values(&[&word]).add(now - *counted);
                *counted = now;
            }
        }
    }

    async fn leave(mut self) {
        let gauge = self.rooms.metrics().peers.clone();
        for (role, counted) in self.counted {
            gauge
                .with_label_values(&[&format!("{role:?}").to_lowercase()])
                .sub(counted);
        }
        self.show_lamp(None);
        self.rooms.engine().close_room(self.lesson).await;
        self.rooms.forget_peers(std::mem::take(&mut self.peers));
        self.rooms.sessions().forget_lesson(self.lesson);
        tracing::info!(lesson = %self.lesson, "room closed");
    }
}
