//! Keeps the robot teacher in the lesson: publishes, and publishes again when the connection is lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use crate::impair::through::BadLine;
use crate::media::clip::Clip;
use crate::peer::setup::Setup;
use crate::peer::{Peer, lost};
use crate::progress::Progress;
use crate::server::Server;
use crate::teach::feedback::{self, Heard};
use crate::teach::names;
use crate::teach::publish::{Publication, Sent};
use crate::teach::schedule::Schedule;
use crate::whip::{Direction, Endpoint, WhipError};

/// Waits before trying again: the first, and the longest.
const RETRY: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(3)];
const TICK: Duration = Duration::from_millis(500);

/// What is to be taught, and how.
#[derive(Clone, Debug)]
pub struct Teaching {
    /// The server.
    pub server: Server,
    /// The lesson's id, or `demo`.
    pub lesson: String,
    /// Bearer token.
    pub token: String,
    /// The footage: camera with sound, then screen.
    pub clips: Vec<Clip>,
    /// Over and over.
    pub looping: bool,
    /// Ends after so long.
    pub limit: Option<Duration>,
    /// The line to the server.
    pub line: Option<Arc<BadLine>>,
}

/// What was taught.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Taught {
    /// From the first media to the end, in s.
    pub seconds: f64,
    /// Packets.
    pub packets: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Keyframes that were asked for.
    pub keyframe_requests: u64,
    /// Packets that were asked for again.
    pub nacked: u64,
    /// How often the connection had to be made anew.
    pub reconnects: u32,
}

struct Teacher<'a> {
    plan: &'a Teaching,
    endpoint: Endpoint,
    setup: Setup,
    heard: Arc<Heard>,
    sent: Arc<Sent>,
    progress: &'a Progress,
    /// When the first connection began to send.
    began: std::sync::OnceLock<Instant>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All was sent.
    Done,
    /// The line or the server is gone.
    Lost,
}

/// Teaches until the footage ends, the limit is reached, or `stop` ends.
///
/// # Errors
///
/// When the server refuses for good, or cannot be reached at the beginning.
pub async fn teach(
    plan: &Teaching,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Taught> {
    let teacher = Teacher {
        plan,
        endpoint: Endpoint::new(&plan.server, Direction::Whip, &plan.lesson, &plan.token),
        setup: Setup::new(&plan.server, plan.line.as_ref()).await?,
        heard: Arc::default(),
        sent: Arc::default(),
        progress,
        began: std::sync::OnceLock::new(),
    };
    let (ending, ended) = tokio::sync::watch::channel(false);
    let ender = async {
        tokio::select! {
            () = stop => {}
            () = teacher.limit() => {}
        }
        ending.send_replace(true);
        // What is left is the goodbye, which `stay` says.
        std::future::pending::<()>().await;
    };
    let reconnects = tokio::select! {
        reconnects = teacher.stay(ended) => reconnects?,
        () = ender => 0,
        () = teacher.show() => 0,
    };
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    Ok(Taught {
        seconds: teacher
            .began
            .get()
            .map_or(0.0, |began| began.elapsed().as_secs_f64()),
        packets: count(&teacher.sent.packets),
        bytes: count(&teacher.sent.bytes),
        keyframe_requests: count(&teacher.heard.keyframes),
        nacked: count(&teacher.heard.nacks),
        reconnects,
    })
}

impl Teacher<'_> {
    /// Publishes again and again; returns how often the connection had to be made anew.
    async fn stay(&self, mut ended: tokio::sync::watch::Receiver<bool>) -> anyhow::Result<u32> {
        let mut reconnects = 0;
        let mut wait = RETRY[0];
        loop {
            match self.connect(&mut ended).await {
                Ok(End::Done) => return Ok(reconnects),
                Ok(End::Lost) => {
                    wait = RETRY[0];
                    self.progress.say("the connection was lost, publishing again ...");
                }
                Err(error) => {
                    let refusal = error.downcast_ref::<WhipError>();
                    let hopeless = refusal.is_none_or(|refusal| !refusal.may_pass());
                    if hopeless || self.began.get().is_none() {
                        return Err(error);
                    }
                    wait = refusal.and_then(WhipError::retry_after).unwrap_or(wait * 2);
                    tracing::info!("{error:#}");
                }
            }
            if *ended.borrow() {
                return Ok(reconnects);
            }
            reconnects += 1;
            wait = wait.min(RETRY[1]);
            let _ = tokio::time::timeout(wait, ended.wait_for(|ended| *ended)).await;
            if *ended.borrow() {
                return Ok(reconnects);
            }
        }
    }

    /// One connection, from its offer to its end.
    async fn connect(&self, ended: &mut tokio::sync::watch::Receiver<bool>) -> anyhow::Result<End> {
        let (registry, mut requests) = feedback::chain(Arc::clone(&self.heard));
        let from = self.began.get().map_or(Duration::ZERO, Instant::elapsed);
        let schedule = Schedule::new(&self.plan.clips, self.plan.looping, from);
        let mut publication = Publication::new(schedule, Arc::clone(&self.sent));
        let registry = names::chain(registry, publication.layers());
        let mut peer = self.setup.publisher(registry).await?;
        for track in publication.tracks() {
            peer.send(track).await?;
        }
        let offer = peer.offer().await?;
        anyhow::ensure!(
            are_numbered(&offer),
            "the offer's sections are not called by their numbers"
        );
        let session = self.endpoint.post(offer).await?;
        let answered = layers_of(&session.answer);
        publication.want(|rid| answered.contains(&rid));
        peer.accept(self.setup.lead(&session.answer).await?)
            .await
            .context("the server's answer is unusable")?;
        let end = tokio::select! {
            end = self.play(&peer, &mut publication, &mut requests) => end,
            _ = ended.wait_for(|ended| *ended) => Ok(End::Done),
        };
        session.end().await;
        peer.close().await;
        end
    }

    async fn play(
        &self,
        peer: &Peer,
        publication: &mut Publication,
        requests: &mut tokio::sync::mpsc::Receiver<u32>,
    ) -> anyhow::Result<End> {
        match peer.up().await {
            Err(error) if self.began.get().is_none() => return Err(error),
            Err(_) => return Ok(End::Lost),
            Ok(()) => {}
        }
        self.began.get_or_init(Instant::now);
        let mut state = peer.state();
        tokio::select! {
            played = publication.play(requests) => Ok(if played.is_ok() { End::Done } else { End::Lost }),
            () = lost(&mut state) => Ok(End::Lost),
        }
    }

    async fn limit(&self) {
        let Some(limit) = self.plan.limit else {
            return std::future::pending().await;
        };
        loop {
            let left = match self.began.get() {
                Some(began) => limit.saturating_sub(began.elapsed()),
                None => limit,
            };
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(TICK)).await;
        }
    }

    /// Shows how it goes, forever.
    async fn show(&self) {
        let mut last = 0;
        loop {
            tokio::time::sleep(TICK).await;
            let bytes = self.sent.bytes.load(Ordering::Relaxed);
            let kbps = (bytes - last) * 8 / u64::try_from(TICK.as_millis()).unwrap_or(1);
            last = bytes;
            let taught = self.began.get().map_or(Duration::ZERO, Instant::elapsed);
            let loss = self.heard.loss.load(Ordering::Relaxed) * 100 / 256;
            self.progress.show(
                taught,
                self.plan.limit.unwrap_or(taught),
                &format!(
                    "on air, {kbps} kbit/s, loss {loss} %, {} keyframes and {} packets asked for",
                    self.heard.keyframes.load(Ordering::Relaxed),
                    self.heard.nacks.load(Ordering::Relaxed)
                ),
            );
        }
    }
}

/// Whether the sections of an offer are called by their numbers, as their packets call them.
fn are_numbered(offer: &str) -> bool {
    let mut mids = offer.lines().filter_map(|line| line.strip_prefix("a=mid:"));
    (0_u32..)
        .zip(mids.by_ref())
        .all(|(number, mid)| mid.trim_end().parse() == Ok(number))
}

/// The layers an answer wants (`a=simulcast:recv f;h`, RFC 8853); those behind a `~` it has no use for now.
fn layers_of(answer: &str) -> Vec<&str> {
    let lists = answer.lines().filter_map(|line| {
        let words = line.trim_end().strip_prefix("a=simulcast:")?;
        let mut words = words.split(' ').skip_while(|word| *word != "recv");
        words.nth(1)
    });
    lists.flat_map(|list| list.split([';', ','])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layers_of_an_answer_are_found() {
        let answer = "m=video 9 X 102\r\na=rid:f recv\r\na=simulcast:recv f;~h;q\r\nm=video 9 X 102\r\n";
        assert_eq!(layers_of(answer), ["f", "~h", "q"]);
        assert!(layers_of("m=video 9 X 102\r\na=simulcast:send f;h\r\n").is_empty());
    }
}
