//! Sequence numbers: guessing the rollover counter and refusing what was seen (RFC 3711 §3.3).

/// Packets the window looks back.
const WIDTH: u64 = 128;

/// What was received of one source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    highest: Option<u64>,
    /// Bit n is `highest - n`.
    seen: u128,
}

impl Window {
    /// The extended sequence number closest to the highest so far.
    pub(super) fn guess(&self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            return u64::from(sequence);
        };
        extend(highest, sequence)
    }

    /// Received before, or too old to know.
    pub(super) fn seen(&self, index: u64) -> bool {
        match self.highest {
            Some(highest) if index <= highest => {
                let back = highest - index;
                back >= WIDTH || self.seen >> back & 1 == 1
            }
            _ => false,
        }
    }

    /// Remembers an authenticated packet.
    pub(super) fn accept(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {
                let back = highest - index;
                if back < WIDTH {
                    self.seen |= 1 << back;
                }
            }
            Some(highest) => {
                let ahead = index - highest;
                self.seen = if ahead < WIDTH { self.seen << ahead | 1 } else { 1 };
                self.highest = Some(index);
            }
            None => {
                self.highest = Some(index);
                self.seen = 1;
            }
        }
    }
}

/// The number with the low 16 bits `sequence` that is closest to `reference`, never below 0.
pub(crate) fn extend(reference: u64, sequence: u16) -> u64 {
    let low = (reference & 0xffff) as u16;
    let forward = sequence.wrapping_sub(low);
    if forward < 0x8000 {
        reference + u64::from(forward)
    } else {
        let back = u64::from(low.wrapping_sub(sequence));
        if back > reference {
            // Nothing lies below 0: it is the number above.
            reference + u64::from(forward)
        } else {
            reference - back
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn extension_is_the_closest(reference in 70_000u64..1 << 40, delta in -32_000i64..32_000) {
            let index = reference.saturating_add_signed(delta);
            prop_assert_eq!(extend(reference, (index & 0xffff) as u16), index);
        }

        #[test]
        fn every_packet_is_accepted_once(order in proptest::collection::vec(0u64..100, 1..300)) {
            let mut window = Window::default();
            let mut seen = std::collections::HashSet::new();
            for index in order {
                prop_assert_eq!(window.seen(index), seen.contains(&index));
                window.accept(index);
                seen.insert(index);
            }
        }
    }
}
