//! The recorder's standard input: RFC 4571 frames, cut from a stream of bytes.

/// Cuts a stream into bodies of frames. Keeps a torn frame until the rest of it comes; that is at most 64 KiB.
#[derive(Debug, Default)]
pub struct Splitter {
    torn: Vec<u8>,
}

impl Splitter {
    /// Takes the next bytes and hands the whole frames to `each`.
    ///
    /// # Errors
    ///
    /// The first error of `each`; the frames behind it are lost.
    pub fn feed<E>(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut owned = std::mem::take(&mut self.torn);
        let whole = !owned.is_empty();
        if whole {
            owned.extend_from_slice(bytes);
        }
        let mut rest = if whole { &owned[..] } else { bytes };
        while let Some((length, behind)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some((body, next)) = behind.split_at_checked(length) else {
                break;
            };
            each(body)?;
            rest = next;
        }
        self.torn = rest.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_cut_as_the_whole(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..12),
            piece in 1_usize..30,
        ) {
            let mut stream = Vec::new();
            for body in &bodies {
                stream.extend_from_slice(&u16::try_from(body.len()).expect("short").to_be_bytes());
                stream.extend_from_slice(body);
            }
            let mut splitter = Splitter::default();
            let mut seen = Vec::new();
            for bytes in stream.chunks(piece) {
                splitter.feed(bytes, |body| {
                    seen.push(body.to_vec());
                    Ok::<(), ()>(())
                }).expect("never fails");
            }
            prop_assert_eq!(seen, bodies);
        }
    }
}
