//! H264 over RTP: RFC 6184, packetization-mode 1.

use bytes::{BufMut, Bytes, BytesMut};

const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const IDR: u8 = 5;
const SPS: u8 = 7;

/// Cuts an access unit into RTP payloads of at most `limit` bytes, in order; the last one gets the marker bit.
///
/// Small neighbours (SPS and PPS above all) travel together as STAP-A (§5.7.1), what is too long as FU-A (§5.8).
/// `limit` is at least 16.
#[must_use]
pub fn packetize(nals: &[Bytes], limit: usize) -> Vec<Bytes> {
    debug_assert!(limit >= 16, "no room for a fragment");
    let mut payloads = Vec::new();
    let mut together: Vec<Bytes> = Vec::new();
    let mut together_len = 1;
    for nal in nals.iter().filter(|nal| !nal.is_empty()) {
        if together_len + 2 + nal.len() > limit {
            flush(&mut together, &mut payloads);
            together_len = 1;
        }
        if nal.len() > limit {
            fragment(nal, limit, &mut payloads);
        } else if together_len + 2 + nal.len() > limit {
            payloads.push(nal.clone());
        } else {
            together_len += 2 + nal.len();
            together.push(nal.clone());
        }
    }
    flush(&mut together, &mut payloads);
    payloads
}

fn flush(together: &mut Vec<Bytes>, payloads: &mut Vec<Bytes>) {
    match together.len() {
        0 => {}
        1 => payloads.append(together),
        _ => {
            let importance = together.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
            let mut out = BytesMut::new();
            out.put_u8(importance | STAP_A);
            for nal in together.drain(..) {
                out.put_u16(u16::try_from(nal.len()).expect("shorter than a packet"));
                out.put_slice(&nal);
            }
            payloads.push(out.freeze());
        }
    }
}

fn fragment(nal: &Bytes, limit: usize, payloads: &mut Vec<Bytes>) {
    let (indicator, kind) = (nal[0] & 0xe0 | FU_A, nal[0] & 0x1f);
    let body = nal.slice(1..);
    let room = limit - 2;
    let count = body.len().div_ceil(room);
    for (index, piece) in body.chunks(room).enumerate() {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index + 1 == count { 0x40 } else { 0 };
        let mut out = BytesMut::with_capacity(2 + piece.len());
        out.put_u8(indicator);
        out.put_u8(start | end | kind);
        out.put_slice(piece);
        payloads.push(out.freeze());
    }
}

/// What a receiver that does not decode has to know of a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Holds (the beginning of) an IDR picture or an SPS: decoding can begin with its access unit.
    pub key: bool,
}

/// Looks into a payload. What cannot be read counts as no keyframe.
#[must_use]
pub fn look(payload: &[u8]) -> Seen {
    let is_key = |kind: u8| matches!(kind, IDR | SPS);
    let Some(&first) = payload.first() else {
        return Seen::default();
    };
    let key = match first & 0x1f {
        STAP_A => {
            let mut rest = &payload[1..];
            let mut found = false;
            while let [high, low, tail @ ..] = rest {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                found |= tail.first().is_some_and(|byte| is_key(byte & 0x1f));
                rest = tail.get(length..).unwrap_or_default();
            }
            found
        }
        FU_A => payload
            .get(1)
            .is_some_and(|header| header & 0x80 != 0 && is_key(header & 0x1f)),
        kind => is_key(kind),
    };
    Seen { key }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtp::codec::h264::H264Packet;
    use rtc::rtp::packetizer::Depacketizer;

    fn nal(kind: u8, length: usize) -> Bytes {
        let mut nal: Vec<u8> = (0..length)
            .map(|index| u8::try_from(index % 251).unwrap_or(0))
            .collect();
        nal[0] = 0x60 | kind;
        nal.into()
    }

    /// What another implementation reads back, in Annex B.
    fn read_back(payloads: &[Bytes]) -> Vec<u8> {
        let mut reader = H264Packet::default();
        payloads
            .iter()
            .flat_map(|payload| reader.depacketize(payload).expect("readable").to_vec())
            .collect()
    }

    fn annex_b(nals: &[Bytes]) -> Vec<u8> {
        nals.iter()
            .flat_map(|nal| [&[0, 0, 0, 1], &nal[..]].concat())
            .collect()
    }

    #[test]
    fn a_keyframe_is_read_back_whole_by_another_implementation() {
        let nals = [nal(7, 24), nal(8, 5), nal(5, 70_000)];
        let payloads = packetize(&nals, 1_150);
        assert_eq!(payloads[0][0] & 0x1f, STAP_A, "SPS and PPS travel together");
        assert!(payloads.iter().all(|payload| payload.len() <= 1_150));
        assert_eq!(read_back(&payloads), annex_b(&nals));
    }

    #[test]
    fn sizes_at_the_limit_are_cut_right() {
        for length in 1_140..=1_160 {
            let nals = [nal(1, length), nal(1, 40)];
            let payloads = packetize(&nals, 1_150);
            assert!(payloads.iter().all(|payload| payload.len() <= 1_150), "{length}");
            assert_eq!(read_back(&payloads), annex_b(&nals), "{length}");
        }
    }

    #[test]
    fn keyframes_are_seen_in_every_kind_of_payload() {
        let key = packetize(&[nal(7, 24), nal(8, 5), nal(5, 3_000)], 1_150);
        assert!(look(&key[0]).key, "STAP-A with SPS");
        assert!(look(&key[1]).key, "first fragment of an IDR");
        assert!(!look(&key[2]).key, "later fragment");
        assert!(look(&nal(5, 100)).key);
        assert!(!look(&nal(1, 100)).key);
        assert!(!look(&[]).key);
        assert!(!look(&[STAP_A, 0xff]).key, "cut off");
        assert!(!look(&[FU_A]).key, "cut off");
    }
}
