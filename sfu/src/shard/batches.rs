//! Which datagrams leave together.

/// Segments of one send: the kernel's bound.
const MAX_SEGMENTS: usize = 60;
/// Bytes of one send.
const MAX_SEND: usize = 60_000;

/// Cuts datagrams that lie one after another into sends whose datagrams have the same size but for a shorter last one.
pub(super) struct Batches<'a> {
    sizes: &'a [usize],
    start: usize,
}

impl<'a> Batches<'a> {
    /// Of datagrams of these sizes.
    pub(super) fn of(sizes: &'a [usize]) -> Self {
        Self { sizes, start: 0 }
    }
}

impl Iterator for Batches<'_> {
    type Item = (std::ops::Range<usize>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let segment = *self.sizes.first()?;
        let (mut count, mut bytes) = (0, 0);
        for &size in self.sizes {
            if size > segment || count >= MAX_SEGMENTS || bytes + size > MAX_SEND {
                break;
            }
            count += 1;
            bytes += size;
            if size < segment {
                break;
            }
        }
        // A datagram larger than a send cannot come in; take it alone if it does.
        let count = count.max(1);
        let bytes = bytes.max(segment);
        let range = self.start..self.start + bytes;
        self.start += bytes;
        self.sizes = self.sizes.get(count..).unwrap_or(&[]);
        Some((range, segment))
    }
}

#[cfg(test)]
mod tests {
    use super::Batches;

    #[test]
    fn batches_have_equal_sizes_but_for_a_shorter_last() {
        let sizes = [10, 10, 9, 10, 11, 11];
        let batches: Vec<_> = Batches::of(&sizes).collect();
        assert_eq!(batches, [(0..29, 10), (29..39, 10), (39..61, 11)]);
        let sizes = [1_000; 130];
        let total: usize = Batches::of(&sizes).map(|(range, _)| range.len()).sum();
        assert_eq!(total, 130_000);
        assert!(Batches::of(&sizes).all(|(range, _)| range.len() <= 60_000));
    }
}
