//! What commands say on standard output; logs go to standard error.

use std::io::Write;

/// Writes a line to standard output. A closed pipe is the reader's choice and no error.
pub fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref());
    let _ = out.flush();
}

/// Writes a line to standard error, for a person at the terminal.
pub fn error(text: impl AsRef<str>) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{}", text.as_ref());
}
