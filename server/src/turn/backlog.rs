//! What a client's line does not take now: whole datagrams only, as for TCP (`sfu/src/edge/backlog.rs`).

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Bytes that wait here; TLS keeps as many that are sealed already. Together they are a second of 1 Mbit/s.
const LIMIT: usize = 64 * 1024;
/// Of these, so many are for small datagrams only: sound, reports, checks.
const RESERVE: usize = 16 * 1024;
/// What a small datagram is.
const SMALL: usize = 500;
/// Most that is put around a datagram: an indication with an address.
const AROUND: usize = 48;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// So many of them are with TLS already.
    sent: usize,
    /// TLS may have some that the kernel has not.
    unflushed: bool,
}

impl Backlog {
    fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether there is something to write.
    pub(super) fn waits(&self) -> bool {
        self.unflushed || self.len() > 0
    }

    /// Whether a client may ask for more: answers find room.
    pub(super) fn listens(&self) -> bool {
        self.len() < LIMIT
    }

    /// Whether a datagram finds room.
    pub(super) fn fits(&self, datagram: usize) -> bool {
        let limit = if datagram <= SMALL { LIMIT } else { LIMIT - RESERVE };
        self.len() + AROUND + datagram <= limit
    }

    /// Where what is to be sent is appended.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        if self.sent > LIMIT / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        self.unflushed = true;
        &mut self.bytes
    }

    /// Writes some of it; when all of it is with TLS, what TLS still has. Nothing is lost when it is dropped half-way.
    pub(super) async fn write(&mut self, io: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if self.len() == 0 {
            io.flush().await?;
            self.unflushed = false;
            return Ok(());
        }
        match io.write(&self.bytes[self.sent..]).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            some => self.sent += some,
        }
        if self.len() == 0 {
            self.bytes.clear();
            self.bytes.shrink_to(LIMIT / 8);
            self.sent = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_slow_line_gets_whole_datagrams_and_sound_before_pictures() {
        let (mut near, mut far) = tokio::io::duplex(1_000);
        let mut backlog = Backlog::default();
        let mut sent = Vec::new();
        while backlog.fits(1_200) {
            let datagram = [u8::try_from(sent.len() % 251).expect("a byte"); 1_200];
            backlog.end().extend_from_slice(&datagram);
            sent.extend_from_slice(&datagram);
        }
        assert!(backlog.fits(200) && backlog.listens(), "there is room for sound");
        while backlog.fits(200) {
            backlog.end().extend_from_slice(&[0; 200]);
            sent.extend_from_slice(&[0; 200]);
        }
        assert!(sent.len() <= LIMIT);
        let reads = async {
            let mut got = vec![0; sent.len()];
            far.read_exact(&mut got).await.expect("all of it");
            got
        };
        let writes = async {
            while backlog.waits() {
                backlog.write(&mut near).await.expect("written");
            }
        };
        let (got, ()) = tokio::join!(reads, writes);
        assert_eq!(got, sent);
        assert!(backlog.fits(1_200));
    }
}
