//! A classroom that comes by signalling, as its page does: says `hello`, follows the server's offers, tells how its line is,
//! and comes back whenever the socket is lost.

mod media;
mod part;

use std::time::{Duration, Instant};

use protocol::media::Source;
use protocol::signal::{
    ClientMessage, LessonState, PublishWish, Role, ServerMessage, VERSION, WatchRule, Who, Wish,
};
use tokio::time::{MissedTickBehavior, interval_at, sleep_until};

use self::media::{Happening, Media};
use super::health::Health;
use super::run::Shared;
use super::seat::Seat;
use crate::signal::{SignalError, Socket};

/// How often a classroom tells how its line is.
const REPORT_EVERY: Duration = Duration::from_secs(2);
/// Waits before another socket: the first, and the longest.
const RETRY: [Duration; 2] = [Duration::from_millis(150), Duration::from_secs(2)];
/// Height of the picture of a classroom's screen, and of those on stage beside it.
const HEIGHTS: [u16; 2] = [1_080, 270];

/// What the classrooms of a run enter with: one token, in which each has a seat of its own.
#[derive(Clone)]
pub(super) struct Pass {
    token: String,
    /// Tells this run's classrooms from another's.
    run: u64,
}

impl Pass {
    pub(super) fn new(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            run: rand::random(),
        }
    }

    fn hello(&self, number: usize, revision: u64, sends: bool) -> ClientMessage {
        ClientMessage::Hello {
            version: VERSION,
            token: self.token.clone(),
            instance: format!("loadtest-{:016x}-{number}", self.run),
            // A seat that another has is not ours to take: the token would be good for one classroom only.
            take_over: false,
            revision,
            wish: wish(sends),
        }
    }
}

/// What a classroom's page wants; its own camera and microphone where it `sends`.
fn wish(sends: bool) -> Wish {
    let publish = [Source::Camera, Source::Microphone].map(|source| PublishWish { source, muted: false });
    let rule = |who, height, priority| WatchRule {
        who,
        sources: Vec::new(),
        height,
        priority,
    };
    Wish {
        decodes: 0,
        publish: publish.into_iter().filter(|_| sends).collect(),
        watch: vec![
            rule(Who::Teacher, HEIGHTS[0], 255),
            rule(Who::Stage, HEIGHTS[1], 128),
        ],
    }
}

/// How a socket ended, if not by an error.
enum End {
    /// Its stay is over.
    Stay,
    /// The lesson is over.
    Lesson,
    /// The server goes away and wants to be asked again then.
    Restart(Duration),
    /// The token lets in somebody else.
    Teacher,
}

/// A classroom from its arrival to the end of its stay.
pub(super) async fn sit(seat: &Seat, shared: &Shared, pass: &Pass, number: usize, until: Instant) {
    let mut classroom = Classroom {
        seat,
        shared,
        pass,
        number,
        until,
        sends: shared.sends(number).is_some(),
        media: Media::new(seat, &shared.setup, shared.sends(number)),
        revision: 0,
        told: Health::default(),
        seated: false,
        ping: None,
        rtt_ms: 0,
        attempt: 0,
    };
    classroom.stay().await;
    classroom.media.close().await;
}

struct Classroom<'a> {
    seat: &'a Seat,
    shared: &'a Shared,
    pass: &'a Pass,
    number: usize,
    /// When it goes.
    until: Instant,
    /// It has a camera and a microphone.
    sends: bool,
    media: Media<'a>,
    revision: u64,
    /// When the last report was made.
    told: Health,
    /// The server has welcomed this socket.
    seated: bool,
    /// The question that is on the way.
    ping: Option<Instant>,
    rtt_ms: u16,
    /// Sockets in a row that brought no welcome.
    attempt: u32,
}

impl Classroom<'_> {
    async fn stay(&mut self) {
        loop {
            self.seat.asks(Instant::now());
            let wait = match self.visit().await {
                Ok(End::Stay) => return,
                Ok(End::Restart(wait)) => wait,
                Ok(End::Lesson) => return self.seat.fails("the lesson is over".to_owned()),
                Ok(End::Teacher) => {
                    let what =
                        "the token is a teacher's: attending needs one of `tongke token --role classroom`";
                    return self.seat.fails(what.to_owned());
                }
                Err(error) => {
                    self.seat.fails(error.to_string());
                    if !error.may_pass() {
                        return;
                    }
                    self.backoff()
                }
            };
            self.seat.rejoins();
            let again = Instant::now() + wait;
            sleep_until(again.min(self.until).into()).await;
            if again >= self.until {
                return;
            }
        }
    }

    /// Doubling, and between half and the whole of it by chance, so that not all come back in one instant.
    fn backoff(&mut self) -> Duration {
        let whole = (RETRY[0] * 2_u32.pow(self.attempt.min(8))).min(RETRY[1]);
        self.attempt += 1;
        whole.mul_f64(rand::random_range(0.5..1.0))
    }

    /// One socket, from its opening to its end.
    async fn visit(&mut self) -> Result<End, SignalError> {
        let deadline = sleep_until(self.until.into());
        let mut socket = tokio::select! {
            socket = Socket::open(&self.shared.setup) => socket?,
            () = deadline => return Ok(End::Stay),
        };
        let hello = self.pass.hello(self.number, self.revision, self.sends);
        socket.say(&hello).await?;
        let end = self.talk(&mut socket).await?;
        socket.close().await;
        Ok(end)
    }

    async fn talk(&mut self, socket: &mut Socket) -> Result<End, SignalError> {
        // Not before the welcome: until then there is no seat to speak from.
        let mut tick = interval_at(tokio::time::Instant::now() + REPORT_EVERY, REPORT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.ping = None;
        self.seated = false;
        loop {
            tokio::select! {
                message = socket.hear() => {
                    if let Some(end) = self.take(socket, message?).await? {
                        return Ok(end);
                    }
                }
                happening = self.media.happening() => match happening {
                    Happening::Up => self.seat.connected(Instant::now()),
                    Happening::Lost if self.seated => {
                        self.seat.fails("the media connection was lost".to_owned());
                        self.seat.rejoins();
                        socket.say(&ClientMessage::Restart {}).await?;
                    }
                    Happening::Overdue if self.seated => socket.say(&ClientMessage::Restart {}).await?,
                    // The welcome brings a fresh connection.
                    Happening::Lost | Happening::Overdue => {}
                },
                _ = tick.tick(), if self.seated => self.tell(socket).await?,
                () = sleep_until(self.until.into()) => return Ok(End::Stay),
            }
        }
    }

    async fn take(
        &mut self,
        socket: &mut Socket,
        message: ServerMessage,
    ) -> Result<Option<End>, SignalError> {
        match message {
            ServerMessage::Welcome {
                role, room, offer, ..
            } => {
                if role == Role::Teacher {
                    return Ok(Some(End::Teacher));
                }
                self.seat.welcomed(Instant::now());
                self.seated = true;
                self.attempt = 0;
                self.revision = room.revision;
                if let Some(offer) = offer {
                    self.follow(socket, &offer).await?;
                }
                return Ok(over(room.lesson.state));
            }
            ServerMessage::Change { revision, change } => {
                self.revision = revision;
                return Ok(change.lesson.and_then(|lesson| over(lesson.state)));
            }
            ServerMessage::Offer { offer } => self.follow(socket, &offer).await?,
            ServerMessage::Pong { .. } => {
                let passed = self.ping.take().map(|asked| asked.elapsed().as_millis());
                self.rtt_ms = passed.map_or(0, |ms| u16::try_from(ms).unwrap_or(u16::MAX));
            }
            ServerMessage::Closing { retry_after_ms } => {
                let wait = Duration::from_millis(u64::from(retry_after_ms));
                return Ok(Some(End::Restart(wait)));
            }
            ServerMessage::Error { code, message, .. } => {
                self.seat.fails(format!("{code:?}: {message}"));
            }
            // It sends no layers.
            ServerMessage::Done { .. }
            | ServerMessage::Layers { .. }
            | ServerMessage::Line { .. }
            | ServerMessage::Message { .. } => {}
        }
        Ok(None)
    }

    async fn follow(
        &mut self,
        socket: &mut Socket,
        offer: &protocol::signal::Offer,
    ) -> Result<(), SignalError> {
        match self.media.follow(offer).await {
            Ok(sdp) => {
                let negotiation = offer.negotiation;
                socket.say(&ClientMessage::Answer { negotiation, sdp }).await
            }
            Err(error) => {
                self.seat
                    .fails(format!("an offer could not be answered: {error:#}"));
                Ok(())
            }
        }
    }

    async fn tell(&mut self, socket: &mut Socket) -> Result<(), SignalError> {
        let health = self.media.health();
        let report = health.report(&self.told, self.rtt_ms, self.sends);
        self.told = health;
        socket.say(&ClientMessage::Report { report }).await?;
        if self.ping.is_none() {
            self.ping = Some(Instant::now());
            socket.say(&ClientMessage::Ping { id: 0 }).await?;
        }
        Ok(())
    }
}

fn over(state: LessonState) -> Option<End> {
    match state {
        LessonState::Scheduled | LessonState::Open | LessonState::Live => None,
        LessonState::Ended | LessonState::Archived | LessonState::Cancelled => Some(End::Lesson),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_classroom_of_every_run_has_a_seat_of_its_own() {
        let instance = |pass: &Pass, number| match pass.hello(number, 0, false) {
            ClientMessage::Hello {
                instance, take_over, ..
            } => {
                assert!(!take_over && instance.len() <= 64, "{instance}");
                instance
            }
            other => panic!("{other:?}"),
        };
        let (one, other) = (Pass::new("t"), Pass::new("t"));
        assert_eq!(instance(&one, 1), instance(&one, 1));
        assert_ne!(instance(&one, 1), instance(&one, 2));
        assert_ne!(instance(&one, 1), instance(&other, 1));
    }
}
