//! Lines of a picture, read from what begins a keyframe.

use protocol::media::Codec;

use super::bits::Bits;

/// Longest sequence parameter set that is read: scaling lists and all.
const MAX_SPS: usize = 512;

/// Lines of the pictures that follow a packet; `None` where it does not tell, or the codec is not read.
pub(crate) fn read(codec: Codec, payload: &[u8]) -> Option<u16> {
    match codec {
        Codec::H264 => h264(payload),
        Codec::Vp8 => vp8(payload),
        Codec::Vp9 | Codec::Av1 | Codec::Opus => None,
    }
}

/// RFC 7741 §4.2 and RFC 6386 §9.1: behind the descriptor and the frame tag, the start code and two sizes of 14 bits.
fn vp8(payload: &[u8]) -> Option<u16> {
    let mut rest = payload.get(super::payload::vp8_descriptor(payload)?..)?;
    let tag = rest.first()?;
    if tag & 1 != 0 {
        return None;
    }
    rest = rest.get(3..)?.strip_prefix(&[0x9d, 0x01, 0x2a])?;
    let height = rest.get(2..4)?.try_into().ok().map(u16::from_le_bytes)?;
    Some(height & 0x3fff)
}

/// A sequence parameter set alone or in a STAP-A.
fn h264(payload: &[u8]) -> Option<u16> {
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    let (&first, mut rest) = payload.split_first()?;
    match first & 0x1f {
        SPS => sps(rest),
        STAP_A => {
            while let Some((len, tail)) = rest.split_first_chunk::<2>() {
                let unit = tail.get(..usize::from(u16::from_be_bytes(*len)))?;
                if let Some((head, body)) = unit.split_first()
                    && head & 0x1f == SPS
                {
                    return sps(body);
                }
                rest = &tail[unit.len()..];
            }
            None
        }
        _ => None,
    }
}

/// ITU-T H.264 §7.3.2.1.1, behind the header of the NAL unit.
fn sps(unit: &[u8]) -> Option<u16> {
    let mut raw = [0; MAX_SPS];
    let mut bits = Bits::of(unescape(unit, &mut raw));
    let profile = bits.take(8)?;
    bits.take(16)?;
    bits.golomb()?;
    let mut chroma = 1;
    if matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    ) {
        chroma = bits.golomb()?;
        if chroma == 3 {
            bits.take(1)?;
        }
        bits.golomb()?;
        bits.golomb()?;
        bits.take(1)?;
        if bits.take(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.take(1)? == 1 {
                    bits.scaling_list(if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.golomb()?;
    match bits.golomb()? {
        0 => {
            bits.golomb()?;
        }
        1 => {
            bits.take(1)?;
            bits.golomb()?;
            bits.golomb()?;
            for _ in 0..bits.golomb()?.min(255) {
                bits.golomb()?;
            }
        }
        _ => {}
    }
    bits.golomb()?;
    bits.take(1)?;
    bits.golomb()?;
    let units = bits.golomb()? + 1;
    let frames_only = bits.take(1)?;
    if frames_only == 0 {
        bits.take(1)?;
    }
    bits.take(1)?;
    let mut cropped = 0;
    if bits.take(1)? == 1 {
        bits.golomb()?;
        bits.golomb()?;
        cropped = bits.golomb()?.checked_add(bits.golomb()?)?;
    }
    let fields = 2 - frames_only;
    let crop_unit = fields * if chroma == 1 { 2 } else { 1 };
    let height = units.checked_mul(16 * fields)?;
    let height = height.checked_sub(cropped.checked_mul(crop_unit)?)?;
    u16::try_from(height).ok()
}

/// The unit without the bytes that keep start codes out of it (§7.4.1.1); what does not fit is left out.
fn unescape<'a>(unit: &[u8], raw: &'a mut [u8; MAX_SPS]) -> &'a [u8] {
    let (mut zeros, mut len) = (0, 0);
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        let Some(place) = raw.get_mut(len) else {
            break;
        };
        *place = byte;
        len += 1;
    }
    &raw[..len]
}

impl Bits<'_> {
    /// ue(v) of at most 24 bits.
    fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 24 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }

    /// se(v)
    fn signed(&mut self) -> Option<i32> {
        let code = i32::try_from(self.golomb()?).ok()?;
        Some(if code % 2 == 1 { (code + 1) / 2 } else { -code / 2 })
    }

    /// §7.3.2.1.1.1
    fn scaling_list(&mut self, size: usize) -> Option<()> {
        let (mut last, mut next) = (8, 8);
        for _ in 0..size {
            if next != 0 {
                next = (last + self.signed()? + 256) & 0xff;
            }
            if next != 0 {
                last = next;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_vp8() {
        let payload = [
            0x90, 0x80, 0x11, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x41,
        ];
        assert_eq!(read(Codec::Vp8, &payload), Some(360));
        assert_eq!(read(Codec::Vp8, &payload[..12]), None);
    }

    #[test]
    fn reads_h264_as_openh264_and_x264_write_it() {
        // Constrained baseline 640×360 (cropped from 368 lines).
        let baseline = [
            0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x68, 0x05, 0x00, 0x5b, 0xa0, 0x1e, 0x11, 0x08, 0xd4,
        ];
        // High 1280×720.
        let high = [
            0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00,
            0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x83, 0x19, 0x60,
        ];
        assert_eq!(read(Codec::H264, &high), Some(720));
        let mut aggregated = vec![0x78, 0, high.len() as u8];
        aggregated.extend_from_slice(&high);
        assert_eq!(read(Codec::H264, &aggregated), Some(720));
        assert!(read(Codec::H264, &baseline).is_some());
        assert_eq!(read(Codec::H264, &[0x41, 1, 2]), None);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 1..80)) {
            read(Codec::Vp8, &bytes);
            bytes[0] = 0x67;
            read(Codec::H264, &bytes);
            bytes[0] = 0x78;
            read(Codec::H264, &bytes);
        }
    }
}
