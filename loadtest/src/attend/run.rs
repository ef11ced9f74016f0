//! Runs the classrooms of an attendance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::arrivals::Arrive;
use super::churn::stays;
use super::report::{Report, float};
use super::seat::Seat;
use super::watch::Watch;
use super::{signal, whep};
use crate::cpu::Cpu;
use crate::impair::through::BadLine;
use crate::media::clip::Clip;
use crate::peer::setup::Setup;
use crate::progress::Progress;
use crate::server::Server;
use crate::whip::{Direction, Endpoint};

/// How long the goodbyes may take.
const GOODBYE_MAX: Duration = Duration::from_secs(5);

/// So many classrooms open every packet, unless it is said otherwise.
const VERIFIED: usize = 100;

/// How classrooms come into the lesson.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// As players, by WHEP.
    #[default]
    Whep,
    /// As classrooms' pages do: a WebSocket at `/signal` each, whose offers they follow.
    Signal,
}

/// What is to be attended, and how.
#[derive(Clone, Debug)]
pub struct Attendance {
    /// The server.
    pub server: Server,
    /// The lesson's id, or `demo`. By signalling it is the token that says which.
    pub lesson: String,
    /// Bearer token.
    pub token: String,
    /// How they come in.
    pub via: Via,
    /// How many classrooms.
    pub classrooms: usize,
    /// How long they watch once the last has arrived.
    pub watch: Duration,
    /// How they arrive.
    pub arrive: Arrive,
    /// Over which time, unless at once.
    pub over: Duration,
    /// So many of all leave in a minute, and come back.
    pub churn: f64,
    /// Pictures each asks for, by WHEP.
    pub videos: usize,
    /// Part of the classrooms that open every packet, from 0 to 1; without it all of up to [`VERIFIED`], and so many of more.
    pub verify: Option<f64>,
    /// The server's process, to measure.
    pub server_pid: Option<u32>,
    /// Those that send too.
    pub stage: Option<Stage>,
    /// The line they have.
    pub line: Option<Arc<BadLine>>,
    /// Seed of chance.
    pub seed: u64,
}

/// Classrooms that send their own camera and microphone, by signalling: the first of all.
#[derive(Clone, Debug)]
pub struct Stage {
    /// How many.
    pub classrooms: usize,
    /// What they send, over and over.
    pub clip: Clip,
}

/// What all classrooms share.
pub(super) struct Shared {
    pub(super) setup: Setup,
    stage: Option<Stage>,
}

impl Shared {
    /// What the classroom of this number sends.
    pub(super) fn sends(&self, number: usize) -> Option<&Clip> {
        let stage = self.stage.as_ref()?;
        (number <= stage.classrooms).then_some(&stage.clip)
    }
}

/// Attends a lesson and reports. It ends early when `stop` does.
///
/// # Errors
///
/// When the attendance cannot even begin; what befalls a classroom is in the report.
pub async fn attend(
    plan: &Attendance,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Report> {
    let setup = Setup::new(&plan.server, plan.line.as_ref()).await?;
    let start = Instant::now();
    let arrivals = plan.arrive.times(plan.classrooms, plan.over, plan.seed);
    let last = arrivals.iter().max().copied().unwrap_or_default();
    let deadline = start + last + plan.watch;
    let shared = Arc::new(Shared {
        setup,
        stage: plan.stage.clone(),
    });
    let stays = stays(&arrivals, last + plan.watch, plan.churn, plan.seed);
    let seats: Vec<Arc<Seat>> = verifying(plan.verify, plan.classrooms)
        .map(|verify| Arc::new(Seat::new(verify)))
        .collect();
    let mut tasks = JoinSet::new();
    let door = Door::of(plan);
    for (index, (seat, stays)) in seats.iter().zip(stays).enumerate() {
        let (seat, shared, door) = (Arc::clone(seat), Arc::clone(&shared), door.clone());
        tasks.spawn(async move {
            for stay in stays {
                tokio::time::sleep_until((start + stay.from).into()).await;
                let until = start + stay.until;
                seat.comes();
                door.enter(&seat, &shared, index + 1, until).await;
                if Instant::now() < until {
                    // It was refused for good.
                    return;
                }
                seat.leaves(until);
            }
        });
    }
    let mut watch = Watch::new(&seats, plan.server_pid);
    tokio::select! {
        () = watch.follow(deadline, progress) => {}
        () = all_gone(&mut tasks) => {}
        () = stop => {}
    }
    let end = Instant::now();
    let (server_cpu, timeline) = (watch.server_cpu(), watch.samples());
    let classrooms = seats
        .iter()
        .enumerate()
        .map(|(index, seat)| seat.report(index + 1, end))
        .collect();
    // They say goodbye by themselves at the deadline; stopped early, they are cut off.
    if end >= deadline {
        let _ = tokio::time::timeout(GOODBYE_MAX, all_gone(&mut tasks)).await;
    }
    let mut report = Report::of(plan.via, classrooms, end - start);
    report.server_cpu = server_cpu;
    report.timeline = timeline;
    let own = Cpu::of(std::process::id()).unwrap_or_default();
    report.own_cpu_s = own.user_s + own.system_s;
    Ok(report)
}

/// Which of so many classrooms open every packet: the `share` of them, evenly spread.
fn verifying(share: Option<f64>, classrooms: usize) -> impl Iterator<Item = bool> {
    let count = |number: usize| float(u64::try_from(number).unwrap_or(u64::MAX));
    let share = share.unwrap_or_else(|| count(VERIFIED) / count(classrooms.max(VERIFIED)));
    (0..classrooms).map(move |number| (count(number + 1) * share).floor() > (count(number) * share).floor())
}

/// Waits until every classroom is gone: before the deadline, when all were refused for good.
async fn all_gone(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

/// The way in.
#[derive(Clone)]
enum Door {
    Whep { endpoint: Endpoint, videos: usize },
    Signal(signal::Pass),
}

impl Door {
    fn of(plan: &Attendance) -> Self {
        match plan.via {
            Via::Whep => Self::Whep {
                endpoint: Endpoint::new(&plan.server, Direction::Whep, &plan.lesson, &plan.token),
                videos: plan.videos,
            },
            Via::Signal => Self::Signal(signal::Pass::new(&plan.token)),
        }
    }

    async fn enter(&self, seat: &Seat, shared: &Shared, number: usize, until: Instant) {
        match self {
            Self::Whep { endpoint, videos } => whep::sit(seat, shared, endpoint, *videos, until).await,
            Self::Signal(pass) => signal::sit(seat, shared, pass, number, until).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_few_are_verified_and_a_hundred_of_many() {
        let count = |share, classrooms| verifying(share, classrooms).filter(|verify| *verify).count();
        assert_eq!(
            (count(None, 3), count(None, 100), count(None, 1_000)),
            (3, 100, 100)
        );
        assert_eq!((count(Some(0.0), 50), count(Some(1.0), 1_000)), (0, 1_000));
        let spread: Vec<bool> = verifying(Some(0.25), 8).collect();
        assert_eq!(spread, [false, false, false, true, false, false, false, true]);
    }
}
