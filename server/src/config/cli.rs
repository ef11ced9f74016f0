//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use protocol::signal::Role;

/// Live classrooms: one teacher, many rural classrooms.
#[derive(Debug, Parser)]
#[command(name = "tongke", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves lessons until it is stopped
    Serve(ServeArgs),
    /// Prints a bearer token for a lesson
    Token(TokenArgs),
    /// Prints the description of the REST API
    Openapi,
}

/// Flags of `serve`. Each is also a key of the TOML file and a variable TONGKE_…
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// TOML file of settings
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory of database, keys and recordings [default: data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// HTTP address [default: 0.0.0.0:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// UDP port of the first media thread; 0 lets the system choose [default: 10000]
    #[arg(long, value_name = "PORT")]
    pub media_port: Option<String>,
    /// Media over TCP too, at the same ports, where a network lets no UDP through [default: true]
    #[arg(long, value_name = "true|false")]
    pub tcp: Option<String>,
    /// IP addresses told to clients for media, with commas between [default: those of the interfaces]
    #[arg(long, value_name = "IP")]
    pub announce: Option<String>,
    /// Makes a demo district with a lesson that is on now
    #[arg(long)]
    pub demo: bool,
    /// Certificates: off, files or local [default: off]
    #[arg(long, value_name = "off|files|local")]
    pub tls: Option<String>,
    /// HTTPS address [default: 0.0.0.0:8443]
    #[arg(long, value_name = "ADDR")]
    pub tls_listen: Option<String>,
    /// Certificate chain (PEM) for --tls files
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// Private key (PEM) for --tls files
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<String>,
}

impl ServeArgs {
    /// The settings that were given, by key.
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("data", &self.data),
            ("listen", &self.listen),
            ("media_port", &self.media_port),
            ("tcp", &self.tcp),
            ("announce", &self.announce),
            ("tls", &self.tls),
            ("tls_listen", &self.tls_listen),
            ("tls_cert", &self.tls_cert),
            ("tls_key", &self.tls_key),
        ];
        let demo = self.demo.then(|| ("demo", "true".to_owned()));
        given
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.clone()?)))
            .chain(demo)
            .collect()
    }
}

/// Flags of `token`.
#[derive(Clone, Debug, Args)]
pub struct TokenArgs {
    /// Data directory of the server
    #[arg(long, value_name = "DIR", env = "TONGKE_DATA", default_value = "data")]
    pub data: PathBuf,
    /// Which lesson: its id, or demo
    #[arg(long, value_name = "ID|demo")]
    pub lesson: String,
    /// What the bearer may do
    #[arg(long)]
    pub role: TokenRole,
    /// How long it works
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=8760))]
    pub hours: u16,
}

/// Roles of `token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TokenRole {
    /// Publishes, starts and ends the lesson
    Teacher,
    /// Sees, hears, may come on stage
    Classroom,
    /// Sees and hears unseen; replays
    Observer,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Teacher => Self::Teacher,
            TokenRole::Classroom => Self::Classroom,
            TokenRole::Observer => Self::Observer,
        }
    }
}
