//! What the `fuzz/` crate feeds with bytes of its choice: every reader of the engine that the network reaches. None may panic,
//! and what is checked behind them holds for whatever they accept.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use protocol::media::{Codec, MediaKind};
use rtc_crypto::RTCCryptoProvider as _;

use crate::bandwidth::Bandwidth;
use crate::divided::Reader;
use crate::dtls::{Dtls, Identity, Progress};
use crate::framing;
use crate::ice;
use crate::negotiated::{Flow, LocalTransport, Section};
use crate::outgoing::rewrite::Rewriter;
use crate::packet::Packet;
use crate::rtcp::read::{self, Item};
use crate::rtp::{Header, extension, payload, red};
use crate::sdp::{self, SessionIds};
use crate::testing::turn::{Ask, Client};
use crate::turn;

/// Datagrams in one input of [`dtls`].
const MAX_DATAGRAMS: usize = 16;
const CODECS: [Codec; 5] = [Codec::Opus, Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1];

/// A connectivity check.
///
/// # Panics
///
/// When the engine has a bug.
pub fn stun(bytes: &[u8]) {
    let provider = rtc_crypto::providers::AwsLcRsProvider::new();
    let ice::Incoming::Check(mut check) = ice::read(bytes) else {
        return;
    };
    check.authentic(PASSWORD, provider.crypto());
    let from = SocketAddr::from(([192, 0, 2, 1], 5_000));
    let answer = check.answer(from, PASSWORD, provider.crypto());
    assert!(
        answer.is_some_and(|answer| ice::is_stun(&answer)),
        "a check is answered"
    );
}

/// A stream of datagrams behind their lengths, as a TCP connection gives it: whatever the pieces it comes in, the same datagrams.
///
/// # Panics
///
/// When the engine has a bug.
pub fn frames(bytes: &[u8]) {
    let Some((piece, stream)) = bytes.split_first() else {
        return;
    };
    let whole = read_frames(stream, stream.len().max(1));
    let pieces = read_frames(stream, usize::from(*piece) + 1);
    assert_eq!(whole, pieces);
    let (datagrams, taken) = whole;
    let mut again = Vec::new();
    for datagram in &datagrams {
        assert!(framing::append(&mut again, datagram));
    }
    assert_eq!(again, stream[..taken]);
}

/// What a client of the relay sends: whatever the pieces it comes in, the same steps and answers of the same length.
///
/// # Panics
///
/// When the engine has a bug.
pub fn turn(bytes: &[u8]) {
    let Some((piece, stream)) = bytes.split_first() else {
        return;
    };
    let whole = turn_steps(stream, stream.len().max(1));
    let pieces = turn_steps(stream, usize::from(*piece) + 1);
    assert_eq!(whole, pieces);
}

/// Where datagrams went, and how many bytes were answered.
fn turn_steps(stream: &[u8], piece: usize) -> (Vec<(SocketAddr, Vec<u8>)>, usize) {
    let engine = SocketAddr::from(([192, 0, 2, 1], 10_000));
    let local = SocketAddr::from(([127, 0, 0, 1], 10_000));
    let login = turn::Credentials::new(b"key").issue("a", 1 << 40);
    let realm = turn::Realm::new(turn::Credentials::new(b"key"), [(engine, local)]);
    let now = Instant::now();
    let mut session = turn::Session::new(Arc::new(realm), engine, now, 0);
    let mut client = Client::new(login);
    let (mut out, mut sent) = (Vec::new(), Vec::new());
    // The client that sends it has an allocation, a permission and a channel.
    for ask in [
        Ask::Allocate,
        Ask::Allocate,
        Ask::Permit(engine),
        Ask::Bind(0x4000, engine),
    ] {
        session.receive(&client.request(ask));
        if session.next(now, &mut out) == Ok(Some(turn::Step::Open)) {
            session.opened(now, local, &mut out);
        }
        client.receive(&std::mem::take(&mut out));
    }
    for bytes in stream.chunks(piece) {
        session.receive(bytes);
        loop {
            match session.next(now, &mut out) {
                Ok(Some(turn::Step::Send { to, data })) => sent.push((to, data.to_vec())),
                Ok(Some(turn::Step::Open)) => session.opened(now, local, &mut out),
                Ok(Some(turn::Step::Close)) => {}
                Ok(None) => break,
                Err(_) => return (sent, out.len()),
            }
        }
    }
    session.deliver(now, local, b"of the engine", &mut out);
    (sent, out.len())
}

/// The datagrams up to a bad length, and how many bytes they took.
fn read_frames(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, usize) {
    let (mut kept, mut datagrams, mut taken) = (Vec::new(), Vec::new(), 0);
    for bytes in stream.chunks(piece) {
        kept.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            match framing::first(&kept[at..]) {
                Ok(Some(length)) => {
                    at += framing::PREFIX;
                    datagrams.push(kept[at..at + length].to_vec());
                    at += length;
                }
                Ok(None) => break,
                Err(_) => return (datagrams, taken + at),
            }
        }
        kept.drain(..at);
        taken += at;
        assert!(kept.len() < framing::PREFIX + framing::LONGEST);
    }
    (datagrams, taken)
}

/// The password of the seeds' checks.
const PASSWORD: &str = "0123456789abcdefghijklmn";

/// A decrypted RTP packet.
///
/// # Panics
///
/// When the engine has a bug.
pub fn rtp(bytes: &[u8]) {
    let Some(header) = Header::read(bytes) else {
        return;
    };
    let Some(end) = header.payload_end(bytes) else {
        return;
    };
    assert!(header.len <= end && end <= bytes.len());
    let body = &bytes[header.len..end];
    for codec in CODECS {
        payload::starts_keyframe(codec, body);
    }
    if let Some((_, primary)) = red::primary(body) {
        assert!(primary.len() < body.len());
    }
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let ids = sdp::offered_extensions(kind);
        let carried = extension::carried(bytes, &header, &ids);
        let mid = extension::routing(bytes, &header, &ids).mid;
        let mid = mid.and_then(|mid| std::str::from_utf8(mid).ok());
        let mid = mid.filter(|mid| (1..=16).contains(&mid.len()));
        // What goes on to a viewer is what came.
        let mut out = bytes[..crate::rtp::FIXED_LEN].to_vec();
        out[0] = 0x80;
        let own = extension::Own {
            mid,
            transport_cc: Some(7),
            descriptor: None,
        };
        if extension::write(&mut out, &ids, &carried, own) {
            out[0] |= 0x10;
        }
        let written = Header::read(&out).expect("what the engine writes can be read");
        assert_eq!(written.len, out.len());
        assert_eq!(extension::carried(&out, &written, &ids), carried);
        assert_eq!(
            extension::routing(&out, &written, &ids).mid,
            mid.map(str::as_bytes)
        );
    }
}

/// Dependency descriptors of a stream's packets, each behind its length in one byte, and what a viewer gets by them.
///
/// # Panics
///
/// When the engine has a bug.
pub fn descriptors(mut bytes: &[u8]) {
    let mut reader = None;
    let mut viewer = Rewriter::new(0x4000, 0);
    let now = Instant::now();
    let (mut index, mut sent) = (0, 0);
    while let Some((length, rest)) = bytes.split_first() {
        let (descriptor, behind) = rest.split_at(usize::from(*length).min(rest.len()));
        bytes = behind;
        let part = Reader::read(&mut reader, descriptor, 0);
        if let Some(part) = &part {
            assert_eq!(part.switch & !part.present, 0);
            assert_eq!(usize::from(part.len), descriptor.len());
        }
        viewer.aim(Some((index % 7 % 3) as u8));
        let packet = Packet {
            part,
            index,
            keyframe: index == 0,
            ..Packet::of(descriptor.to_vec(), now)
        };
        index += 1;
        if let Some(place) = viewer.place(&packet, true, now) {
            assert!(place.index >= 0x4000 + sent, "a number twice");
            sent = place.index - 0x4000 + 1;
            assert_eq!(viewer.placed(&packet), Some(place));
        }
    }
}

/// A decrypted compound of RTCP.
///
/// # Panics
///
/// When the engine has a bug.
pub fn rtcp(bytes: &[u8]) {
    let mut items = 0_usize;
    let start = Instant::now();
    let mut bandwidth = Bandwidth::new(start);
    bandwidth.want(3_000_000);
    let _ = read::each(bytes, |item| {
        items += 1;
        match item {
            Item::Nack { pairs, .. } => items += read::nacked(pairs).count(),
            Item::TransportFeedback { fci } => {
                let now = start + items as u32 * Duration::from_millis(100);
                for _ in 0..10 {
                    bandwidth.sent(now, 1_200, None);
                }
                let _ = bandwidth.feedback(now, fci);
                bandwidth.handle_timeout(now);
                let _ = bandwidth.probe(now);
                assert!(bandwidth.estimate().is_none_or(|rate| rate >= 50_000));
            }
            Item::Remb { bits_per_second } => bandwidth.remb(start, bits_per_second.max(50_000)),
            _ => {}
        }
    });
    // Each thing takes some bytes: a small packet cannot ask for much work.
    assert!(
        items <= 1 + bytes.len() * 5,
        "{items} things in {} bytes",
        bytes.len()
    );
}

/// A description: a WHIP or WHEP offer, an answer to ours, and a fragment.
///
/// # Panics
///
/// When the engine has a bug.
pub fn sdp(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = sdp::read_fragment(text);
    if let Ok(offer) = sdp::read_offer(text) {
        for flow in [Flow::FromPeer, Flow::ToPeer] {
            let sections: Vec<Option<Section>> = offer
                .sections
                .iter()
                .map(|offered| sdp::agree(offered, flow))
                .collect();
            let answer = sdp::answer(&local(), SESSION, &offer, &sections);
            assert_eq!(answer.matches("\r\nm=").count(), offer.sections.len());
        }
    }
    let offered = offered();
    if let Ok((_, agreed)) = sdp::read_answer(text, &offered) {
        assert_eq!(agreed.len(), offered.len());
        for (ours, theirs) in offered.iter().zip(&agreed) {
            assert_eq!((&ours.mid, ours.kind), (&theirs.mid, theirs.kind));
            assert!(theirs.flow == ours.flow || theirs.flow == Flow::Inactive);
        }
    }
}

const SESSION: SessionIds = SessionIds { id: 1, version: 1 };

fn local() -> LocalTransport {
    LocalTransport {
        ufrag: "Tk7m".to_owned(),
        pwd: PASSWORD.to_owned(),
        fingerprint: [7; 32],
        candidates: vec![SocketAddr::from(([192, 0, 2, 10], 7_000))],
        tcp: true,
    }
}

/// What the answers among the seeds answer: the offer to a teacher with two places to send from, two to receive in, and one left.
fn offered() -> Vec<Section> {
    let kinds = [
        (MediaKind::Audio, Flow::FromPeer),
        (MediaKind::Video, Flow::FromPeer),
        (MediaKind::Audio, Flow::ToPeer),
        (MediaKind::Video, Flow::ToPeer),
        (MediaKind::Video, Flow::Inactive),
    ];
    let section =
        |(at, (kind, flow)): (usize, (MediaKind, Flow))| Section::offered(at.to_string(), kind, flow);
    kinds.into_iter().enumerate().map(section).collect()
}

/// Datagrams of DTLS to a server that waits, each behind its length in two bytes.
///
/// # Panics
///
/// When the engine, or the DTLS it is built on, has a bug.
pub fn dtls(mut bytes: &[u8]) {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    let identity = IDENTITY.get_or_init(|| Identity::generate().expect("a certificate"));
    let mut server = Dtls::new(identity);
    let mut now = Instant::now();
    for _ in 0..MAX_DATAGRAMS {
        let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
            return;
        };
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (datagram, behind) = rest.split_at(length);
        bytes = behind;
        let progress = server.handle(now, datagram);
        assert!(
            !matches!(progress, Progress::Connected(_)),
            "nobody gets keys without a handshake"
        );
        while server.poll_transmit().is_some() {}
        now += Duration::from_millis(300);
        if server.poll_timeout().is_some_and(|due| due <= now) {
            server.handle_timeout(now);
            while server.poll_transmit().is_some() {}
        }
    }
}
