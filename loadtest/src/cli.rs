//! The command line.

mod args;
mod line;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use self::args::{AttendArgs, Command, FloodArgs, FootageArgs, ImpairArgs, Relayed, ScenarioArgs, TeachArgs};
use crate::attend::run::{Attendance, Stage, Via, attend};
use crate::flood;
use crate::flood::packets::Kind;
use crate::flood::run::{Flood, flood};
use crate::footage;
use crate::impair::relay::Relay;
use crate::impair::tcp::TcpRelay;
use crate::media::clip::Clip;
use crate::page::{Run, page};
use crate::progress::Progress;
use crate::scenario;
use crate::scenario::case::Case;
use crate::scenario::run::Ground;
use crate::teach::run::{Teaching, teach};

pub use args::Cli;

/// Runs a command; what it has to say goes to standard output, the rest to standard error.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let filter = EnvFilter::try_from_env("LOADTEST_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,webrtc=off,rtc=off,rtc_ice=off,rtc_dtls=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start")
        .and_then(|runtime| runtime.block_on(dispatch(cli.command)));
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "tongke-loadtest: {error:#}");
        ExitCode::from(2)
    })
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Teach(args) => run_teach(args).await,
        Command::Attend(args) => run_attend(args).await,
        Command::Scenario(args) => run_scenario(&args).await,
        Command::Flood(args) => run_flood(args).await,
        Command::Impair(args) => run_impair(args).await,
        Command::Footage(args) => run_footage(&args),
    }
}

async fn run_teach(args: TeachArgs) -> anyhow::Result<ExitCode> {
    let mut camera = Clip::read(&args.file)?;
    if args.layers > 1 && camera.video.is_some() {
        let smaller = footage::layers::beside(&args.file);
        let smaller = smaller.context("the camera has no smaller layers (--layers 1 sends it without)")?;
        camera = camera.with_smaller(&smaller)?;
    }
    let mut clips = vec![camera];
    if let Some(screen) = &args.screen {
        let screen = Clip::read(screen)?;
        anyhow::ensure!(screen.video.is_some(), "the file of --screen has no H264 track");
        clips.push(Clip {
            video: screen.video,
            ..Clip::default()
        });
    }
    let plan = Teaching {
        line: args.line.bad_line()?,
        server: args.target.server()?,
        lesson: args.target.lesson,
        token: args.target.token,
        clips,
        looping: args.looping,
        limit: args.seconds.map(Duration::from_secs),
    };
    let progress = Progress::new(plan.limit.is_none(), args.target.json);
    let taught = teach(&plan, &progress, interrupted()).await;
    progress.end();
    let taught = taught?;
    if args.target.json {
        print_json(&taught)?;
    } else {
        print(&format!(
            "taught {:.0} s: {} packets, {} bytes, {} keyframes and {} packets asked for, {} reconnects\n",
            taught.seconds,
            taught.packets,
            taught.bytes,
            taught.keyframe_requests,
            taught.nacked,
            taught.reconnects
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_attend(args: AttendArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.on_stage == 0 || args.via == Via::Signal,
        "--on-stage needs --via signal: a player sends nothing"
    );
    let stage = match &args.stage_file {
        Some(file) if args.on_stage > 0 => Some(Stage {
            classrooms: args.on_stage,
            clip: Clip::read(file)?,
        }),
        _ => None,
    };
    let plan = Attendance {
        line: args.line.bad_line()?,
        seed: args.line.seed,
        server: args.target.server()?,
        lesson: args.target.lesson,
        token: args.target.token,
        via: args.via,
        classrooms: usize::try_from(args.classrooms).context("too many")?,
        watch: Duration::from_secs(args.seconds),
        arrive: args.arrive,
        over: Duration::from_secs(args.over),
        churn: args.churn,
        stage,
        videos: usize::from(args.videos),
        verify: args.verify,
        server_pid: args.server_pid,
    };
    let progress = Progress::new(false, args.target.json);
    let report = attend(&plan, &progress, interrupted()).await;
    progress.end();
    let report = report?;
    let run = Run {
        name: "attend",
        verdicts: &[],
        report: &report,
    };
    write_page(args.html.as_deref(), [run])?;
    if args.target.json {
        print_json(&report)?;
    } else {
        print(&report.text(args.lines))?;
    }
    Ok(if report.without_media == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn run_scenario(args: &ScenarioArgs) -> anyhow::Result<ExitCode> {
    let cases = Case::read(&args.file, &args.only)?;
    let ground = Ground {
        server: args.target.server()?,
        lesson: args.target.lesson.clone(),
        token: args.target.token.clone(),
        server_pid: args.server_pid,
    };
    let progress = Progress::new(false, args.target.json);
    let results = scenario::run::run(&cases, &ground, &progress, interrupted()).await;
    progress.end();
    let results = results?;
    let runs = results.iter().map(|result| Run {
        name: &result.name,
        verdicts: &result.verdicts,
        report: &result.report,
    });
    write_page(args.html.as_deref(), runs)?;
    if args.target.json {
        print_json(&results)?;
    } else {
        print(&scenario::run::text(&results))?;
    }
    let met = results.len() == cases.len() && results.iter().all(|result| result.met);
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run_flood(args: FloodArgs) -> anyhow::Result<ExitCode> {
    let kinds = if args.kind.is_empty() {
        Kind::ALL.to_vec()
    } else {
        args.kind
    };
    let plan = Flood {
        server: args.target.server()?,
        lesson: args.target.lesson,
        token: args.target.token,
        kinds,
        rate: args.rate,
        each: Duration::from_secs(args.seconds),
        server_pid: args.server_pid,
        seed: args.seed,
    };
    let progress = Progress::new(false, args.target.json);
    let floods = flood(&plan, &progress, interrupted()).await;
    progress.end();
    let floods = floods?;
    if args.target.json {
        print_json(&floods)?;
    } else {
        print(&flood::run::text(&floods))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_impair(args: ImpairArgs) -> anyhow::Result<ExitCode> {
    let ImpairArgs {
        mut listen, to, what, ..
    } = args;
    let (line, start, seed) = (args.line.line()?, Instant::now(), args.line.seed);
    let (mut udp, mut tcp) = (None, None);
    if what != Relayed::Tcp {
        let relay = Relay::start(listen, to, line.clone(), start, seed).await;
        let relay = udp.insert(relay.with_context(|| format!("cannot listen on {listen}"))?);
        tracing::info!("relaying UDP of {} to {to}", relay.address);
        // The same port, where it was left to the system.
        listen = relay.address;
    }
    if what != Relayed::Udp {
        let relay = TcpRelay::start(listen, to, line, start, seed).await;
        let relay = tcp.insert(relay.with_context(|| format!("cannot listen on {listen}"))?);
        tracing::info!("relaying TCP of {} to {to}", relay.address);
    }
    interrupted().await;
    Ok(ExitCode::SUCCESS)
}

fn run_footage(args: &FootageArgs) -> anyhow::Result<ExitCode> {
    let made = footage::make(&args.out, args.pattern, args.seconds)?;
    let how = if made.cached { "was there" } else { "made" };
    print(&format!(
        "{how}: {} {}\n",
        made.camera.display(),
        made.screen.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Ends at Ctrl-C or SIGTERM.
async fn interrupted() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

fn write_page<'a>(file: Option<&Path>, runs: impl IntoIterator<Item = Run<'a>>) -> anyhow::Result<()> {
    let Some(file) = file else {
        return Ok(());
    };
    std::fs::write(file, page(runs)).with_context(|| format!("--html {}", file.display()))
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write the report")
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}
