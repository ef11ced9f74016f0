//! Wires the parts together, serves, and stops.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum_server::Handle;
use sfu::turn::Realm;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::demo::{self, Seeded};
use crate::http::{OverTls, redirect, router};
use crate::metrics::Metrics;
use crate::probes::Probes;
use crate::replay::ReplayStore;
use crate::service::{Rooms, Services, scheduler};
use crate::store::Store;
use crate::tls;
use crate::turn::{self, Turn};

/// What every request handler has. Cloning it is cheap.
#[derive(Clone)]
pub struct App {
    /// Settings.
    pub config: Arc<Config>,
    /// Use cases.
    pub services: Services,
    /// The live rooms.
    pub rooms: Arc<dyn Rooms>,
    /// Recordings to be played.
    pub replays: Arc<ReplayStore>,
    /// Measurements of lines, where there is an engine.
    pub probes: Option<Arc<Probes>>,
    /// Metrics.
    pub metrics: Metrics,
    /// The certificate (PEM) of the local authority, where there is one.
    pub authority: Option<Arc<str>>,
    /// Cancelled when the server begins to stop.
    pub stop: CancellationToken,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

/// The live side: rooms, and the routes of signalling, WHIP, WHEP and HLS.
pub struct Media {
    /// The live rooms.
    pub rooms: Arc<dyn Rooms>,
    /// Recordings to be played.
    pub replays: Arc<ReplayStore>,
    /// Measurements of lines, where there is an engine.
    pub probes: Option<Arc<Probes>>,
    /// The engine's candidates, and where each is reached on this machine: what the relay relays to.
    pub candidates: Vec<(SocketAddr, SocketAddr)>,
    /// Their routes.
    pub routes: Router,
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Media").finish_non_exhaustive()
    }
}

/// A server that serves. Dropping it does not stop it; [`Running::stop`] does.
#[derive(Debug)]
pub struct Running {
    /// What the request handlers have.
    pub app: App,
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Where HTTPS is served.
    pub https: Option<SocketAddr>,
    /// What the demo printed at start.
    pub demo: Option<Seeded>,
    handles: Vec<Handle<SocketAddr>>,
    tasks: Vec<JoinHandle<()>>,
    /// Held for as long as the server owns the data directory.
    _lock: std::fs::File,
}

/// Starts a server. `media` makes its live side.
///
/// # Errors
///
/// When the data directory cannot be written or is another server's, a port is taken, or a part cannot start.
pub async fn start<F>(config: Config, clock: SharedClock, media: F) -> anyhow::Result<Running>
where
    F: AsyncFnOnce(&Config, &Services) -> anyhow::Result<Media>,
{
    let lock = own(&config.data)?;
    let listener = listen("listen", config.listen)?;
    let material = tls::prepare(&config, clock.now()).await?;
    let secure = match material {
        Some(material) => Some((listen("tls_listen", config.tls_listen)?, material)),
        None => None,
    };
    let store = Store::open(&config.data)
        .await
        .context("cannot open the database of the data directory")?;
    let services = Services::new(&config, &config.data, store, clock).await?;
    let metrics = Metrics::new()?;
    let demo = if config.demo {
        Some(demo::start(&services).await?)
    } else {
        None
    };
    let Media {
        rooms,
        replays,
        probes,
        candidates,
        routes,
    } = media(&config, &services).await?;
    services.lessons.attach_rooms(&rooms);
    let app = App {
        config: Arc::new(config),
        services,
        rooms,
        replays,
        probes,
        metrics,
        authority: secure
            .as_ref()
            .and_then(|(_, material)| material.authority.clone())
            .map(Into::into),
        stop: CancellationToken::new(),
    };
    let mut running = Running {
        http: listener.local_addr()?,
        https: secure
            .as_ref()
            .map(|(listener, _)| listener.local_addr())
            .transpose()?,
        demo,
        handles: Vec::new(),
        tasks: vec![tokio::spawn(scheduler::run(
            app.services.clone(),
            app.stop.clone(),
        ))],
        _lock: lock,
        app,
    };
    running.serve(listener, secure, routes, candidates)?;
    Ok(running)
}

impl Running {
    fn serve(
        &mut self,
        listener: TcpListener,
        secure: Option<(TcpListener, tls::Material)>,
        routes: Router,
        candidates: Vec<(SocketAddr, SocketAddr)>,
    ) -> anyhow::Result<()> {
        let pages = router(&self.app, routes);
        let plain = match self.https {
            Some(https) => redirect::around(pages.clone(), self.app.config.plain_http, https.port()),
            None => pages.clone(),
        };
        let handle = Handle::new();
        self.handles.push(handle.clone());
        let server = axum_server::from_tcp(listener)?.handle(handle);
        self.spawn(server.serve(plain.into_make_service_with_connect_info::<SocketAddr>()));
        if let Some((listener, material)) = secure {
            let handle = Handle::new();
            self.handles.push(handle.clone());
            let turn = self.turn(listener.local_addr()?.port(), candidates);
            let acceptor = turn::Acceptor::new(material.rustls.clone(), turn);
            let server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
            let over_tls = pages.layer(axum::Extension(OverTls));
            self.spawn(server.serve(over_tls.into_make_service_with_connect_info::<SocketAddr>()));
            self.tasks.push(tokio::spawn(renew(self.app.clone(), material)));
        }
        Ok(())
    }

    /// The relay, if it is wanted and has something to relay to; peers are told of it from now.
    fn turn(&self, port: u16, candidates: Vec<(SocketAddr, SocketAddr)>) -> Option<Arc<Turn>> {
        let services = &self.app.services;
        let realm = Realm::new(services.relay.credentials(), candidates);
        if !self.app.config.turn || !realm.reaches_something() {
            return None;
        }
        services.relay.open(port);
        let metrics = self.app.metrics.turn.clone();
        Some(Arc::new(Turn::new(realm, services.clock.clone(), metrics)))
    }

    fn spawn(&mut self, server: impl Future<Output = std::io::Result<()>> + Send + 'static) {
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "a listener failed");
            }
        }));
    }

    /// Tells clients, lets recordings be closed, answers what was asked; done at `stop_seconds` at the latest.
    pub async fn stop(self) {
        let most = Duration::from_secs(self.app.config.stop_seconds.into());
        let deadline = Instant::now() + most;
        tracing::info!("stopping");
        self.app.stop.cancel();
        let rooms = self.app.rooms.shutdown(deadline);
        if tokio::time::timeout_at(deadline, rooms).await.is_err() {
            tracing::warn!("rooms did not stop in time");
        }
        for handle in &self.handles {
            handle.graceful_shutdown(Some(deadline.saturating_duration_since(Instant::now())));
        }
        for task in self.tasks {
            // A task that failed has said so; one that hangs is left behind.
            let _ = tokio::time::timeout_at(deadline + Duration::from_secs(1), task).await;
        }
        // It waits for who still reads or writes; what is committed is safe without it.
        let store = self.app.services.store.clone();
        match tokio::time::timeout_at(deadline + Duration::from_secs(1), store.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the store was not closed"),
            Err(_) => tracing::warn!("the store was still in use"),
        }
        tracing::info!("stopped");
    }
}

/// Makes or reads certificates again before they expire.
async fn renew(app: App, material: tls::Material) {
    loop {
        let at = app.services.clock.now() + tls::RENEWED_AFTER;
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = app.services.clock.sleep_until(at) => {}
        }
        if let Err(error) = tls::renew(&app.config, &material, app.services.clock.now()).await {
            tracing::error!(%error, "the certificate was not renewed");
        }
    }
}

/// Makes the data directory and holds it against other servers.
fn own(data: &Path) -> anyhow::Result<std::fs::File> {
    let shown = data.display();
    std::fs::create_dir_all(data).with_context(|| {
        format!("data = {shown:?} cannot be made; allowed: a directory this account can write")
    })?;
    let lock = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(data.join("lock"))
        .with_context(|| {
            format!("data = {shown:?} cannot be written; allowed: a directory this account can write")
        })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => {
            anyhow::bail!(
                "data = {shown:?} is in use by another server; allowed: one server per data directory"
            )
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error).context("the data directory cannot be locked"),
    }
}

fn listen(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => "the port is taken by another program; choose another",
            std::io::ErrorKind::PermissionDenied => {
                "this account may not use the port; choose one above 1023"
            }
            std::io::ErrorKind::AddrNotAvailable => "no interface of this machine has the address",
            _ => "allowed: ADDRESS:PORT",
        };
        anyhow::anyhow!("{key} = \"{address}\": {error}; {hint}")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
