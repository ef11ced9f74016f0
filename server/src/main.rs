//! `tongke`: serves lessons, prints tokens and the API's description.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use server::app::{self, Running};
use server::clock::{Clock, SystemClock};
use server::config::{Cli, Command, Config, ConfigError, ServeArgs, TokenArgs};
use server::output;
use tokio::signal::unix::{SignalKind, signal};

/// So long may what blocks a thread go on after the stop.
const LEFT_BEHIND: Duration = Duration::from_secs(1);
/// Something about the settings is wrong.
const WRONG_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => serve(&args),
        Command::Token(args) => token(&args),
        Command::Openapi => {
            output::line(server::http::openapi_json());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(format!("tongke: {error:#}"));
            ExitCode::from(if error.is::<ConfigError>() {
                WRONG_SETTINGS
            } else {
                1
            })
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.settings(), std::env::vars(), args.config.as_deref())?;
    logs(&config);
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let running = app::start(config, Arc::new(SystemClock), server::live::start).await?;
        output::line(output::welcome(&running));
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop(running, &mut terminate, &mut interrupt).await;
        Ok(())
    });
    // What is still at work was given its time.
    runtime.shutdown_timeout(LEFT_BEHIND);
    served
}

/// Stops in order; a second signal ends at once.
async fn stop(
    running: Running,
    terminate: &mut tokio::signal::unix::Signal,
    interrupt: &mut tokio::signal::unix::Signal,
) {
    tokio::select! {
        () = running.stop() => {}
        _ = terminate.recv() => std::process::exit(1),
        _ = interrupt.recv() => std::process::exit(1),
    }
}

fn logs(config: &Config) {
    // A line per join about each extension of DTLS it does not know is no news; who wants it says so in `log`.
    let filter = format!("rtc_dtls=error,{}", config.log)
        .parse::<tracing_subscriber::EnvFilter>()
        .unwrap_or_default();
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if config.log_json {
        logs.json().init();
    } else {
        logs.compact().init();
    }
}

fn token(args: &TokenArgs) -> anyhow::Result<()> {
    let token = runtime()?.block_on(server::service::tokens::for_tool(args, SystemClock.now()))?;
    output::line(token);
    Ok(())
}
