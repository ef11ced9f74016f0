//! Where a payload names its picture: numbers a viewer wants to see rise one by one, whatever is behind its stream.

use protocol::media::Codec;

/// Picture numbers of a VP8 (RFC 7741 §4.2) or VP9 (RFC 9628 §4.2) payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// PictureID.
    pub(crate) id: u16,
    /// It has 15 bits, not 7.
    wide: bool,
    id_at: u16,
    /// TL0PICIDX and where it lies.
    base: Option<(u16, u8)>,
}

/// How the numbers of one incarnation become the viewer's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    id: u16,
    base: u8,
}

impl Picture {
    /// Reads a payload; `None` when it has no PictureID.
    pub(crate) fn read(codec: Codec, payload: &[u8]) -> Option<Self> {
        match codec {
            Codec::Vp8 => vp8(payload),
            Codec::Vp9 => vp9(payload),
            Codec::H264 | Codec::Av1 | Codec::Opus => None,
        }
    }

    /// The shift by which this picture follows `last`.
    pub(crate) fn follow(&self, last: Option<(u16, u8)>) -> Shift {
        last.map_or_else(Shift::default, |(id, base)| Shift {
            id: id.wrapping_add(1).wrapping_sub(self.id),
            base: self
                .base
                .map_or(0, |(_, own)| base.wrapping_add(1).wrapping_sub(own)),
        })
    }

    /// What the viewer sees: PictureID of 15 bits and TL0PICIDX.
    pub(crate) fn shifted(&self, shift: Shift) -> (u16, u8) {
        let base = self.base.map_or(0, |(_, base)| base.wrapping_add(shift.base));
        (self.id.wrapping_add(shift.id) & 0x7fff, base)
    }

    /// Writes the shifted numbers into a copy of the payload.
    pub(crate) fn write(&self, shift: Shift, payload: &mut [u8]) {
        if shift == Shift::default() {
            return;
        }
        let (id, base) = self.shifted(shift);
        let at = usize::from(self.id_at);
        let [high, low] = id.to_be_bytes();
        if self.wide {
            if let Some(bytes) = payload.get_mut(at..at + 2) {
                bytes.copy_from_slice(&[high | 0x80, low]);
            }
        } else if let Some(byte) = payload.get_mut(at) {
            *byte = low & 0x7f;
        }
        if let Some((at, _)) = self.base
            && let Some(byte) = payload.get_mut(usize::from(at))
        {
            *byte = base;
        }
    }
}

fn vp8(payload: &[u8]) -> Option<Picture> {
    if payload.first()? & 0x80 == 0 {
        return None;
    }
    let bits = *payload.get(1)?;
    if bits & 0x80 == 0 {
        return None;
    }
    let (id, wide) = number(payload, 2)?;
    let after = if wide { 4 } else { 3 };
    let base = if bits & 0x40 != 0 {
        Some((after, *payload.get(usize::from(after))?))
    } else {
        None
    };
    Some(Picture {
        id,
        wide,
        id_at: 2,
        base,
    })
}

fn vp9(payload: &[u8]) -> Option<Picture> {
    let bits = *payload.first()?;
    if bits & 0x80 == 0 {
        return None;
    }
    let (id, wide) = number(payload, 1)?;
    let after = if wide { 3 } else { 2 };
    // Layer indices, and outside flexible mode TL0PICIDX behind them.
    let base = if bits & 0x30 == 0x20 {
        Some((after + 1, *payload.get(usize::from(after) + 1)?))
    } else {
        None
    };
    Some(Picture {
        id,
        wide,
        id_at: 1,
        base,
    })
}

fn number(payload: &[u8], at: usize) -> Option<(u16, bool)> {
    let first = *payload.get(at)?;
    if first & 0x80 == 0 {
        return Some((u16::from(first), false));
    }
    Some((
        u16::from(first & 0x7f) << 8 | u16::from(*payload.get(at + 1)?),
        true,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_go_on_where_the_last_ended() {
        let mut payload = [0x90, 0xc0, 0x81, 0x05, 0x07, 0xaa];
        let picture = Picture::read(Codec::Vp8, &payload).unwrap();
        assert_eq!((picture.id, picture.base), (0x105, Some((4, 7))));
        let shift = picture.follow(Some((0x7fff, 255)));
        assert_eq!(picture.shifted(shift), (0, 0));
        picture.write(shift, &mut payload);
        assert_eq!(payload, [0x90, 0xc0, 0x80, 0, 0, 0xaa]);
        assert_eq!(Picture::read(Codec::Vp8, &payload).unwrap().id, 0);
    }

    #[test]
    fn knows_vp9_with_layers() {
        let payload = [0xa8, 0x85, 0x01, 0x00, 0x09, 0];
        let picture = Picture::read(Codec::Vp9, &payload).unwrap();
        assert_eq!((picture.id, picture.base), (0x501, Some((4, 9))));
        assert_eq!(Picture::read(Codec::Vp9, &[0x28, 1]), None);
        assert_eq!(Picture::read(Codec::H264, &payload), None);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..12), last in any::<(u16, u8)>()) {
            for codec in [Codec::Vp8, Codec::Vp9] {
                if let Some(picture) = Picture::read(codec, &bytes) {
                    picture.write(picture.follow(Some(last)), &mut bytes);
                }
            }
        }
    }
}
