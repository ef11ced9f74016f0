//! What a connection's kernel buffer does not take now: whole datagrams only.

use std::io::{self, Write};

use crate::framing;

/// Bytes that wait for a connection: a second of 1 Mbit/s. What comes later than that is of no use to a lesson; what was dropped is
/// asked for again.
pub(super) const LIMIT: usize = 128 * 1024;
/// Of these, so many are for small datagrams only: sound, reports and the answers that keep the connection up are not held up by
/// pictures.
const RESERVE: usize = 16 * 1024;
/// What a small datagram is.
const SMALL: usize = 500;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// So many of them are with the kernel already.
    sent: usize,
}

impl Backlog {
    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Keeps what is left of datagrams that were written in part.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        self.bytes.extend_from_slice(rest);
    }

    /// Puts datagrams of `segment` bytes behind those that wait. Returns how many found no room.
    pub(super) fn append(&mut self, contents: &[u8], segment: usize) -> usize {
        if self.sent > LIMIT / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        let mut dropped = 0;
        for datagram in contents.chunks(segment.max(1)) {
            let limit = if datagram.len() <= SMALL {
                LIMIT
            } else {
                LIMIT - RESERVE
            };
            let fits = self.len() + framing::PREFIX + datagram.len() <= limit;
            if !(fits && framing::append(&mut self.bytes, datagram)) {
                dropped += 1;
            }
        }
        dropped
    }

    /// Writes until nothing waits or the kernel takes no more.
    pub(super) fn drain(&mut self, io: &mut impl Write) -> io::Result<()> {
        self.sent += write(io, &self.bytes[self.sent..])?;
        if self.sent == self.bytes.len() {
            // It is over: the memory is given back until the next time.
            *self = Self::default();
        }
        Ok(())
    }
}

/// Writes as much as the kernel takes; how much that was.
pub(super) fn write(io: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match io.write(&bytes[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(some) => written += some,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, then blocks.
    struct Narrow {
        room: usize,
        taken: Vec<u8>,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let some = self.room.min(bytes.len()).min(7);
            if some == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room -= some;
            self.taken.extend_from_slice(&bytes[..some]);
            Ok(some)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn datagrams_leave_whole_or_not_at_all() {
        let mut backlog = Backlog::default();
        let mut narrow = Narrow {
            room: 0,
            taken: Vec::new(),
        };
        let (mut dropped, mut sent) = (0, 0_u32);
        for round in 0..2_000_u32 {
            let mut contents = Vec::new();
            for _ in 0..4 {
                sent += 1;
                contents.extend_from_slice(&sent.to_be_bytes());
                contents.resize(contents.len() + 996, 0);
            }
            dropped += backlog.append(&contents, 1_000);
            assert!(backlog.len() <= LIMIT && backlog.bytes.len() <= 2 * LIMIT);
            narrow.room = if round % 3 == 0 { 5_003 } else { 0 };
            backlog.drain(&mut narrow).expect("it only blocks");
        }
        narrow.room = usize::MAX;
        backlog.drain(&mut narrow).expect("it takes all");
        assert_eq!((backlog.len(), backlog.bytes.capacity()), (0, 0));
        let (mut at, mut last, mut count) = (0, 0, 0);
        while let Some(length) = framing::first(&narrow.taken[at..]).expect("in step") {
            assert_eq!(length, 1_000);
            let head = narrow.taken[at + 2..at + 6].try_into().expect("four bytes");
            let number = u32::from_be_bytes(head);
            assert!(number > last, "in order");
            last = number;
            count += 1;
            at += framing::PREFIX + length;
        }
        assert_eq!(at, narrow.taken.len());
        assert!(dropped > 0);
        assert_eq!(count + dropped, sent as usize);
    }

    #[test]
    fn pictures_leave_room_for_sound() {
        let mut backlog = Backlog::default();
        assert!(backlog.append(&vec![1; 300_000], 1_200) > 0);
        assert_eq!(backlog.append(&[1; 1_200], 1_200), 1);
        assert_eq!(backlog.append(&[1; 160], 160), 0);
        let mut sounds = 0;
        while backlog.append(&[1; 160], 160) == 0 {
            sounds += 1;
        }
        assert!(sounds > 90, "{sounds}");
    }
}
