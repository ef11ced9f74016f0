//! AV1 temporal units to RTP payloads: OBUs without their sizes, each in packets of its own.

/// Bytes of a payload.
const LONGEST: usize = 1_100;

/// The payloads of a unit.
pub fn payloads(unit: &[u8], keyframe: bool) -> Vec<Vec<u8>> {
    let mut payloads: Vec<Vec<u8>> = Vec::new();
    for obu in obus(unit) {
        let pieces: Vec<&[u8]> = obu.chunks(LONGEST).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let mut head = 1 << 4;
            head |= u8::from(index > 0) << 7;
            head |= u8::from(index + 1 < pieces.len()) << 6;
            head |= u8::from(keyframe && payloads.is_empty()) << 3;
            payloads.push([&[head][..], piece].concat());
        }
    }
    payloads
}

/// The OBUs of a unit but for its delimiter, without their sizes.
fn obus(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut obus = Vec::new();
    while let Some(&head) = rest.first() {
        assert!(head & 2 != 0, "an OBU of a byte stream has its size");
        let header = 1 + usize::from(head >> 2 & 1);
        let (mut size, mut at) = (0, header);
        loop {
            size |= usize::from(rest[at] & 0x7f) << ((at - header) * 7);
            at += 1;
            if rest[at - 1] & 0x80 == 0 {
                break;
            }
        }
        if head >> 3 & 15 != 2 {
            let mut obu = vec![head & !2];
            obu.extend_from_slice(&rest[1..header]);
            obu.extend_from_slice(&rest[at..at + size]);
            obus.push(obu);
        }
        rest = &rest[at + size..];
    }
    obus
}
