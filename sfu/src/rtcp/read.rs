//! Reading a compound packet.

use super::{ReportBlock, SenderInfo, format, kind};

/// One thing a compound packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// A sender report without its blocks.
    Sender(SenderInfo),
    /// A block of a sender or receiver report.
    Block(ReportBlock),
    /// Packets of a source are missing.
    Nack {
        /// Source.
        ssrc: u32,
        /// Pairs of packet id and bitmask, 4 bytes each.
        pairs: &'a [u8],
    },
    /// A keyframe of a source is needed (PLI or FIR).
    Keyframe {
        /// Source.
        ssrc: u32,
    },
    /// A source says goodbye.
    Goodbye {
        /// Source.
        ssrc: u32,
    },
    /// When packets arrived, by their transport-wide numbers.
    TransportFeedback {
        /// What follows the two SSRCs: base sequence number on.
        fci: &'a [u8],
    },
    /// What a receiver takes its line to carry.
    Remb {
        /// Of all sources together.
        bits_per_second: u64,
    },
}

/// Calls `each` for what the packet says; what the engine does not use is skipped. `Err` when it is malformed, after what
/// came before that.
pub(crate) fn each<'a>(mut packet: &'a [u8], mut each: impl FnMut(Item<'a>)) -> Result<(), Malformed> {
    if packet.is_empty() {
        return Err(Malformed);
    }
    while !packet.is_empty() {
        let head = packet.first_chunk::<4>().ok_or(Malformed)?;
        if head[0] >> 6 != 2 {
            return Err(Malformed);
        }
        let len = (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1) * 4;
        let body = packet.get(4..len).ok_or(Malformed)?;
        one(head[0] & 0x1f, head[1], body, &mut each).ok_or(Malformed)?;
        packet = &packet[len..];
    }
    Ok(())
}

/// The packet is not RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

fn one<'a>(count: u8, packet_type: u8, body: &'a [u8], each: &mut impl FnMut(Item<'a>)) -> Option<()> {
    match packet_type {
        kind::SENDER_REPORT => {
            each(Item::Sender(SenderInfo {
                ssrc: word(body, 0)?,
                ntp: u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?),
                rtp: word(body, 12)?,
                packets: word(body, 16)?,
                bytes: word(body, 20)?,
            }));
            blocks(count, body.get(24..)?, each)
        }
        kind::RECEIVER_REPORT => blocks(count, body.get(4..)?, each),
        kind::GOODBYE => {
            for index in 0..usize::from(count) {
                each(Item::Goodbye {
                    ssrc: word(body, index * 4)?,
                });
            }
            Some(())
        }
        kind::TRANSPORT_FEEDBACK if count == format::NACK => {
            let ssrc = word(body, 4)?;
            let pairs = body.get(8..)?;
            each(Item::Nack { ssrc, pairs });
            Some(())
        }
        kind::TRANSPORT_FEEDBACK if count == format::TRANSPORT_CC => {
            each(Item::TransportFeedback { fci: body.get(8..)? });
            Some(())
        }
        kind::PAYLOAD_FEEDBACK if count == format::APPLICATION => {
            // Other messages of applications are skipped.
            if body.get(8..12)? == b"REMB" {
                let word = word(body, 12)?;
                let (exponent, mantissa) = (word >> 18 & 0x3f, word & 0x3_ffff);
                // A mantissa of 18 bits is never shifted out of 64 by less than 46; more is no rate.
                let bits_per_second = u64::from(mantissa).checked_shl(exponent.min(46))?;
                each(Item::Remb { bits_per_second });
            }
            Some(())
        }
        kind::PAYLOAD_FEEDBACK if count == format::PLI => {
            each(Item::Keyframe { ssrc: word(body, 4)? });
            Some(())
        }
        kind::PAYLOAD_FEEDBACK if count == format::FIR => {
            for entry in body.get(8..)?.chunks_exact(8) {
                each(Item::Keyframe {
                    ssrc: word(entry, 0)?,
                });
            }
            Some(())
        }
        _ => Some(()),
    }
}

fn blocks<'a>(count: u8, body: &'a [u8], each: &mut impl FnMut(Item<'a>)) -> Option<()> {
    for index in 0..usize::from(count) {
        let block = body.get(index * 24..index * 24 + 24)?;
        let loss = word(block, 4)?;
        each(Item::Block(ReportBlock {
            ssrc: word(block, 0)?,
            fraction_lost: (loss >> 24) as u8,
            lost: loss & 0x00ff_ffff,
            highest: word(block, 8)?,
            jitter: word(block, 12)?,
            last_report: word(block, 16)?,
            delay: word(block, 20)?,
        }));
    }
    Some(())
}

/// The sequence numbers a NACK names.
pub(crate) fn nacked(pairs: &[u8]) -> impl Iterator<Item = u16> + '_ {
    pairs.chunks_exact(4).flat_map(|pair| {
        let first = u16::from_be_bytes([pair[0], pair[1]]);
        let mask = u16::from_be_bytes([pair[2], pair[3]]);
        std::iter::once(first).chain(
            (0..16u16)
                .filter(move |bit| mask >> bit & 1 == 1)
                .map(move |bit| first.wrapping_add(bit + 1)),
        )
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let chunk = bytes.get(at..at + 4)?;
    chunk.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::write;
    use super::*;

    fn items(packet: &[u8]) -> Vec<Item<'_>> {
        let mut items = Vec::new();
        each(packet, |item| items.push(item)).unwrap();
        items
    }

    #[test]
    fn reads_what_bounds_the_rate() {
        let mut packet = Vec::new();
        write::remb(&mut packet, 1, 3_000_001, &[7, 8]);
        write::remb(&mut packet, 1, 0, &[]);
        let remb = |bits_per_second| Item::Remb { bits_per_second };
        // 18 bits are left of it.
        assert_eq!(items(&packet), [remb(3_000_000), remb(0)]);
        packet[17..20].fill(0xff);
        assert_eq!(items(&packet)[0], remb(0x3_ffff << 46));
    }

    #[test]
    fn other_messages_of_applications_are_skipped() {
        let mut packet = Vec::new();
        write::remb(&mut packet, 1, 3_000_000, &[]);
        packet[12] = b'X';
        assert_eq!(items(&packet), []);
        packet[3] = 2;
        assert_eq!(each(&packet[..12], |_| {}), Err(Malformed));
    }

    #[test]
    fn hands_transport_feedback_on() {
        let mut packet = Vec::new();
        write::transport_cc(&mut packet, 1, 2, 3, 4, 5, &[None]);
        let fci = &[0, 3, 0, 1, 0, 0, 5, 4, 0xc0, 0, 0, 0];
        assert_eq!(items(&packet), [Item::TransportFeedback { fci }]);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 200u8..208) {
            if bytes.len() > 4 {
                bytes[0] = bytes[0] & 0x3f | 0x80;
                bytes[1] = kind;
                bytes[2] = 0;
                bytes[3] = (bytes.len() / 4 - 1) as u8;
            }
            let _ = each(&bytes, |item| {
                if let Item::Nack { pairs, .. } = item {
                    nacked(pairs).for_each(drop);
                }
            });
        }
    }
}
