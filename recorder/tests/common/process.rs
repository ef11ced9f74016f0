//! The program itself, as the server runs it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use protocol::tap::Status;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Process {
    pub child: Child,
    stdin: Option<ChildStdin>,
    statuses: Receiver<Status>,
}

impl Process {
    pub fn start(dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tongke-recorder"));
        command.arg("--dir").arg(dir).args(["--reserve-bytes", "0"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, statuses) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let status = serde_json::from_str(&line).expect("a status a line");
                let _ = sender.send(status);
            }
        });
        Self {
            stdin: child.stdin.take(),
            child,
            statuses,
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("not closed yet");
        stdin.write_all(bytes).expect("it reads");
        stdin.flush().expect("it reads");
    }

    /// Ends its input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Waits for a status.
    pub fn expect(&self, wanted: impl Fn(&Status) -> bool) -> Status {
        loop {
            let status = self.statuses.recv_timeout(PATIENCE).expect("it says so in time");
            if wanted(&status) {
                return status;
            }
        }
    }

    /// Waits for its end.
    pub fn wait(mut self) -> bool {
        self.child.wait().expect("it ends").success()
    }
}
