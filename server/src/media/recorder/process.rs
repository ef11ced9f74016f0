//! One recorder process: its pipes, what waits for it, and its end.

use std::collections::HashMap;

use protocol::id::TrackId;
use sfu::{Tap, TapEvent};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::Instant;

use super::{CLOSES, LINE_MAX, Order, Outcome, Pump};

/// One process while it lives.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: BufReader<ChildStdout>,
    pub(super) line: Vec<u8>,
    pub(super) tap: Option<Tap>,
    pub(super) pump: Pump,
    pub(super) numbers: HashMap<u32, TrackId>,
    /// It is killed at this time, unless it says something before (or, while it closes, in any case).
    pub(super) deadline: Instant,
    pub(super) closing: Option<Order>,
    pub(super) finished: bool,
}

impl Running {
    /// The lesson is over, or the server goes away: what the tap still holds goes first.
    pub(super) fn close(&mut self, order: Order) {
        if let Some(mut tap) = self.tap.take() {
            while let Some(event) = tap.try_next() {
                self.take(Some(event));
            }
        }
        if order == Order::Finish {
            self.pump.finish();
        }
        self.closing = Some(order);
        self.deadline = Instant::now() + CLOSES;
    }

    pub(super) fn take(&mut self, event: Option<TapEvent>) {
        let Some(event) = event else {
            self.tap = None;
            return;
        };
        match &event {
            TapEvent::TrackUp { number, track, .. } => {
                self.numbers.insert(*number, *track);
            }
            TapEvent::TrackDown { number } => {
                self.numbers.remove(number);
            }
            _ => {}
        }
        self.pump.take(event);
        // What is there already is written together.
        while self.pump.waiting() < 64 << 10 {
            let Some(more) = self.tap.as_mut().and_then(Tap::try_next) else {
                break;
            };
            if let TapEvent::TrackUp { number, track, .. } = &more {
                self.numbers.insert(*number, *track);
            }
            self.pump.take(more);
        }
    }

    /// Its output ended: it exits.
    pub(super) async fn ended(&mut self) -> Outcome {
        self.stdin = None;
        let exit = tokio::time::timeout(CLOSES, self.child.wait()).await;
        let well = matches!(&exit, Ok(Ok(status)) if status.success());
        match self.closing {
            _ if self.finished => Outcome::Finished,
            Some(Order::Stop) if well => Outcome::Stopped,
            _ => Outcome::Died,
        }
    }
}

pub(super) async fn next(tap: &mut Option<Tap>) -> Option<TapEvent> {
    match tap {
        Some(tap) => tap.next().await,
        None => std::future::pending().await,
    }
}

/// Writes some of `bytes`. Waits for ever when there is nothing to write or nowhere to write it to.
pub(super) async fn write(stdin: &mut Option<ChildStdin>, bytes: &[u8]) -> std::io::Result<usize> {
    match stdin {
        Some(stdin) if !bytes.is_empty() => stdin.write(bytes).await,
        _ => std::future::pending().await,
    }
}

/// One line without its end; `None` at the end of the output. Safe to cancel: what was read stays in `line`.
pub(super) async fn read_line(stdout: &mut BufReader<ChildStdout>, line: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        let read = stdout.fill_buf().await.ok()?;
        if read.is_empty() {
            return None;
        }
        let end = read.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(read.len());
        if line.len() + taken <= LINE_MAX {
            line.extend_from_slice(&read[..taken]);
        }
        stdout.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Some(std::mem::take(line));
        }
    }
}
