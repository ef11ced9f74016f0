//! `tongke-loadtest`: see `tongke-loadtest --help`.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    loadtest::cli::run(loadtest::cli::Cli::parse())
}
