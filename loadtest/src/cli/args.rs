//! What the commands take.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::line::LineArgs;
use crate::attend::arrivals::Arrive;
use crate::attend::run::Via;
use crate::flood::packets::Kind;
use crate::flood::pour::{FASTEST, LONGEST};
use crate::footage::Pattern;
use crate::server::{Server, ServerError};

/// Headless teachers and classrooms for Tongke.
#[derive(Debug, Parser)]
#[command(name = "tongke-loadtest", version)]
pub struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Publish footage into a lesson by WHIP, in real time.
    Teach(TeachArgs),
    /// Watch a lesson as many classrooms and report what reached them. Exit status 1 if any got no media.
    Attend(AttendArgs),
    /// Attend as the cases of a file say, one after another, and judge each. Exit status 1 if any is not met.
    Scenario(ScenarioArgs),
    /// Send what means harm to the media ports of a server of yours, one kind after another, and tell what each cost.
    Flood(FloodArgs),
    /// Relay UDP, TCP or both over a bad line.
    Impair(ImpairArgs),
    /// Make the robot teacher's footage: lesson.mp4 and screen.mp4. Skips what is there.
    Footage(FootageArgs),
}

#[derive(Debug, Args)]
pub(super) struct Target {
    /// Address of the server, such as `http://localhost:8080` or `https://tongke.example:8443`.
    #[arg(long, env = "LOADTEST_SERVER")]
    pub(super) server: String,
    /// PEM file with authorities to trust beside the system's, such as DATA/tls/ca.pem of a server with tls = "local".
    #[arg(long, env = "LOADTEST_CA")]
    ca: Option<PathBuf>,
    /// The lesson's id, or `demo`.
    #[arg(long)]
    pub(super) lesson: String,
    /// Bearer token, as `tongke token` prints it.
    #[arg(long, env = "LOADTEST_TOKEN", hide_env_values = true)]
    pub(super) token: String,
    /// Print the report as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Target {
    /// The server that is meant.
    pub(super) fn server(&self) -> Result<Server, ServerError> {
        Server::new(&self.server, self.ca.as_deref())
    }
}

#[derive(Debug, Args)]
pub(super) struct TeachArgs {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) line: LineArgs,
    /// MP4 file with H264 (no B frames, a keyframe every half second) and Opus: camera and voice.
    #[arg(long)]
    pub(super) file: PathBuf,
    /// Layers of the camera: 3 as a page sends it, or 1. The smaller ones are in files beside it, made by ffmpeg where they are missing
    /// or older.
    #[arg(long, default_value_t = 3, value_parser = layers)]
    pub(super) layers: usize,
    /// MP4 file with H264: the screen. It goes in one layer, as a page sends it.
    #[arg(long)]
    pub(super) screen: Option<PathBuf>,
    /// Begin again at the end.
    #[arg(long = "loop")]
    pub(super) looping: bool,
    /// Stop after so many seconds.
    #[arg(long)]
    pub(super) seconds: Option<u64>,
}

/// How many layers a camera is sent in.
fn layers(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("it is 1 or 3".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(super) struct AttendArgs {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) line: LineArgs,
    /// How they come in. By signalling each has a socket and a seat: take a token of `tongke token --role classroom`.
    #[arg(long, value_enum, default_value = "whep")]
    pub(super) via: Via,
    /// How many classrooms.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) classrooms: u32,
    /// How long to watch once the last has arrived.
    #[arg(long, default_value_t = 30)]
    pub(super) seconds: u64,
    /// How they arrive.
    #[arg(long, value_enum, default_value = "bell")]
    pub(super) arrive: Arrive,
    /// Seconds over which they arrive, unless at the bell.
    #[arg(long, default_value_t = 10)]
    pub(super) over: u64,
    /// How many of all leave in the middle and come back after a while, such as `5/min`.
    #[arg(long, default_value = "0/min", value_name = "COUNT/min", value_parser = a_minute)]
    pub(super) churn: f64,
    /// So many classrooms send their own camera and microphone, by signalling ...
    #[arg(long, default_value_t = 0, requires = "stage_file")]
    pub(super) on_stage: usize,
    /// ... over and over from this MP4 file with H264 and Opus.
    #[arg(long)]
    pub(super) stage_file: Option<PathBuf>,
    /// Pictures each asks for by WHEP.
    #[arg(long, default_value_t = 2)]
    pub(super) videos: u8,
    /// Part of the classrooms that decrypt and authenticate every packet, 0 to 1; the others count by the packets' headers. All
    /// of up to 100 unless told, and 100 of more.
    #[arg(long, value_parser = super::line::part)]
    pub(super) verify: Option<f64>,
    /// Process of a server on this machine: its processor time is reported too.
    #[arg(long)]
    pub(super) server_pid: Option<u32>,
    /// Classrooms listed in the report for people.
    #[arg(long, default_value_t = 20)]
    pub(super) lines: usize,
    /// Write the report as a page with plots over time.
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

/// So many in a minute.
fn a_minute(text: &str) -> Result<f64, String> {
    match text.strip_suffix("/min").map(str::parse::<f64>) {
        Some(Ok(count)) if count.is_finite() && count >= 0.0 => Ok(count),
        _ => Err("a count in a minute is needed, such as 5/min".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    /// TOML file of cases, such as loadtest/scenarios.toml.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) target: Target,
    /// Only the cases of these names.
    #[arg(long)]
    pub(super) only: Vec<String>,
    /// Process of a server on this machine: its processor time is reported too.
    #[arg(long)]
    pub(super) server_pid: Option<u32>,
    /// Write the report as a page with plots over time.
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct FloodArgs {
    #[command(flatten)]
    pub(super) target: Target,
    /// Packets a second.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(FASTEST)))]
    pub(super) rate: u32,
    /// How long each kind takes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=LONGEST.as_secs()))]
    pub(super) seconds: u64,
    /// Only these kinds.
    #[arg(long, value_enum)]
    pub(super) kind: Vec<Kind>,
    /// Process of a server on this machine: its processor time and memory are reported too.
    #[arg(long)]
    pub(super) server_pid: Option<u32>,
    /// Seed of chance.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

#[derive(Debug, Args)]
pub(super) struct ImpairArgs {
    /// Where to listen.
    #[arg(long)]
    pub(super) listen: SocketAddr,
    /// Where to relay to.
    #[arg(long)]
    pub(super) to: SocketAddr,
    /// What is relayed.
    #[arg(long, value_enum, default_value = "udp")]
    pub(super) what: Relayed,
    #[command(flatten)]
    pub(super) line: LineArgs,
}

/// What a relay relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Relayed {
    /// Media.
    Udp,
    /// HTTP, WebSocket, and media over TCP.
    Tcp,
    /// All of it, on the same port.
    Both,
}

#[derive(Debug, Args)]
pub(super) struct FootageArgs {
    /// Folder to make it in.
    #[arg(long)]
    pub(super) out: PathBuf,
    /// Its length. Without it, as long as the lesson takes.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(super) seconds: Option<u64>,
    /// What is shown.
    #[arg(long, value_enum, default_value = "lesson")]
    pub(super) pattern: Pattern,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn a_rate_is_read() {
        assert_eq!(a_minute("5/min"), Ok(5.0));
        for bad in ["5", "-1/min", "a/min", "inf/min"] {
            assert!(a_minute(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
