//! Floods a lesson with one kind after another, and tells what each cost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::Serialize;

use super::packets::Kind;
use super::pour::{Poured, pour, strangers};
use crate::attend::receive::Meters;
use crate::attend::report::float;
use crate::cpu::Cpu;
use crate::peer::setup::Setup;
use crate::peer::up;
use crate::progress::Progress;
use crate::receiver::{Receiver, Whereabouts};
use crate::server::Server;
use crate::whip::{Direction, Endpoint, Session};

/// Viewers that are let in first, to be told where the media ports are: a server has one for each thread.
const INSIDERS: usize = 4;
/// Counters are read so long after a kind's end: what waits in sockets comes to be counted.
const SETTLES: Duration = Duration::from_millis(500);
/// What a server counts when it drops a datagram.
const DROPPED: &str = "tongke_sfu_datagrams_dropped_total{reason=\"";

/// What to send where.
#[derive(Clone, Debug)]
pub struct Flood {
    /// The server.
    pub server: Server,
    /// The lesson's id, or `demo`.
    pub lesson: String,
    /// Bearer token of somebody who may watch.
    pub token: String,
    /// One after another.
    pub kinds: Vec<Kind>,
    /// Packets a second.
    pub rate: u32,
    /// How long each kind takes.
    pub each: Duration,
    /// The server's process, to measure.
    pub server_pid: Option<u32>,
    /// Seed of chance.
    pub seed: u64,
}

/// What came of one kind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Flooded {
    /// Which.
    pub kind: Option<Kind>,
    /// Packets sent.
    pub sent: u64,
    /// Packets the sender's system did not take.
    pub refused: u64,
    /// Sent in a second.
    pub per_second: f64,
    /// Part of a core that sending took.
    pub sender_cores: f64,
    /// Packets the server counted as dropped, by its reasons.
    pub dropped: BTreeMap<String, u64>,
    /// Part of a core the server took meanwhile, the lesson with it: in user mode and in the kernel.
    pub server_cores: Option<(f64, f64)>,
    /// The server's resident memory before and after, in KiB.
    pub resident_kib: Option<(u64, u64)>,
}

impl Flooded {
    /// Of what was sent, that the server counted as dropped, in 1/100.
    #[must_use]
    pub fn counted_percent(&self) -> f64 {
        100.0 * float(self.dropped.values().sum()) / float(self.sent.max(1))
    }
}

/// A viewer of the lesson.
struct Insider {
    receiver: Receiver,
    session: Session,
    whereabouts: Whereabouts,
}

/// Floods, one kind after another. Stopped early, it tells of those that came to their end.
///
/// # Errors
///
/// When nobody is let in, or the server's counters cannot be read.
pub async fn flood(
    plan: &Flood,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Vec<Flooded>> {
    let setup = Setup::new(&plan.server, None).await?;
    let endpoint = Endpoint::new(&plan.server, Direction::Whep, &plan.lesson, &plan.token);
    let mut insiders = Vec::new();
    for _ in 0..INSIDERS {
        insiders.push(enter(&setup, &endpoint).await?);
    }
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut stop = pin!(stop);
    let mut results = Vec::new();
    for kind in &plan.kinds {
        progress.say(&format!("flood: {kind:?}, {} packets/s", plan.rate));
        let one = one(plan, *kind, &setup, &insiders, &mut rng);
        tokio::select! {
            result = one => results.push(result?),
            () = &mut stop => break,
        }
    }
    for insider in insiders {
        insider.session.end().await;
        insider.receiver.close().await;
    }
    Ok(results)
}

async fn enter(setup: &Setup, endpoint: &Endpoint) -> anyhow::Result<Insider> {
    // What comes is counted and thrown away unopened: the least work.
    let receiver = setup.receiver(&Meters::sealed())?;
    let session = endpoint.post(receiver.offer(1)).await?;
    receiver.accept(&session.answer).await?;
    up(&mut receiver.state()).await?;
    let whereabouts = Whereabouts::of(&session.answer);
    Ok(Insider {
        receiver,
        session,
        whereabouts,
    })
}

async fn one(
    plan: &Flood,
    kind: Kind,
    setup: &Setup,
    insiders: &[Insider],
    rng: &mut StdRng,
) -> anyhow::Result<Flooded> {
    let from = sockets(kind, insiders, rng).await?;
    let mut packets = Vec::new();
    for insider in insiders {
        packets.extend(kind.packets(&insider.whereabouts, setup.passport(), rng)?);
    }
    let before = Look::of(plan).await?;
    let (rate, each) = (plan.rate, plan.each);
    let poured = tokio::task::spawn_blocking(move || pour(&from, &packets, rate, each)).await?;
    tokio::time::sleep(SETTLES).await;
    let after = Look::of(plan).await?;
    Ok(after.since(&before, kind, poured))
}

/// Who sends, and to where: every port gets its part.
async fn sockets(
    kind: Kind,
    insiders: &[Insider],
    rng: &mut StdRng,
) -> anyhow::Result<Vec<(UdpSocket, SocketAddr)>> {
    let mut ports: Vec<SocketAddr> = Vec::new();
    let mut lent = Vec::new();
    for insider in insiders {
        let (socket, to) = insider.receiver.lend().await?;
        if !ports.contains(&to) {
            ports.push(to);
        }
        lent.push((socket, to));
    }
    if kind.inside() {
        return Ok(lent);
    }
    let target = *ports.first().context("the server has no media port")?;
    let own_machine = UdpSocket::bind((target.ip(), 0)).is_ok();
    let sockets = strangers(target, own_machine, rng)?;
    Ok(sockets.into_iter().zip(ports.into_iter().cycle()).collect())
}

/// The server at a moment.
struct Look {
    dropped: BTreeMap<String, u64>,
    cpu: Option<Cpu>,
}

impl Look {
    async fn of(plan: &Flood) -> anyhow::Result<Self> {
        let url = plan.server.at(&["metrics"]);
        let answer = plan.server.client().get(url).send().await?.error_for_status()?;
        Ok(Self {
            dropped: dropped(&answer.text().await?),
            cpu: plan.server_pid.map(Cpu::of).transpose()?,
        })
    }

    fn since(self, before: &Self, kind: Kind, poured: Poured) -> Flooded {
        let seconds = poured.seconds.max(0.001);
        let change = |(reason, count): (String, u64)| {
            let was = before.dropped.get(&reason).copied().unwrap_or(0);
            (reason, count.saturating_sub(was))
        };
        let cpu = before.cpu.zip(self.cpu);
        Flooded {
            kind: Some(kind),
            sent: poured.sent,
            refused: poured.refused,
            per_second: float(poured.sent) / seconds,
            sender_cores: poured.cpu_s / seconds,
            dropped: self
                .dropped
                .into_iter()
                .map(change)
                .filter(|(_, count)| *count > 0)
                .collect(),
            server_cores: cpu.map(|(before, after)| {
                let seconds = seconds + SETTLES.as_secs_f64();
                (
                    (after.user_s - before.user_s) / seconds,
                    (after.system_s - before.system_s) / seconds,
                )
            }),
            resident_kib: cpu.map(|(before, after)| (before.resident_kib, after.resident_kib)),
        }
    }
}

/// The server's counters of what it dropped, by reason.
fn dropped(metrics: &str) -> BTreeMap<String, u64> {
    let row = |line: &str| {
        let (reason, count) = line.strip_prefix(DROPPED)?.split_once("\"} ")?;
        Some((reason.to_owned(), count.trim().parse().ok()?))
    };
    metrics.lines().filter_map(row).collect()
}

/// For people.
#[must_use]
pub fn text(floods: &[Flooded]) -> String {
    let mut out = String::new();
    for one in floods {
        let kind = one.kind.map(|kind| format!("{kind:?}")).unwrap_or_default();
        let reasons: Vec<String> = one
            .dropped
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{kind:<12} {:>7.0}/s  counted {:>5.1} %  sender {:.2} cores",
            one.per_second,
            one.counted_percent(),
            one.sender_cores
        );
        if let (Some((user, system)), Some((before, after))) = (one.server_cores, one.resident_kib) {
            let _ = write!(
                out,
                "  server {user:.2} + {system:.2} cores, {before} to {after} KiB"
            );
        }
        let _ = writeln!(out, "  {}", reasons.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_by_reason() {
        let text = "# HELP x\ntongke_sfu_datagrams_dropped_total{reason=\"malformed_stun\"} 7\nother 3\n\
                    tongke_sfu_datagrams_dropped_total{reason=\"unknown_address\"} 0\n";
        let read = dropped(text);
        assert_eq!(read.get("malformed_stun"), Some(&7));
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn what_was_counted_is_told_as_a_part_of_what_was_sent() {
        let before = Look {
            dropped: dropped("tongke_sfu_datagrams_dropped_total{reason=\"a\"} 5\n"),
            cpu: None,
        };
        let after = Look {
            dropped: dropped("tongke_sfu_datagrams_dropped_total{reason=\"a\"} 55\n"),
            cpu: None,
        };
        let poured = Poured {
            sent: 100,
            seconds: 2.0,
            ..Poured::default()
        };
        let flooded = after.since(&before, Kind::Garbage, poured);
        assert_eq!((flooded.per_second, flooded.counted_percent()), (50.0, 50.0));
        assert!(text(&[flooded]).contains("a 50"));
    }
}
