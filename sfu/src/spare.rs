//! Packets nobody holds any more, used again: in a running lesson a packet that comes allocates nothing.

use std::sync::Arc;

use crate::packet::Packet;

/// Packets kept of each thread; beyond, they are given back to the allocator.
const MAX_SPARE: usize = 512;
/// A larger buffer is not kept, so that a few odd packets do not hold memory.
const MAX_BUFFER: usize = 4 * 1024;

/// Room of a new buffer: a packet of any stream fits, so that one which held sound or the end of a frame need not grow.
const ROOM: usize = 1_500;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    shells: Vec<Arc<Packet>>,
    buffers: Vec<Vec<u8>>,
}

impl Spare {
    /// Takes a packet that is not needed here any more. One that another thread, a viewer's frame or a recorder still holds is theirs.
    pub(crate) fn give(&mut self, mut packet: Arc<Packet>) {
        let Some(only) = Arc::get_mut(&mut packet) else {
            return;
        };
        self.give_buffer(std::mem::take(&mut only.data));
        if self.shells.len() < MAX_SPARE {
            self.shells.push(packet);
        }
    }

    /// Takes a buffer whose packet came to nothing.
    pub(crate) fn give_buffer(&mut self, mut buffer: Vec<u8>) {
        if self.buffers.len() < MAX_SPARE && (1..=MAX_BUFFER).contains(&buffer.capacity()) {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }

    /// An empty buffer.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_else(|| Vec::with_capacity(ROOM))
    }

    /// Makes a packet shared.
    pub(crate) fn share(&mut self, packet: Packet) -> Arc<Packet> {
        let Some(mut shell) = self.shells.pop() else {
            return Arc::new(packet);
        };
        match Arc::get_mut(&mut shell) {
            Some(empty) => {
                *empty = packet;
                shell
            }
            None => Arc::new(packet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_used_again() {
        let mut spare = Spare::default();
        let first = spare.share(Packet::test(vec![1, 2, 3]));
        let (shell, buffer) = (Arc::as_ptr(&first), first.data.as_ptr());
        spare.give(first);
        let mut data = spare.buffer();
        assert!(data.is_empty());
        data.push(4);
        let second = spare.share(Packet::test(data));
        assert_eq!((Arc::as_ptr(&second), second.data.as_ptr()), (shell, buffer));
        assert_eq!(second.data, [4]);
    }

    #[test]
    fn what_someone_holds_is_left_alone() {
        let mut spare = Spare::default();
        let held = spare.share(Packet::test(vec![1, 2, 3]));
        spare.give(Arc::clone(&held));
        assert!(spare.buffer().is_empty());
        assert_eq!(held.data, [1, 2, 3]);
    }

    #[test]
    fn it_is_bounded() {
        let mut spare = Spare::default();
        for _ in 0..2 * MAX_SPARE {
            spare.give(Arc::new(Packet::test(vec![0; 100])));
        }
        spare.give_buffer(Vec::with_capacity(MAX_BUFFER + 1));
        assert_eq!((spare.shells.len(), spare.buffers.len()), (MAX_SPARE, MAX_SPARE));
    }
}
