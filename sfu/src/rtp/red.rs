//! RED (RFC 2198): the newest block of a redundant audio payload.

/// The primary block of a RED payload: its payload type and data. `None` when it is malformed.
pub(crate) fn primary(payload: &[u8]) -> Option<(u8, &[u8])> {
    let mut at = 0;
    let mut skip = 0usize;
    loop {
        let head = *payload.get(at)?;
        if head & 0x80 == 0 {
            return Some((head, payload.get(at + 1 + skip..)?));
        }
        let len = payload.get(at + 2..at + 4)?;
        skip += usize::from(u16::from_be_bytes([len[0] & 0x03, len[1]]));
        at += 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_last_block() {
        let payload = [0x80 | 111, 0x0f, 0x00, 0x02, 111, 9, 9, 1, 2, 3];
        assert_eq!(primary(&payload), Some((111, &[1, 2, 3][..])));
        assert_eq!(primary(&payload[..6]), None);
        assert_eq!(primary(&[]), None);
    }
}
