//! H264 in samples (ISO/IEC 14496-15). Parameter sets are written twice: in the init segment, where players look, and
//! before each picture that needs no other, so that a player that keeps its decoder over a new init segment (ffmpeg does)
//! decodes on after a change of resolution.

use gstreamer as gst;

const SPS: u8 = 7;

/// The parameter sets of an `avcC`, each behind its length in four bytes; `None` when it is not one of four-byte lengths.
fn parameter_sets(config: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = config.split_first_chunk::<5>()?;
    if header[4] & 3 != 3 {
        return None;
    }
    let mut sets = Vec::with_capacity(config.len() + 16);
    for mask in [0x1f, 0xff] {
        let (&count, behind) = rest.split_first()?;
        rest = behind;
        for _ in 0..count & mask {
            let (length, behind) = rest.split_first_chunk::<2>()?;
            let (set, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            sets.extend_from_slice(&[0, 0]);
            sets.extend_from_slice(length);
            sets.extend_from_slice(set);
            rest = behind;
        }
    }
    Some(sets)
}

/// Whether a sample has a sequence parameter set.
fn has_sps(mut sample: &[u8]) -> bool {
    while let Some((length, behind)) = sample.split_first_chunk::<4>() {
        if behind.first().is_some_and(|byte| byte & 0x1f == SPS) {
            return true;
        }
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        sample = behind.get(length..).unwrap_or_default();
    }
    false
}

/// The sample with the parameter sets of `caps` before it, if it has none itself.
pub(crate) fn with_parameter_sets(caps: &gst::Caps, sample: gst::Buffer) -> gst::Buffer {
    let config = caps
        .structure(0)
        .and_then(|s| s.get::<gst::Buffer>("codec_data").ok());
    let config = config.as_ref().and_then(|config| config.map_readable().ok());
    let Some(mut bytes) = config.and_then(|config| parameter_sets(&config)) else {
        return sample;
    };
    let own = sample.map_readable().map_or(true, |picture| {
        let has = has_sps(&picture);
        bytes.extend_from_slice(&picture);
        has
    });
    if own {
        return sample;
    }
    gst::Buffer::from_mut_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONFIG: [u8; 15] = [1, 0x42, 0xe0, 0x1f, 0xff, 0xe1, 0, 2, 0x67, 9, 1, 0, 2, 0x68, 8];

    #[test]
    fn sets_come_before_a_picture_once() {
        gst::init().expect("GStreamer is installed");
        let caps = gst::Caps::builder("video/x-h264")
            .field("codec_data", gst::Buffer::from_slice(CONFIG))
            .build();
        let picture = [0, 0, 0, 1, 0x65];
        let once = with_parameter_sets(&caps, gst::Buffer::from_slice(picture));
        let expected = [0, 0, 0, 2, 0x67, 9, 0, 0, 0, 2, 0x68, 8, 0, 0, 0, 1, 0x65];
        assert_eq!(&*once.map_readable().expect("readable"), &expected[..]);
        let twice = with_parameter_sets(&caps, once);
        assert_eq!(&*twice.map_readable().expect("readable"), &expected[..]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = parameter_sets(&bytes);
            let _ = has_sps(&bytes);
        }
    }
}
