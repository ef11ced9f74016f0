//! What commands say on standard output; logs go to standard error.

use std::io::Write;
use std::net::SocketAddr;

use crate::app::Running;

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

/// What is said when the server serves: addresses, and the accounts and codes of the demo.
#[must_use]
pub fn welcome(running: &Running) -> String {
    let mut text = vec![String::new(), "  同课 Tongke".to_owned(), String::new()];
    let mut row = |name: &str, value: String| text.push(format!("  {name:<12} {value}"));
    let shown = |address: SocketAddr| match address.ip().is_unspecified() {
        true => format!("localhost:{}", address.port()),
        false => address.to_string(),
    };
    let address = format!("http://{}", shown(running.http));
    row("pages", address.clone());
    if let Some(https) = running.https {
        row("", format!("https://{}", shown(https)));
        if running.app.authority.is_some() {
            row(
                "",
                format!("{address}/ca.pem  (to be trusted once by each device)"),
            );
        }
    }
    row("classroom", format!("{address}/classroom"));
    row("data", running.app.config.data.display().to_string());
    let Some(demo) = &running.demo else {
        text.push(String::new());
        return text.join("\n");
    };
    row("demo lesson", format!("{address}/lessons/{}", demo.lesson));
    for (account, password, _, _) in crate::demo::ACCOUNTS {
        row("account", format!("{account:<12} {password}"));
    }
    for (classroom, school, code) in &demo.codes {
        row("code", format!("{}  {classroom} · {school}", code.reveal()));
    }
    text.push(String::new());
    text.join("\n")
}
