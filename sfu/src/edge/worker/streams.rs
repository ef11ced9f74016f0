//! A thread's TCP connections: read, told to the shard, closed.

use std::time::Instant;

use super::{BUFFER, Worker};
use crate::edge::stream::Input;
use crate::edge::streams::Closed;
use crate::{framing, ice};

/// Reads of one connection in its turn.
const READS: usize = 4;

impl Worker {
    /// Accepts, reads what the connections have, and closes those whose time is over.
    pub(super) fn serve_streams(&mut self) {
        if self.edge.streams.busy() {
            self.edge.streams.accept(Instant::now(), &self.metrics);
            for _ in 0..self.edge.streams.queued() {
                let Some(socket) = self.edge.streams.next() else {
                    break;
                };
                match self.read_stream(socket) {
                    Ok(true) => self.edge.streams.again(socket),
                    Ok(false) => {}
                    Err(why) => self.close_stream(socket, why),
                }
            }
        }
        // A thread without connections does not even look at the clock.
        if self.edge.streams.deadline().is_some() {
            for (socket, why) in self.edge.streams.overdue(Instant::now(), &self.shard) {
                self.close_stream(socket, why);
            }
        }
    }

    fn close_stream(&mut self, socket: usize, why: Closed) {
        if let Some(path) = self.edge.streams.close(socket, why, &self.metrics) {
            self.shard.path_closed(Instant::now(), path);
        }
    }

    /// Takes what a connection has. Returns whether it may have more, or why it has to be closed.
    fn read_stream(&mut self, socket: usize) -> Result<bool, Closed> {
        for _ in 0..READS {
            let Some(stream) = self.edge.streams.get(socket) else {
                return Ok(false);
            };
            if stream.broken {
                return Err(Closed::Error);
            }
            let end = match stream.read(&mut self.buffer[..BUFFER]) {
                Ok(Input::Bytes(end)) => end,
                Ok(Input::Nothing) => return Ok(false),
                Ok(Input::End) => return Err(Closed::Peer),
                Err(_) => return Err(Closed::Error),
            };
            self.take_frames(socket, end)?;
        }
        Ok(true)
    }

    /// Hands on the datagrams at the beginning of the buffer, and keeps what is not whole.
    fn take_frames(&mut self, socket: usize, end: usize) -> Result<(), Closed> {
        let now = Instant::now();
        let Some(stream) = self.edge.streams.get(socket) else {
            return Ok(());
        };
        let (path, mut proven) = (stream.path, stream.proven);
        let mut at = 0;
        while let Some(length) = framing::first(&self.buffer[at..end]).map_err(|_| Closed::Frame)? {
            let datagram = &mut self.buffer[at + framing::PREFIX..][..length];
            at += framing::PREFIX + length;
            // Nothing is taken before a check passed; what is no check does not come first.
            if !proven && !ice::is_stun(datagram) {
                return Err(Closed::Unchecked);
            }
            self.shard.handle_datagram(now, path, datagram, &mut self.edge);
            if !proven && self.shard.knows(path) {
                proven = true;
                self.edge.streams.prove(socket);
            }
        }
        if let Some(stream) = self.edge.streams.get(socket) {
            if at > 0 {
                stream.heard = now;
            }
            stream.keep(&self.buffer[at..end]);
        }
        Ok(())
    }
}
