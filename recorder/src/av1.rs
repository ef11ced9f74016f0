//! AV1 in RTP packets (the AV1 RTP payload format, §4): from packets in order to temporal units of the low-overhead byte stream,
//! which decoders take. GStreamer 1.22 has no depayloader for it.

/// Largest temporal unit; beyond, it is dropped as if a packet were missing.
const MAX_UNIT: usize = 8 * 1024 * 1024;

/// First packet of a coded video sequence: a keyframe, with what a decoder needs before it.
const NEW_SEQUENCE: u8 = 0x08;
const CONTINUES_BEFORE: u8 = 0x80;
const CONTINUES_AFTER: u8 = 0x40;

/// In an OBU's header: it has an extension byte, and its size.
const HAS_EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;
/// A temporal delimiter that says its size, which is zero.
const DELIMITER: [u8; 2] = [0x12, 0x00];
const TEMPORAL_DELIMITER: u8 = 2;
const TILE_LIST: u8 = 8;

/// A picture as a decoder takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) data: Vec<u8>,
    /// A packet was lost before it, so that the decoder could not go on; it begins anew here.
    pub(crate) restart: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    unit: Vec<u8>,
    /// The OBU whose end has not come yet.
    open: Option<Vec<u8>>,
    ticks: Option<i64>,
    /// In step with the publisher: nothing is missing since its last keyframe.
    whole: bool,
    restarts: bool,
}

impl Assembler {
    /// Takes a packet's payload; `gap` when packets before it are missing. The unit it completes, if it does.
    pub(crate) fn push(&mut self, payload: &[u8], ticks: i64, marker: bool, gap: bool) -> Option<Unit> {
        let (&head, rest) = payload.split_first()?;
        if gap {
            self.lose();
        }
        if self.ticks.replace(ticks) != Some(ticks) {
            // The packet with the marker was empty or is missing.
            self.unit.clear();
            self.open = None;
        }
        if head & NEW_SEQUENCE != 0 && head & CONTINUES_BEFORE == 0 {
            self.restarts |= !self.whole;
            self.whole = true;
            self.unit.clear();
            self.open = None;
        }
        if !self.whole {
            return None;
        }
        if self.elements(head, rest).is_none() || self.unit.len() > MAX_UNIT {
            self.lose();
            return None;
        }
        if !marker {
            return None;
        }
        self.open = None;
        let body = std::mem::take(&mut self.unit);
        if body.is_empty() {
            return None;
        }
        let mut data = Vec::with_capacity(body.len() + DELIMITER.len());
        data.extend_from_slice(&DELIMITER);
        data.extend_from_slice(&body);
        let restart = std::mem::take(&mut self.restarts);
        Some(Unit { data, restart })
    }

    /// Whether a keyframe is needed to go on.
    pub(crate) fn lost(&self) -> bool {
        !self.whole
    }

    fn lose(&mut self) {
        self.whole = false;
        self.unit.clear();
        self.open = None;
    }

    /// Takes the OBU elements of a packet; `None` when it is malformed.
    fn elements(&mut self, head: u8, mut rest: &[u8]) -> Option<()> {
        let count = usize::from(head >> 4 & 3);
        let mut continues = head & CONTINUES_BEFORE != 0;
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let element = if count != 0 && number == count {
                std::mem::take(&mut rest)
            } else {
                let (size, behind) = leb128(rest)?;
                let (element, behind) = behind.split_at_checked(size)?;
                rest = behind;
                element
            };
            let mut obu = match (std::mem::take(&mut continues), self.open.take()) {
                (true, Some(begun)) => begun,
                // The rest of something whose beginning is not there.
                (true, None) => return None,
                (false, _) => Vec::with_capacity(element.len()),
            };
            obu.extend_from_slice(element);
            if obu.len() > MAX_UNIT {
                return None;
            }
            if rest.is_empty() && head & CONTINUES_AFTER != 0 {
                self.open = Some(obu);
            } else {
                self.take(&obu)?;
            }
        }
        Some(())
    }

    /// Adds a whole OBU to the unit, with its size.
    fn take(&mut self, obu: &[u8]) -> Option<()> {
        let (&head, _) = obu.split_first()?;
        if head & 0x80 != 0 {
            return None;
        }
        if matches!(head >> 3 & 0x0f, TEMPORAL_DELIMITER | TILE_LIST) {
            return Some(());
        }
        let header = 1 + usize::from(head & HAS_EXTENSION != 0);
        let extension = obu.get(1..header)?;
        let body = if head & HAS_SIZE != 0 {
            let (size, behind) = leb128(obu.get(header..)?)?;
            behind.get(..size)?
        } else {
            obu.get(header..)?
        };
        self.unit.push(head | HAS_SIZE);
        self.unit.extend_from_slice(extension);
        write_leb128(&mut self.unit, body.len());
        self.unit.extend_from_slice(body);
        Some(())
    }
}

/// A number in groups of seven bits, lowest first (AV1 §4.10.5), and what is behind it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(4) {
        value |= usize::from(byte & 0x7f) << (at * 7);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

fn write_leb128(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEQUENCE: u8 = 1 << 3;
    const FRAME: u8 = 6 << 3;

    #[test]
    fn obus_get_their_sizes_and_a_delimiter() {
        let mut assembler = Assembler::default();
        // Two elements: a sequence header, and the beginning of a frame.
        let first = [0x40 | 2 << 4 | NEW_SEQUENCE, 3, SEQUENCE, 7, 8, FRAME, 1];
        assert_eq!(assembler.push(&first, 5, false, true), None);
        let second = [0x80 | 1 << 4, 2, 3];
        let unit = assembler.push(&second, 5, true, false).expect("a unit");
        let expected = [
            0x12,
            0,
            SEQUENCE | HAS_SIZE,
            2,
            7,
            8,
            FRAME | HAS_SIZE,
            3,
            1,
            2,
            3,
        ];
        assert_eq!((unit.data.as_slice(), unit.restart), (&expected[..], true));
    }

    #[test]
    fn after_a_loss_it_begins_with_the_next_keyframe() {
        let mut assembler = Assembler::default();
        let (key, delta) = ([1 << 4 | NEW_SEQUENCE, FRAME, 1], [1 << 4, FRAME, 2]);
        assert!(assembler.push(&delta, 0, true, true).is_none() && assembler.lost());
        assert!(assembler.push(&key, 1, true, false).expect("a keyframe").restart);
        assert!(!assembler.push(&delta, 2, true, false).expect("a picture").restart);
        assert!(assembler.push(&delta, 4, true, true).is_none() && assembler.lost());
        assert!(assembler.push(&delta, 5, true, false).is_none());
        assert!(assembler.push(&key, 6, true, false).expect("a keyframe").restart);
        assert!(!assembler.lost());
    }

    proptest! {
        #[test]
        fn nothing_panics(packets: Vec<(Vec<u8>, bool, bool)>) {
            let mut assembler = Assembler::default();
            for (at, (payload, marker, gap)) in packets.iter().enumerate() {
                let _ = assembler.push(payload, at as i64 / 2, *marker, *gap);
            }
        }

        #[test]
        fn numbers_are_read_as_they_are_written(value in 0_usize..1 << 28, behind: Vec<u8>) {
            let mut bytes = Vec::new();
            write_leb128(&mut bytes, value);
            bytes.extend_from_slice(&behind);
            prop_assert_eq!(leb128(&bytes), Some((value, &behind[..])));
        }
    }
}
