//! Runs cases.

use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::case::Case;
use super::judge::{Verdict, judge, judge_flood};
use crate::attend::report::Report;
use crate::attend::run::{Attendance, attend};
use crate::flood;
use crate::flood::run::{Flood, Flooded, flood};
use crate::impair::script::Line;
use crate::impair::through::BadLine;
use crate::progress::Progress;
use crate::server::Server;

/// Pictures each classroom asks for by WHEP: camera and screen.
const VIDEOS: usize = 2;

/// Classrooms have media so long after their arrival.
const FLOOD_AFTER: Duration = Duration::from_secs(2);

/// Where cases are run: a lesson in which somebody teaches.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The server.
    pub server: Server,
    /// The lesson's id, or `demo`.
    pub lesson: String,
    /// Bearer token.
    pub token: String,
    /// The server's process, to measure.
    pub server_pid: Option<u32>,
}

/// What came of a case.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Which.
    pub name: String,
    /// Whether all that was expected was met.
    pub met: bool,
    /// What was expected.
    pub verdicts: Vec<Verdict>,
    /// What was measured.
    pub report: Report,
    /// What came of its flood.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub floods: Vec<Flooded>,
}

/// Runs cases one after another. Stopped early, it returns those that were run to their end.
///
/// # Errors
///
/// When a case cannot even begin.
pub async fn run(
    cases: &[Case],
    ground: &Ground,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Vec<Outcome>> {
    let mut stop = pin!(stop);
    let mut outcomes = Vec::new();
    for case in cases {
        progress.say(&format!(
            "{}: {} classrooms for {} s",
            case.name, case.classrooms, case.seconds
        ));
        let plan = plan(case, ground)?;
        let both = async {
            tokio::try_join!(
                attend(&plan, progress, std::future::pending()),
                flooded(case, ground, progress)
            )
        };
        let (report, floods) = tokio::select! {
            both = both => both?,
            () = &mut stop => break,
        };
        let mut verdicts = judge(&case.expect, &report, case.changes()?);
        verdicts.extend(judge_flood(&case.expect, &floods));
        outcomes.push(Outcome {
            name: case.name.clone(),
            met: verdicts.iter().all(|verdict| verdict.met),
            verdicts,
            report,
            floods,
        });
    }
    Ok(outcomes)
}

/// The flood of a case, once all have arrived.
async fn flooded(case: &Case, ground: &Ground, progress: &Progress) -> anyhow::Result<Vec<Flooded>> {
    let Some(written) = &case.flood else {
        return Ok(Vec::new());
    };
    tokio::time::sleep(Duration::from_secs(case.over) + FLOOD_AFTER).await;
    let plan = Flood {
        server: ground.server.clone(),
        lesson: ground.lesson.clone(),
        token: ground.token.clone(),
        kinds: written.kinds.clone(),
        rate: written.rate,
        each: Duration::from_secs(written.seconds),
        server_pid: ground.server_pid,
        seed: case.seed,
    };
    flood(&plan, progress, std::future::pending()).await
}

fn plan(case: &Case, ground: &Ground) -> anyhow::Result<Attendance> {
    let line = if case.line.is_empty() {
        None
    } else {
        let line = Line::of(case.line.iter().copied())?;
        Some(Arc::new(BadLine::new(line, case.seed)))
    };
    Ok(Attendance {
        server: ground.server.clone(),
        lesson: ground.lesson.clone(),
        token: ground.token.clone(),
        via: case.via,
        classrooms: case.classrooms,
        watch: Duration::from_secs(case.seconds),
        arrive: case.arrive,
        over: Duration::from_secs(case.over),
        churn: case.churn_per_min,
        stage: None,
        videos: VIDEOS,
        verify: None,
        server_pid: ground.server_pid,
        line,
        seed: case.seed,
    })
}

/// For people: each case with what was expected and what it was.
#[must_use]
pub fn text(outcomes: &[Outcome]) -> String {
    let mut out = String::new();
    let word = |met: bool| if met { "met" } else { "NOT MET" };
    for outcome in outcomes {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}: {}", outcome.name, word(outcome.met));
        for one in &outcome.verdicts {
            let _ = writeln!(
                out,
                "  {:<26} {:>9.1}  bound {:>9.1}  {}",
                one.what,
                one.was,
                one.bound,
                word(one.met)
            );
        }
        for line in flood::run::text(&outcome.floods).lines() {
            let _ = writeln!(out, "  {line}");
        }
        let error = outcome
            .report
            .classrooms
            .iter()
            .find_map(|one| one.error.as_deref());
        if let Some(error) = error {
            let _ = writeln!(out, "  the first error: {error}");
        }
    }
    out
}
