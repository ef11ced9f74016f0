//! New inputs out of known ones.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Values at the edges of what fields hold.
const EDGES: [u8; 8] = [0x00, 0x01, 0x0f, 0x10, 0x7f, 0x80, 0xbe, 0xff];

/// Makes inputs; the same seed makes the same.
#[derive(Debug)]
pub struct Changes {
    random: StdRng,
    longest: usize,
}

impl Changes {
    /// From a seed; inputs are at most `longest` bytes.
    #[must_use]
    pub fn new(seed: u64, longest: usize) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            longest,
        }
    }

    /// One of `corpus`, changed in a few places.
    ///
    /// # Panics
    ///
    /// When there is nothing to begin with.
    pub fn next(&mut self, corpus: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let mut bytes = self.pick(corpus).to_vec();
        for _ in 0..self.random.random_range(1..6) {
            self.change(&mut bytes, corpus);
        }
        bytes.truncate(self.longest);
        bytes
    }

    fn pick<'a>(&mut self, corpus: &'a [impl AsRef<[u8]>]) -> &'a [u8] {
        corpus[self.random.random_range(0..corpus.len())].as_ref()
    }

    fn change(&mut self, bytes: &mut Vec<u8>, corpus: &[impl AsRef<[u8]>]) {
        let len = bytes.len();
        let at = self.random.random_range(0..=len);
        match self.random.random_range(0..9) {
            0 if at < len => bytes[at] ^= 1 << self.random.random_range(0..8),
            1 if at < len => bytes[at] = self.random.random(),
            2 if at < len => bytes[at] = EDGES[self.random.random_range(0..EDGES.len())],
            3 => bytes.truncate(at),
            4 => {
                let count = self.random.random_range(1..9);
                let value = self.random.random();
                bytes.splice(at..at, std::iter::repeat_n(value, count));
            }
            5 => {
                let end = (at + self.random.random_range(1..33)).min(len);
                bytes.drain(at..end);
            }
            // A piece of it once more, elsewhere.
            6 => {
                let end = (at + self.random.random_range(1..65)).min(len);
                let piece = bytes[at..end].to_vec();
                let to = self.random.random_range(0..=len);
                bytes.splice(to..to, piece);
            }
            // The end of another one.
            7 => {
                let other = self.pick(corpus);
                let from = self.random.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            // A length or a number of two bytes.
            _ if at + 1 < len => {
                let value: u16 = match self.random.random_range(0..3) {
                    0 => u16::try_from(len - at).unwrap_or(u16::MAX),
                    1 => self.random.random_range(0..64),
                    _ => self.random.random(),
                };
                bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let corpus = [b"one input".to_vec(), b"and another".to_vec()];
        let make = |seed| {
            let mut changes = Changes::new(seed, 64);
            (0..200).map(|_| changes.next(&corpus)).collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        assert!(make(3).iter().all(|bytes| bytes.len() <= 64));
    }
}
