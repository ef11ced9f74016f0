//! The command line.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::attend::run::{Arrive, Attendance, attend};
use crate::footage::{self, Pattern};
use crate::impair::queue::{Cut, Impairment};
use crate::impair::relay::Relay;
use crate::impair::through::BadLine;
use crate::media::clip::Clip;
use crate::progress::Progress;
use crate::teach::run::{Teaching, teach};

/// Headless teachers and classrooms for Tongke.
#[derive(Debug, Parser)]
#[command(name = "tongke-loadtest", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish footage into a lesson by WHIP, in real time.
    Teach(TeachArgs),
    /// Watch a lesson by WHEP as many classrooms and report what reached them. Exit status 1 if any got no media.
    Attend(AttendArgs),
    /// Relay UDP over a bad line.
    Impair(ImpairArgs),
    /// Make the robot teacher's footage: lesson.mp4 and screen.mp4. Skips what is there.
    Footage(FootageArgs),
}

#[derive(Debug, Args)]
struct Target {
    /// Address of the server, such as http://localhost:8080.
    #[arg(long, env = "LOADTEST_SERVER")]
    server: String,
    /// The lesson's id, or `demo`.
    #[arg(long)]
    lesson: String,
    /// Bearer token, as `tongke token` prints it.
    #[arg(long, env = "LOADTEST_TOKEN", hide_env_values = true)]
    token: String,
    #[command(flatten)]
    line: LineArgs,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Args)]
struct LineArgs {
    /// Part of the packets the line loses, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    loss: f64,
    /// Time a packet takes on the line.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// The line is cut after so many seconds ...
    #[arg(long, requires = "cut_for")]
    cut_at: Option<f64>,
    /// ... for so many seconds.
    #[arg(long, requires = "cut_at")]
    cut_for: Option<f64>,
    /// Seed of the line's loss, and of arrivals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn part(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(part) if (0.0..=1.0).contains(&part) => Ok(part),
        _ => Err("a number from 0 to 1 is needed".to_owned()),
    }
}

impl LineArgs {
    fn impairment(&self) -> anyhow::Result<Impairment> {
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).context("not a time in seconds");
        let cut = match (self.cut_at, self.cut_for) {
            (Some(at), Some(lasts)) => Some(Cut {
                at: seconds(at)?,
                lasts: seconds(lasts)?,
            }),
            _ => None,
        };
        Ok(Impairment {
            loss: self.loss,
            delay: Duration::from_millis(self.delay_ms),
            cut,
        })
    }

    /// A line to lead media over; `None` when it would be a perfect one.
    fn bad_line(&self) -> anyhow::Result<Option<Arc<BadLine>>> {
        let impairment = self.impairment()?;
        let bad = impairment != Impairment::default();
        Ok(bad.then(|| Arc::new(BadLine::new(impairment, self.seed))))
    }
}

#[derive(Debug, Args)]
struct TeachArgs {
    #[command(flatten)]
    target: Target,
    /// MP4 file with H264 (no B frames, a keyframe every half second) and Opus: camera and voice.
    #[arg(long)]
    file: PathBuf,
    /// MP4 file with H264: the screen.
    #[arg(long)]
    screen: Option<PathBuf>,
    /// Begin again at the end.
    #[arg(long = "loop")]
    looping: bool,
    /// Stop after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
}

#[derive(Debug, Args)]
struct AttendArgs {
    #[command(flatten)]
    target: Target,
    /// How many classrooms.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    classrooms: u32,
    /// How long to watch once the last has arrived.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How they arrive.
    #[arg(long, value_enum, default_value = "bell")]
    arrive: Arrive,
    /// Seconds over which they arrive, unless at the bell.
    #[arg(long, default_value_t = 10)]
    over: u64,
    /// Pictures each asks for.
    #[arg(long, default_value_t = 2)]
    videos: u8,
    /// Process of a server on this machine: its processor time is reported too.
    #[arg(long)]
    server_pid: Option<u32>,
    /// Classrooms listed in the report for people.
    #[arg(long, default_value_t = 20)]
    lines: usize,
}

#[derive(Debug, Args)]
struct ImpairArgs {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// Where to relay to.
    #[arg(long)]
    to: SocketAddr,
    #[command(flatten)]
    line: LineArgs,
}

#[derive(Debug, Args)]
struct FootageArgs {
    /// Folder to make it in.
    #[arg(long)]
    out: PathBuf,
    /// Its length. Without it, as long as the lesson takes.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: Option<u64>,
    /// What is shown.
    #[arg(long, value_enum, default_value = "lesson")]
    pattern: Pattern,
}

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
        Command::Impair(args) => run_impair(args).await,
        Command::Footage(args) => run_footage(&args),
    }
}

async fn run_teach(args: TeachArgs) -> anyhow::Result<ExitCode> {
    let mut clips = vec![Clip::read(&args.file)?];
    if let Some(screen) = &args.screen {
        let screen = Clip::read(screen)?;
        anyhow::ensure!(screen.video.is_some(), "the file of --screen has no H264 track");
        clips.push(Clip {
            video: screen.video,
            audio: None,
        });
    }
    let plan = Teaching {
        line: args.target.line.bad_line()?,
        server: args.target.server,
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
    let plan = Attendance {
        line: args.target.line.bad_line()?,
        seed: args.target.line.seed,
        server: args.target.server,
        lesson: args.target.lesson,
        token: args.target.token,
        classrooms: usize::try_from(args.classrooms).context("too many")?,
        watch: Duration::from_secs(args.seconds),
        arrive: args.arrive,
        over: Duration::from_secs(args.over),
        videos: usize::from(args.videos),
        server_pid: args.server_pid,
    };
    let progress = Progress::new(false, args.target.json);
    let report = attend(&plan, &progress, interrupted()).await;
    progress.end();
    let report = report?;
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

async fn run_impair(args: ImpairArgs) -> anyhow::Result<ExitCode> {
    let relay = Relay::start(args.listen, args.to, args.line.impairment()?, args.line.seed)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    tracing::info!("relaying {} to {}", relay.address, args.to);
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

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write the report")
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn impairments_are_checked() {
        let parse = |extra: &[&str]| {
            let base = [
                "tongke-loadtest",
                "impair",
                "--listen",
                "127.0.0.1:0",
                "--to",
                "127.0.0.1:9",
            ];
            Cli::try_parse_from(base.iter().chain(extra))
        };
        assert!(parse(&["--loss", "0.1", "--cut-at", "1", "--cut-for", "2.5"]).is_ok());
        assert!(parse(&["--loss", "5"]).is_err());
        assert!(parse(&["--cut-at", "1"]).is_err());
    }
}
