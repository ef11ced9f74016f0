//! Settings: flag before environment (`TONGKE_*`) before file (TOML) before default. A wrong one names the key, the value
//! and what is allowed.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

mod cli;
mod network;

pub use cli::{Cli, Command, ServeArgs, TokenArgs, TokenRole};
pub use network::Network;

/// Where TLS certificates come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// HTTP only: enough on this machine, and behind a proxy that speaks TLS.
    #[default]
    Off,
    /// `tls_cert` and `tls_key`.
    Files,
    /// Made by an authority of the data directory, whose certificate is at `/ca.pem`.
    Local,
}

/// What the HTTP port does while TLS is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Serves.
    #[default]
    Serve,
    /// Sends everybody but this machine itself to HTTPS.
    Redirect,
}

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Data directory: database, keys, recordings.
    pub data: PathBuf,
    /// HTTP address.
    pub listen: SocketAddr,
    /// UDP port of the first media thread; thread n has the port n after it. 0: chosen by the system.
    pub media_port: u16,
    /// The media threads listen on TCP at the same ports, for networks that let no UDP through.
    pub tcp: bool,
    /// Addresses told to clients for media; empty: those of the interfaces.
    pub announce: Vec<IpAddr>,
    /// Media threads; 0 is one per core.
    pub media_threads: usize,
    /// Processors the media threads keep to, one each in turn; empty: the system chooses.
    pub media_cpus: Vec<usize>,
    /// Longest time a video packet waits for others of its frame to leave together, in milliseconds.
    pub coalesce_ms: u16,
    /// With a demo district and its lesson.
    pub demo: bool,
    /// Where certificates come from.
    pub tls: Tls,
    /// HTTPS address.
    pub tls_listen: SocketAddr,
    /// Certificate chain (PEM), for [`Tls::Files`].
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM), for [`Tls::Files`].
    pub tls_key: Option<PathBuf>,
    /// More host names for the certificate of [`Tls::Local`].
    pub tls_names: Vec<String>,
    /// Media through the HTTPS port too, for networks that let nothing else through; without TLS it means nothing.
    pub turn: bool,
    /// What the HTTP port does while TLS is on.
    pub plain_http: PlainHttp,
    /// Proxies before the server, whose `X-Forwarded-For` says who asks.
    pub trusted_proxies: Vec<Network>,
    /// Classrooms may join so long before the start.
    pub open_before_minutes: u16,
    /// A lesson nobody ended is ended so long after its end by the timetable.
    pub end_after_minutes: u16,
    /// How long a sign-in lasts.
    pub session_hours: u16,
    /// The recorder's program; absent: `tongke-recorder` beside this one.
    pub recorder: Option<PathBuf>,
    /// Free space that recordings leave on the disk, in MiB.
    pub disk_reserve_mib: u32,
    /// How long a stop may take at most.
    pub stop_seconds: u16,
    /// What is logged, e.g. `info` or `info,server=debug`.
    pub log: String,
    /// Logs as JSON lines.
    pub log_json: bool,
}

impl Default for Config {
    fn default() -> Self {
        let any = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        Self {
            data: PathBuf::from("data"),
            listen: any(8080),
            media_port: 10_000,
            tcp: true,
            announce: Vec::new(),
            media_threads: 0,
            media_cpus: Vec::new(),
            coalesce_ms: 5,
            demo: false,
            tls: Tls::Off,
            tls_listen: any(8443),
            tls_cert: None,
            tls_key: None,
            tls_names: Vec::new(),
            turn: true,
            plain_http: PlainHttp::Serve,
            trusted_proxies: Vec::new(),
            open_before_minutes: 10,
            end_after_minutes: 60,
            session_hours: 336,
            recorder: None,
            disk_reserve_mib: 1_024,
            stop_seconds: 10,
            log: "info".to_owned(),
            log_json: false,
        }
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The value is wrong.
    #[error("{origin}: {key} = {value:?} is wrong; allowed: {allowed}")]
    Value {
        /// Where it was set.
        origin: String,
        /// Which setting.
        key: String,
        /// What it was set to.
        value: String,
        /// What it may be.
        allowed: String,
    },
    /// There is no such setting.
    #[error("{origin}: {key} = {value:?}: there is no such setting; allowed: {allowed}")]
    Key {
        /// Where it was set.
        origin: String,
        /// Which.
        key: String,
        /// What it was set to.
        value: String,
        /// All there are.
        allowed: String,
    },
    /// The file cannot be read.
    #[error("config = {path:?} cannot be read: {reason}; allowed: a TOML file of settings")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

type Set = fn(&mut Config, &str) -> bool;

/// Every setting: its key, what is allowed, how it is set (`false`: wrong).
const SETTINGS: &[(&str, &str, Set)] = &[
    ("data", "a directory", |c, v| {
        !v.is_empty() && put(&mut c.data, Some(PathBuf::from(v)))
    }),
    ("listen", "ADDRESS:PORT, or PORT", |c, v| {
        put(&mut c.listen, address(v))
    }),
    ("media_port", "0 to 65535", |c, v| parsed(&mut c.media_port, v)),
    ("tcp", "true or false", |c, v| parsed(&mut c.tcp, v)),
    ("announce", "IP addresses with commas between", |c, v| {
        put(&mut c.announce, list(v))
    }),
    ("media_threads", "0 (one per core) to 256", |c, v| {
        parsed(&mut c.media_threads, v) && c.media_threads <= 256
    }),
    (
        "media_cpus",
        "numbers of processors with commas between",
        |c, v| put(&mut c.media_cpus, list(v)),
    ),
    ("coalesce_ms", "0 to 20", |c, v| {
        parsed(&mut c.coalesce_ms, v) && c.coalesce_ms <= 20
    }),
    ("demo", "true or false", |c, v| parsed(&mut c.demo, v)),
    ("tls", "off, files or local", |c, v| {
        let tls = match v {
            "off" => Some(Tls::Off),
            "files" => Some(Tls::Files),
            "local" => Some(Tls::Local),
            _ => None,
        };
        put(&mut c.tls, tls)
    }),
    ("tls_listen", "ADDRESS:PORT, or PORT", |c, v| {
        put(&mut c.tls_listen, address(v))
    }),
    ("tls_cert", "a file", |c, v| {
        !v.is_empty() && put(&mut c.tls_cert, Some(Some(PathBuf::from(v))))
    }),
    ("tls_key", "a file", |c, v| {
        !v.is_empty() && put(&mut c.tls_key, Some(Some(PathBuf::from(v))))
    }),
    ("tls_names", "host names with commas between", |c, v| {
        put(&mut c.tls_names, list(v))
    }),
    ("turn", "true or false", |c, v| parsed(&mut c.turn, v)),
    ("plain_http", "serve or redirect", |c, v| {
        let plain = match v {
            "serve" => Some(PlainHttp::Serve),
            "redirect" => Some(PlainHttp::Redirect),
            _ => None,
        };
        put(&mut c.plain_http, plain)
    }),
    (
        "trusted_proxies",
        "addresses and networks with commas between",
        |c, v| put(&mut c.trusted_proxies, list(v)),
    ),
    ("open_before_minutes", "0 to 1440", |c, v| {
        parsed(&mut c.open_before_minutes, v) && c.open_before_minutes <= 1_440
    }),
    ("end_after_minutes", "0 to 1440", |c, v| {
        parsed(&mut c.end_after_minutes, v) && c.end_after_minutes <= 1_440
    }),
    ("session_hours", "1 to 8760", |c, v| {
        parsed(&mut c.session_hours, v) && (1..=8_760).contains(&c.session_hours)
    }),
    ("recorder", "a program", |c, v| {
        !v.is_empty() && put(&mut c.recorder, Some(Some(PathBuf::from(v))))
    }),
    ("disk_reserve_mib", "0 to 4294967295", |c, v| {
        parsed(&mut c.disk_reserve_mib, v)
    }),
    ("stop_seconds", "1 to 300", |c, v| {
        parsed(&mut c.stop_seconds, v) && (1..=300).contains(&c.stop_seconds)
    }),
    ("log", "e.g. info, or info,server=debug", |c, v| {
        v.parse::<tracing_subscriber::EnvFilter>().is_ok() && put(&mut c.log, Some(v.to_owned()))
    }),
    ("log_json", "true or false", |c, v| parsed(&mut c.log_json, v)),
];

fn put<T>(slot: &mut T, value: Option<T>) -> bool {
    value.map(|value| *slot = value).is_some()
}

fn parsed<T: FromStr>(slot: &mut T, value: &str) -> bool {
    put(slot, value.parse().ok())
}

fn address(value: &str) -> Option<SocketAddr> {
    value
        .parse()
        .ok()
        .or_else(|| {
            value
                .trim_start_matches(':')
                .parse()
                .ok()
                .map(|port| (Ipv4Addr::UNSPECIFIED, port).into())
        })
        .or_else(|| {
            value
                .strip_prefix("localhost:")?
                .parse()
                .ok()
                .map(|port| (Ipv4Addr::LOCALHOST, port).into())
        })
}

fn list<T: FromStr>(value: &str) -> Option<Vec<T>> {
    value
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect()
}

impl Config {
    /// Puts the settings together. `flags` are the keys and values given on the command line, `environment` all variables.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be used.
    pub fn load(
        flags: &[(&'static str, String)],
        environment: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let mut variables: Vec<_> = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("TONGKE_")?.to_lowercase(), value)))
            .collect();
        variables.sort();
        let named = variables
            .iter()
            .position(|(key, _)| key == "config")
            .map(|at| variables.remove(at).1);
        let file = file.map(Path::to_path_buf).or(named.map(PathBuf::from));
        if let Some(path) = file {
            for (key, value) in read_file(&path)? {
                config.set(&path.display(), &key, &value)?;
            }
        }
        for (key, value) in variables {
            config.set(
                &format!("environment TONGKE_{}", key.to_uppercase()),
                &key,
                &value,
            )?;
        }
        for (key, value) in flags {
            config.set(&format!("flag --{}", key.replace('_', "-")), key, value)?;
        }
        config.check()
    }

    fn set(&mut self, origin: &dyn Display, key: &str, value: &str) -> Result<(), ConfigError> {
        let Some((_, allowed, set)) = SETTINGS.iter().find(|(name, ..)| *name == key) else {
            return Err(ConfigError::Key {
                origin: origin.to_string(),
                key: key.to_owned(),
                value: value.to_owned(),
                allowed: SETTINGS
                    .iter()
                    .map(|(name, ..)| *name)
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        };
        if set(self, value) {
            return Ok(());
        }
        Err(ConfigError::Value {
            origin: origin.to_string(),
            key: key.to_owned(),
            value: value.to_owned(),
            allowed: (*allowed).to_owned(),
        })
    }

    /// What no setting can say alone.
    fn check(self) -> Result<Self, ConfigError> {
        for (key, file) in [("tls_cert", &self.tls_cert), ("tls_key", &self.tls_key)] {
            if self.tls == Tls::Files && file.is_none() {
                return Err(ConfigError::Value {
                    origin: "tls = files".to_owned(),
                    key: key.to_owned(),
                    value: String::new(),
                    allowed: "a PEM file; or tls = local makes a certificate".to_owned(),
                });
            }
        }
        Ok(self)
    }
}

fn read_file(path: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let wrong = |reason: String| ConfigError::File {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
    Ok(table
        .into_iter()
        .map(|(key, value)| (key, plain(&value)))
        .collect())
}

/// A TOML value as it would be written in a flag.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
