//! What a payload begins with: enough to know a keyframe.

use protocol::media::Codec;

/// Whether a packet begins a keyframe (or what a decoder needs before it, as H264's parameter sets).
pub(crate) fn starts_keyframe(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus => false,
        Codec::H264 => h264(payload),
        Codec::Vp8 => vp8(payload).unwrap_or(false),
        Codec::Vp9 => vp9(payload),
        Codec::Av1 => av1(payload),
    }
}

/// RFC 6184: an SPS or IDR slice alone, in a STAP-A, or the first fragment of an IDR slice.
fn h264(payload: &[u8]) -> bool {
    const IDR: u8 = 5;
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    let Some((&first, mut rest)) = payload.split_first() else {
        return false;
    };
    match first & 0x1f {
        IDR | SPS => true,
        STAP_A => {
            while let Some((len, tail)) = rest.split_first_chunk::<2>() {
                if tail.first().is_some_and(|unit| matches!(unit & 0x1f, IDR | SPS)) {
                    return true;
                }
                rest = tail.get(usize::from(u16::from_be_bytes(*len))..).unwrap_or(&[]);
            }
            false
        }
        FU_A => rest
            .first()
            .is_some_and(|head| head & 0x80 != 0 && head & 0x1f == IDR),
        _ => false,
    }
}

/// RFC 7741 §4.2, §4.3: start of partition 0 of a frame whose P bit is 0.
fn vp8(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    let starts = first & 0x10 != 0 && first & 0x07 == 0;
    Some(starts && payload.get(vp8_descriptor(payload)?)? & 0x01 == 0)
}

/// Length of the descriptor before the payload of VP8 (RFC 7741 §4.2).
pub(super) fn vp8_descriptor(payload: &[u8]) -> Option<usize> {
    let mut at = 1;
    if payload.first()? & 0x80 != 0 {
        let bits = *payload.get(1)?;
        at += 1;
        if bits & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(bits & 0x40 != 0);
        at += usize::from(bits & 0x30 != 0);
    }
    Some(at)
}

/// RFC 9628 §4.2: not inter-picture predicted and begin of a frame.
fn vp9(payload: &[u8]) -> bool {
    payload
        .first()
        .is_some_and(|first| first & 0x40 == 0 && first & 0x08 != 0)
}

/// AV1 RTP §4.4: the N bit, first packet of a coded video sequence.
fn av1(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| first & 0x88 == 0x08)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_keyframes() {
        assert!(starts_keyframe(Codec::H264, &[0x67, 1]));
        assert!(starts_keyframe(Codec::H264, &[0x78, 0, 2, 0x67, 1, 0, 1, 0x68]));
        assert!(starts_keyframe(Codec::H264, &[0x7c, 0x85, 0]));
        assert!(!starts_keyframe(Codec::H264, &[0x7c, 0x05, 0]));
        assert!(!starts_keyframe(Codec::H264, &[0x41, 1]));
        assert!(starts_keyframe(Codec::Vp8, &[0x90, 0x80, 0x81, 0x02, 0x00]));
        assert!(!starts_keyframe(Codec::Vp8, &[0x10, 0x01]));
        assert!(!starts_keyframe(Codec::Vp8, &[0x90, 0x80]));
    }
}
