//! RED (RFC 2198): the blocks of a redundant audio payload.

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

/// The earlier blocks of a RED payload, oldest first: how much earlier in RTP time, and their data. Of a malformed one none.
pub(crate) fn earlier(payload: &[u8], mut block: impl FnMut(u32, &[u8])) {
    let headers = || payload.chunks_exact(4).take_while(|head| head[0] & 0x80 != 0);
    let fields = |head: &[u8]| {
        let bits = u32::from_be_bytes([0, head[1], head[2], head[3]]);
        (bits >> 10, (bits & 0x3ff) as usize)
    };
    let all: usize = headers().map(|head| fields(head).1).sum();
    let mut at = headers().count() * 4 + 1;
    let ends = payload.get(at - 1).is_some_and(|head| head & 0x80 == 0);
    if !ends || at + all > payload.len() {
        return;
    }
    for (before, len) in headers().map(fields) {
        block(before, payload.get(at..at + len).unwrap_or(&[]));
        at += len;
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

    #[test]
    fn tells_the_earlier_blocks() {
        let of = |payload: &[u8]| {
            let mut blocks = Vec::new();
            earlier(payload, |before, data| blocks.push((before, data.to_vec())));
            blocks
        };
        let payload = [
            0x80 | 111,
            0x1e,
            0x00,
            0x02,
            0x80 | 111,
            0x0f,
            0x00,
            0x01,
            111,
            1,
            1,
            2,
            3,
        ];
        assert_eq!(of(&payload), [(1_920, vec![1, 1]), (960, vec![2])]);
        assert_eq!(of(&[111, 9, 9, 9, 9]), []);
        for len in 0..12 {
            assert_eq!(of(&payload[..len]), [], "{len}");
        }
    }
}
