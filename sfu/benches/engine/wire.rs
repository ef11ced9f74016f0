//! Questions to the engine's process and its answers, a line of JSON each.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::child;
use crate::usage::Usage;

/// What the engine's process is asked.
#[derive(Debug, Serialize, Deserialize)]
pub enum Ask {
    /// An offer for a new peer that teaches or watches.
    Offer { teacher: bool },
    /// The answer to a peer's offer.
    Answer { peer: usize, sdp: String },
    /// What it used so far.
    Usage,
    /// Send what the engine would, with nothing but the cipher and the socket.
    Floor { targets: Vec<SocketAddr>, ms: u64 },
}

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
pub enum Tell {
    Offer { peer: usize, sdp: String },
    Done,
    Usage(Usage),
}

/// The engine's process.
pub struct Engine {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Engine {
    /// Starts it.
    pub fn start(threads: usize) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .arg(child::ARGUMENT)
            .env("THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the engine's process starts");
        let input = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, input, output }
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, ask: &Ask) -> Tell {
        let mut line = serde_json::to_string(ask).expect("a question is JSON");
        line.push('\n');
        self.input.write_all(line.as_bytes()).expect("it listens");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("it answers");
        serde_json::from_str(&answer).expect("an answer is JSON")
    }

    /// An offer for a new peer.
    pub fn offer(&mut self, teacher: bool) -> (usize, String) {
        match self.ask(&Ask::Offer { teacher }) {
            Tell::Offer { peer, sdp } => (peer, sdp),
            other => panic!("not an offer: {other:?}"),
        }
    }

    /// What its media threads used so far.
    pub fn usage(&mut self) -> Usage {
        match self.ask(&Ask::Usage) {
            Tell::Usage(usage) => usage,
            other => panic!("no usage: {other:?}"),
        }
    }

    /// What the floor used.
    pub fn floor(&mut self, targets: Vec<SocketAddr>, duration: Duration) -> Usage {
        let ms = u64::try_from(duration.as_millis()).expect("a short time");
        match self.ask(&Ask::Floor { targets, ms }) {
            Tell::Usage(usage) => usage,
            other => panic!("no usage: {other:?}"),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
