//! Runs the classrooms of an attendance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::arrivals::Arrive;
use super::report::Report;
use super::seat::Seat;
use super::watch::Watch;
use super::{signal, whep};
use crate::cpu::Cpu;
use crate::impair::through::BadLine;
use crate::peer::setup::Setup;
use crate::progress::Progress;
use crate::server::Server;
use crate::whip::{Direction, Endpoint};

/// How long the goodbyes may take.
const GOODBYE_MAX: Duration = Duration::from_secs(5);

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
    /// Pictures each asks for, by WHEP.
    pub videos: usize,
    /// The server's process, to measure.
    pub server_pid: Option<u32>,
    /// The line they have.
    pub line: Option<Arc<BadLine>>,
    /// Seed of chance.
    pub seed: u64,
}

/// What all classrooms share.
pub(super) struct Shared {
    pub(super) setup: Setup,
    pub(super) deadline: Instant,
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
    let shared = Arc::new(Shared {
        setup,
        deadline: start + last + plan.watch,
    });
    let seats: Vec<Arc<Seat>> = arrivals.iter().map(|_| Arc::default()).collect();
    let mut tasks = JoinSet::new();
    let door = Door::of(plan);
    for (index, (seat, arrival)) in seats.iter().zip(arrivals).enumerate() {
        let (seat, shared, door) = (Arc::clone(seat), Arc::clone(&shared), door.clone());
        tasks.spawn(async move {
            tokio::time::sleep_until((start + arrival).into()).await;
            door.enter(&seat, &shared, index + 1).await;
        });
    }
    let mut watch = Watch::new(&seats, plan.server_pid);
    tokio::select! {
        () = watch.follow(shared.deadline, progress) => {}
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
    if end >= shared.deadline {
        let _ = tokio::time::timeout(GOODBYE_MAX, all_gone(&mut tasks)).await;
    }
    let mut report = Report::of(plan.via, classrooms, end - start);
    report.server_cpu = server_cpu;
    report.timeline = timeline;
    let own = Cpu::of(std::process::id()).unwrap_or_default();
    report.own_cpu_s = own.user_s + own.system_s;
    Ok(report)
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

    async fn enter(&self, seat: &Seat, shared: &Shared, number: usize) {
        match self {
            Self::Whep { endpoint, videos } => whep::sit(seat, shared, endpoint, *videos).await,
            Self::Signal(pass) => signal::sit(seat, shared, pass, number).await,
        }
    }
}
