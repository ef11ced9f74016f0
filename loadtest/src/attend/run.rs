//! Runs the classrooms of an attendance.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use crate::attend::receive::Meters;
use crate::attend::report::{Classroom, Counters, Report, ServerCpu, Stream, float};
use crate::cpu::Cpu;
use crate::impair::through::BadLine;
use crate::peer::{Identity, Peer, address, codecs, connected, lost};
use crate::progress::Progress;
use crate::whip::{Direction, Endpoint, WhipError};

/// A connection that is not up after so long is given up.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Wait before joining again.
const REJOIN_AFTER: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(500);

/// How classrooms arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrive {
    /// All at once, as at the bell.
    Bell,
    /// Evenly over the time of `--over`.
    Uniform,
    /// By chance, as many as would fit evenly.
    Poisson,
}

/// What is to be attended, and how.
#[derive(Clone, Debug)]
pub struct Attendance {
    /// Address of the server.
    pub server: String,
    /// The lesson's id, or `demo`.
    pub lesson: String,
    /// Bearer token.
    pub token: String,
    /// How many classrooms.
    pub classrooms: usize,
    /// How long they watch once the last has arrived.
    pub watch: Duration,
    /// How they arrive.
    pub arrive: Arrive,
    /// Over which time, unless at once.
    pub over: Duration,
    /// Pictures each asks for.
    pub videos: usize,
    /// The server's process, to measure.
    pub server_pid: Option<u32>,
    /// The line they have.
    pub line: Option<Arc<BadLine>>,
    /// Seed of chance.
    pub seed: u64,
}

/// One classroom's seat.
#[derive(Debug, Default)]
struct Seat {
    state: Mutex<SeatState>,
    connected: AtomicUsize,
    rejoins: AtomicU32,
}

#[derive(Debug, Default)]
struct SeatState {
    /// When it first asked.
    asked: Option<Instant>,
    /// When it was first connected.
    connected: Option<Instant>,
    /// Of each connection it had.
    meters: Vec<Meters>,
    error: Option<String>,
}

impl Seat {
    fn lock(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Packets so far, and those lost.
    fn packets(&self) -> (u64, u64) {
        let state = self.lock();
        let mut sum = (0, 0);
        for meters in &state.meters {
            for meter in meters.lock().values() {
                sum.0 += meter.counts.packets + meter.counts.repaired;
                sum.1 += meter.counts.lost;
            }
        }
        sum
    }

    fn report(&self, number: usize, now: Instant) -> Classroom {
        let state = self.lock();
        let since = |at: Option<Instant>| {
            let duration = at?.saturating_duration_since(state.asked?);
            Some(duration.as_secs_f64() * 1_000.0)
        };
        let mut classroom = Classroom {
            number,
            connected_ms: since(state.connected),
            rejoins: self.rejoins.load(Ordering::Relaxed),
            error: state.error.clone(),
            ..Default::default()
        };
        let (mut first_packet, mut first_frame) = (None::<Instant>, None::<Instant>);
        let earliest = |one: Option<Instant>, other: Option<Instant>| one.into_iter().chain(other).min();
        for meters in &state.meters {
            for meter in meters.lock().values_mut() {
                meter.end(now);
                first_packet = earliest(first_packet, meter.first_packet);
                let stream = stream_of(meter);
                if meter.is_video() {
                    first_frame = earliest(first_frame, meter.first_frame);
                }
                classroom.total.add(&stream.counters);
                classroom.streams.push(stream);
            }
        }
        classroom.first_packet_ms = since(first_packet);
        classroom.first_frame_ms = since(first_frame);
        classroom
    }
}

fn stream_of(meter: &crate::attend::meter::Meter) -> Stream {
    let (counts, video) = (&meter.counts, meter.is_video());
    let only_video = |count: u64| if video { count } else { 0 };
    Stream {
        kind: if video { "video" } else { "audio" },
        counters: Counters {
            packets: counts.packets,
            bytes: counts.bytes,
            lost: counts.lost,
            repaired: counts.repaired,
            duplicates: counts.duplicates,
            frames: only_video(counts.frames),
            broken_frames: only_video(counts.broken_frames),
            freezes: meter.freezes.count,
            frozen_ms: u64::try_from(meter.freezes.frozen.as_millis()).unwrap_or(u64::MAX),
        },
    }
}

/// What all classrooms share.
struct Shared {
    endpoint: Endpoint,
    identity: Identity,
    local: Vec<SocketAddr>,
    line: Option<Arc<BadLine>>,
    videos: usize,
    deadline: Instant,
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
    let endpoint = Endpoint::new(&plan.server, Direction::Whep, &plan.lesson, &plan.token)?;
    let (host, port) = endpoint.host();
    let server = tokio::net::lookup_host((host.as_str(), port))
        .await
        .with_context(|| format!("cannot find {host}"))?
        .min_by_key(SocketAddr::is_ipv6)
        .with_context(|| format!("{host} has no address"))?;
    let start = Instant::now();
    let arrivals = arrivals(plan);
    let last = arrivals.iter().max().copied().unwrap_or_default();
    let shared = Arc::new(Shared {
        endpoint,
        identity: Identity::new()?,
        local: address::local_addresses(server),
        line: plan.line.clone(),
        videos: plan.videos,
        deadline: start + last + plan.watch,
    });
    let seats: Vec<Arc<Seat>> = arrivals.iter().map(|_| Arc::default()).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for (seat, arrival) in seats.iter().zip(&arrivals) {
        let (seat, shared, begin) = (Arc::clone(seat), Arc::clone(&shared), start + *arrival);
        tasks.spawn(async move {
            tokio::time::sleep_until(begin.into()).await;
            sit(&seat, &shared).await;
        });
    }
    let mut watch = Watch::new(plan.server_pid);
    tokio::select! {
        () = watch.follow(&seats, shared.deadline, progress) => {}
        () = stop => {}
    }
    let end = Instant::now();
    let server_cpu = watch.server_cpu(&seats);
    let classrooms = seats
        .iter()
        .enumerate()
        .map(|(index, seat)| seat.report(index + 1, end))
        .collect();
    // They say goodbye by themselves at the deadline; stopped early, they are cut off.
    let goodbye = async { while tasks.join_next().await.is_some() {} };
    if end >= shared.deadline {
        let _ = tokio::time::timeout(Duration::from_secs(5), goodbye).await;
    }
    let mut report = Report::of(classrooms, end - start);
    report.server_cpu = server_cpu;
    let own = Cpu::of(std::process::id()).unwrap_or_default();
    report.own_cpu_s = own.user_s + own.system_s;
    Ok(report)
}

fn arrivals(plan: &Attendance) -> Vec<Duration> {
    let mut chance = StdRng::seed_from_u64(plan.seed);
    let count = u32::try_from(plan.classrooms.max(1)).unwrap_or(u32::MAX);
    let step = plan.over / count;
    let mut at = Duration::ZERO;
    (0..plan.classrooms)
        .map(|_| {
            let now = at;
            at += match plan.arrive {
                Arrive::Bell => Duration::ZERO,
                Arrive::Uniform => step,
                // Distances of a Poisson process are exponential; the argument is never 0.
                Arrive::Poisson => step.mul_f64(-(1.0 - chance.random::<f64>()).ln()),
            };
            now
        })
        .collect()
}

/// A classroom from its arrival to the end.
async fn sit(seat: &Seat, shared: &Shared) {
    while Instant::now() < shared.deadline {
        let outcome = join(seat, shared).await;
        if Instant::now() >= shared.deadline {
            return;
        }
        let mut wait = REJOIN_AFTER;
        if let Err(error) = outcome {
            let refusal = error.downcast_ref::<WhipError>();
            seat.lock().error = Some(format!("{error:#}"));
            if refusal.is_some_and(|refusal| !refusal.may_pass()) {
                return;
            }
            wait = refusal.and_then(WhipError::retry_after).unwrap_or(wait);
        }
        seat.rejoins.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(wait).await;
    }
}

/// Joins once and watches until the deadline or until the connection is lost.
async fn join(seat: &Seat, shared: &Shared) -> anyhow::Result<()> {
    let meters = Meters::default();
    let mut peer = Peer::new(&shared.identity, &shared.local, meters.chain(), codecs::engine()?).await?;
    peer.receive(RtpCodecKind::Audio).await?;
    for _ in 0..shared.videos {
        peer.receive(RtpCodecKind::Video).await?;
    }
    let offer = peer.offer().await?;
    seat.lock().asked.get_or_insert_with(Instant::now);
    let result = watch_session(seat, shared, &peer, &meters, offer).await;
    peer.close().await;
    result
}

async fn watch_session(
    seat: &Seat,
    shared: &Shared,
    peer: &Peer,
    meters: &Meters,
    offer: String,
) -> anyhow::Result<()> {
    let session = shared.endpoint.post(offer).await?;
    let answer = match &shared.line {
        Some(line) => line.lead(&session.answer).await?,
        None => session.answer.clone(),
    };
    seat.lock().meters.push(meters.clone());
    peer.accept(answer)
        .await
        .context("the server's answer is unusable")?;
    let mut state = peer.state();
    let up = tokio::time::timeout(CONNECT_MAX, connected(&mut state));
    let outcome = match up.await {
        Ok(Ok(())) => {
            {
                let mut state = seat.lock();
                state.connected.get_or_insert_with(Instant::now);
                state.error = None;
            }
            seat.connected.store(1, Ordering::Relaxed);
            let over = tokio::time::timeout_at(shared.deadline.into(), lost(&mut state)).await;
            seat.connected.store(0, Ordering::Relaxed);
            match over {
                Ok(()) => Err(anyhow::anyhow!("the media connection was lost")),
                Err(_) => Ok(()),
            }
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(anyhow::anyhow!(
            "the media connection was not up in {} s",
            CONNECT_MAX.as_secs()
        )),
    };
    if let Err(error) = session.delete().await {
        tracing::debug!(%error, "ending a session");
    }
    outcome
}

/// Looks at the classrooms from outside.
struct Watch {
    server: Option<u32>,
    /// When all had media: the time, the server's use and the packets so far.
    settled: Option<(Instant, Cpu, u64)>,
}

impl Watch {
    fn new(server: Option<u32>) -> Self {
        Self {
            server,
            settled: None,
        }
    }

    async fn follow(&mut self, seats: &[Arc<Seat>], deadline: Instant, progress: &Progress) {
        let start = Instant::now();
        let mut last = (start, 0);
        loop {
            let now = Instant::now();
            if now >= deadline {
                return;
            }
            tokio::time::sleep_until((now + TICK).min(deadline).into()).await;
            let now = Instant::now();
            let sums: Vec<(u64, u64)> = seats.iter().map(|seat| seat.packets()).collect();
            let packets: u64 = sums.iter().map(|sum| sum.0).sum();
            let lost: u64 = sums.iter().map(|sum| sum.1).sum();
            let with_media = sums.iter().filter(|sum| sum.0 > 0).count();
            if with_media == seats.len() && self.settled.is_none() {
                let cpu = self.server.and_then(|pid| Cpu::of(pid).ok()).unwrap_or_default();
                self.settled = Some((now, cpu, packets));
            }
            let rate = float(packets - last.1) / (now - last.0).as_secs_f64().max(0.001);
            last = (now, packets);
            progress.show(
                now.saturating_duration_since(start),
                deadline.saturating_duration_since(start),
                &format!(
                    "{with_media} of {} classrooms have media, {rate:.0} packets/s, {lost} lost",
                    seats.len()
                ),
            );
        }
    }

    fn server_cpu(&self, seats: &[Arc<Seat>]) -> Option<ServerCpu> {
        let (since, before, packets_before) = self.settled?;
        let after = Cpu::of(self.server?).ok()?;
        let packets: u64 = seats.iter().map(|seat| seat.packets().0).sum();
        let packets = packets - packets_before;
        let (user_s, system_s) = (after.user_s - before.user_s, after.system_s - before.system_s);
        let each = |seconds: f64| seconds * 1_000_000.0 / float(packets.max(1));
        Some(ServerCpu {
            seconds: since.elapsed().as_secs_f64(),
            user_s,
            system_s,
            packets,
            us_per_packet: each(user_s + system_s),
            user_us_per_packet: each(user_s),
            resident_kib: after.resident_kib,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arrive: Arrive) -> Attendance {
        Attendance {
            server: "http://localhost".to_owned(),
            lesson: "demo".to_owned(),
            token: String::new(),
            classrooms: 100,
            watch: Duration::from_secs(1),
            arrive,
            over: Duration::from_secs(10),
            videos: 2,
            server_pid: None,
            line: None,
            seed: 3,
        }
    }

    #[test]
    fn classrooms_arrive_as_told() {
        assert!(
            arrivals(&plan(Arrive::Bell))
                .iter()
                .all(|at| *at == Duration::ZERO)
        );
        let uniform = arrivals(&plan(Arrive::Uniform));
        assert_eq!(uniform[50], Duration::from_secs(5));
        let poisson = arrivals(&plan(Arrive::Poisson));
        assert!(poisson.is_sorted());
        let last = poisson[99].as_secs_f64();
        assert!((5.0..20.0).contains(&last), "{last}");
        assert_eq!(
            poisson,
            arrivals(&plan(Arrive::Poisson)),
            "the same for the same seed"
        );
    }
}
