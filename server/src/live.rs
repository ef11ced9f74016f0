//! Starts the live side: engine, rooms, recorders, replays, and their routes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sfu::{Engine, EngineConfig};

use crate::app::Media;
use crate::config::Config;
use crate::http::{hls, whep, whip};
use crate::media::recorder;
use crate::probes::Probes;
use crate::replay::ReplayStore;
use crate::rooms::Rooms;
use crate::service::Services;
use crate::{rooms, signal};

/// The recorder's program, beside this one.
const RECORDER: &str = "tongke-recorder";
/// Recordings lie here in the data directory.
const RECORDINGS: &str = "recordings";

/// Starts it over the use cases.
///
/// # Errors
///
/// When the engine or the rooms do not start.
pub async fn start(config: &Config, services: &Services) -> anyhow::Result<Media> {
    let recordings = config.data.join(RECORDINGS);
    std::fs::create_dir_all(&recordings)
        .with_context(|| format!("cannot make the directory {}", recordings.display()))?;
    let (engine, events) = Engine::start(EngineConfig {
        media_port: config.media_port,
        tcp: config.tcp,
        announce: config.announce.clone(),
        threads: config.media_threads,
        cpus: config.media_cpus.clone(),
        coalesce: Duration::from_millis(config.coalesce_ms.into()),
        ..EngineConfig::default()
    })
    .context("the media engine does not start")?;
    let settings = recorder::Settings {
        program: recorder_program(config),
        recordings: recordings.clone(),
        reserve_bytes: u64::from(config.disk_reserve_mib) << 20,
    };
    let metrics = rooms::Metrics::new()?;
    let candidates = engine.candidates();
    let probes = Arc::new(Probes::new(engine.clone(), config.tcp));
    let rooms = Rooms::start(services.clone(), engine, events, settings, metrics).await?;
    let replays = Arc::new(ReplayStore::new(recordings));
    let routes = signal::routes(rooms.clone())
        .merge(whip::routes(rooms.clone()))
        .merge(whep::routes(rooms.clone()))
        .merge(hls::routes(services.clone(), replays.clone()));
    Ok(Media {
        rooms: Arc::new(rooms),
        replays,
        probes: Some(probes),
        candidates,
        routes,
    })
}

fn recorder_program(config: &Config) -> PathBuf {
    let beside = || Some(std::env::current_exe().ok()?.with_file_name(RECORDER));
    config
        .recorder
        .clone()
        .or_else(|| beside().filter(|program| program.exists()))
        .unwrap_or_else(|| PathBuf::from(RECORDER))
}
