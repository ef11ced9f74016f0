//! The progress display: a bar for a person at a terminal, nothing for a pipe.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far a run is.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for a run of known length, a clock for one that has no end. Nothing when `quiet` or without a terminal.
    #[must_use]
    pub fn new(endless: bool, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self {
                bar: ProgressBar::hidden(),
            };
        }
        let template = if endless {
            "{spinner} {elapsed_precise}  {msg}"
        } else {
            "{elapsed_precise} [{bar:30}]  {msg}"
        };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let bar = ProgressBar::new(1).with_style(style);
        Self { bar }
    }

    /// Shows that `done` of `whole` has passed.
    pub fn show(&self, done: Duration, whole: Duration, message: &str) {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.bar.set_length(ms(whole).max(1));
        self.bar.set_position(ms(done));
        self.bar.set_message(message.to_owned());
    }

    /// Says a line above the bar.
    pub fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            tracing::info!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Takes the display away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
