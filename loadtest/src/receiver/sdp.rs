//! The SDP a receiver writes, and what it reads of the other end's: one bundle, H264 with retransmissions and Opus.

use std::fmt::Write as _;
use std::net::SocketAddr;

use rtc::interceptor::{RTPHeaderExtension, StreamInfo};

use crate::peer::codecs::{self, TRANSPORT_CC};

/// The id of transport-wide numbers where we may choose.
const TRANSPORT_CC_ID: u16 = 3;

/// Who an end is on ICE, and by its certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) ufrag: String,
    pub(super) pwd: String,
    /// SHA-256, as `a=fingerprint` has it.
    pub(super) fingerprint: String,
}

/// A codec of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Codec {
    payload_type: u8,
    rtx: Option<u8>,
    /// Around it, with what was said before.
    red: Option<u8>,
}

/// A media section of the other end's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// Behind `m=`: its kind, and what protocol.
    media: String,
    protocol: String,
    pub(super) mid: String,
    /// The other end sends in it.
    pub(super) sends: bool,
    /// The one we take, when there is one.
    codec: Option<Codec>,
    ssrc: Option<u32>,
    repeats: Option<u32>,
    transport_cc: Option<u16>,
}

impl Section {
    fn video(&self) -> bool {
        self.media == "video"
    }

    /// The payload type of RED in it, where it is agreed on.
    pub(super) fn red(&self) -> Option<u8> {
        self.codec?.red
    }

    /// The stream that comes by it.
    pub(super) fn stream(&self) -> Option<StreamInfo> {
        let (codec, ssrc) = (self.codec?, self.ssrc.filter(|_| self.sends)?);
        let extension = |id: u16| RTPHeaderExtension {
            uri: TRANSPORT_CC.to_owned(),
            id,
        };
        Some(StreamInfo {
            ssrc,
            ssrc_rtx: self.repeats,
            payload_type: codec.payload_type,
            payload_type_rtx: codec.rtx,
            mime_type: if self.video() { "video/H264" } else { "audio/opus" }.to_owned(),
            clock_rate: if self.video() { 90_000 } else { 48_000 },
            rtp_header_extensions: self.transport_cc.map(extension).into_iter().collect(),
            ..StreamInfo::default()
        })
    }
}

/// What the other end says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) credentials: Credentials,
    /// It waits for checks, and makes none.
    pub(super) lite: bool,
    /// It begins the DTLS handshake.
    pub(super) active: bool,
    /// Where it is to be reached by UDP.
    pub(super) candidates: Vec<SocketAddr>,
    pub(super) sections: Vec<Section>,
}

impl Description {
    /// Reads an SDP; what it does not need of it is passed over.
    pub(super) fn read(sdp: &str) -> Self {
        let mut read = Self::default();
        let mut blocks = sdp.split("\nm=");
        let session = lines_of(blocks.next().unwrap_or_default());
        read.take_transport(&session);
        for block in blocks {
            let lines = lines_of(block);
            read.take_transport(&lines);
            read.sections.push(section(&lines));
        }
        read
    }

    /// What stands in the session or in any section: all are one bundle. The first counts.
    fn take_transport(&mut self, lines: &[&str]) {
        let first = |known: &mut String, value: &str| {
            if known.is_empty() {
                value.clone_into(known);
            }
        };
        for line in lines {
            let Some(attribute) = line.strip_prefix("a=") else {
                continue;
            };
            let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
            match name {
                "ice-lite" => self.lite = true,
                "ice-ufrag" => first(&mut self.credentials.ufrag, value),
                "ice-pwd" => first(&mut self.credentials.pwd, value),
                "fingerprint" => {
                    if let Some(("sha-256", hash)) = value.split_once(' ') {
                        first(&mut self.credentials.fingerprint, &hash.to_ascii_uppercase());
                    }
                }
                "setup" => self.active |= value == "active",
                "candidate" => self
                    .candidates
                    .extend(udp(value).filter(|one| !self.candidates.contains(one))),
                _ => {}
            }
        }
    }

    /// Whether a connection can be made of it.
    pub(super) fn is_whole(&self) -> bool {
        let Credentials {
            ufrag,
            pwd,
            fingerprint,
        } = &self.credentials;
        !(ufrag.is_empty() || pwd.is_empty() || fingerprint.is_empty() || self.candidates.is_empty())
    }
}

fn lines_of(block: &str) -> Vec<&str> {
    block.lines().map(str::trim_end).collect()
}

/// Where a UDP candidate is (RFC 8839 §5.1).
fn udp(candidate: &str) -> Option<SocketAddr> {
    let fields: Vec<&str> = candidate.split_whitespace().collect();
    let media = fields.get(1)? == &"1" && fields.get(2)?.eq_ignore_ascii_case("udp");
    let address = SocketAddr::new(fields.get(4)?.parse().ok()?, fields.get(5)?.parse().ok()?);
    media.then_some(address)
}

fn section(lines: &[&str]) -> Section {
    let mut words = lines.first().copied().unwrap_or_default().split(' ');
    let media = words.next().unwrap_or_default().to_owned();
    let refused = words.next() == Some("0");
    let protocol = words.next().unwrap_or("UDP/TLS/RTP/SAVPF").to_owned();
    let payload_types: Vec<u8> = words.filter_map(|word| word.parse().ok()).collect();
    let values = |name: &'static str| lines.iter().filter_map(move |line| line.strip_prefix(name));
    let format = |payload_type: u8| {
        let prefix = format!("{payload_type} ");
        values("a=fmtp:").find_map(|value| value.strip_prefix(prefix.as_str()).map(str::to_owned))
    };
    let named = |payload_type: u8, name: &str| {
        let prefix = format!("{payload_type} {name}/");
        values("a=rtpmap:").any(|value| value.starts_with(&prefix))
    };
    let usable = |payload_type: &u8| match media.as_str() {
        "audio" => named(*payload_type, "opus"),
        "video" => {
            let constrained_baseline = |format: &String| {
                format.contains("packetization-mode=1") && format.contains("profile-level-id=42e0")
            };
            named(*payload_type, "H264") && format(*payload_type).is_some_and(|it| constrained_baseline(&it))
        }
        _ => false,
    };
    let codec = payload_types.iter().copied().find(usable).map(|payload_type| {
        let apt = format!("apt={payload_type}");
        let repeats = |other: &u8| named(*other, "rtx") && format(*other).is_some_and(|it| it == apt);
        let red = |other: &u8| named(*other, "red");
        Codec {
            payload_type,
            rtx: payload_types.iter().copied().find(repeats),
            red: payload_types.iter().copied().find(red),
        }
    });
    let group = values("a=ssrc-group:FID ").next().unwrap_or_default();
    let mut grouped = group.split(' ').filter_map(|ssrc| ssrc.parse().ok());
    let (media_ssrc, repeats) = (grouped.next(), grouped.next());
    let announced = || values("a=ssrc:").find_map(|value| value.split(' ').next()?.parse().ok());
    let extension = values("a=extmap:").find_map(|value| {
        let (id, uri) = value.split_once(' ')?;
        (uri == TRANSPORT_CC).then(|| id.parse().ok()).flatten()
    });
    let sends = lines.contains(&"a=sendonly") || lines.contains(&"a=sendrecv");
    Section {
        protocol,
        mid: values("a=mid:").next().unwrap_or_default().to_owned(),
        sends: sends && !refused,
        codec,
        ssrc: media_ssrc.or_else(announced),
        repeats,
        transport_cc: extension,
        media,
    }
}

/// The offer of a receiver of sound and of so many `videos`.
pub(super) fn offer(ours: &Credentials, videos: usize) -> String {
    let wanted = |number: usize| {
        let video = number > 0;
        Section {
            media: if video { "video" } else { "audio" }.to_owned(),
            protocol: "UDP/TLS/RTP/SAVPF".to_owned(),
            mid: number.to_string(),
            sends: true,
            codec: Some(Codec {
                payload_type: if video { codecs::H264 } else { codecs::OPUS },
                rtx: video.then_some(codecs::H264_RTX),
                red: (!video).then_some(codecs::RED),
            }),
            transport_cc: Some(TRANSPORT_CC_ID),
            ..Section::default()
        }
    };
    let sections: Vec<Section> = (0..=videos).map(wanted).collect();
    write(ours, "actpass", &[], &sections)
}

/// The answer of a receiver that is at `candidates` to what the other end offers.
pub(super) fn answer(ours: &Credentials, theirs: &Description, candidates: &[SocketAddr]) -> String {
    let setup = if theirs.active { "passive" } else { "active" };
    write(ours, setup, candidates, &theirs.sections)
}

fn write(ours: &Credentials, setup: &str, candidates: &[SocketAddr], sections: &[Section]) -> String {
    let mut out = String::from("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for section in sections {
        out += " ";
        out += &section.mid;
    }
    out += "\r\na=extmap-allow-mixed\r\n";
    for section in sections {
        // Writing to a String cannot fail.
        let _ = write_section(&mut out, section);
        let _ = write!(
            out,
            "a=rtcp-mux\r\na=rtcp-rsize\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {}\r\na=setup:{setup}\r\n",
            ours.ufrag, ours.pwd, ours.fingerprint
        );
        for (number, at) in candidates.iter().enumerate() {
            let _ = write!(
                out,
                "a=candidate:{number} 1 udp {} {} {} typ host\r\n",
                2_130_706_431 - number,
                at.ip(),
                at.port()
            );
        }
    }
    out
}

fn write_section(out: &mut String, section: &Section) -> std::fmt::Result {
    let Section { media, protocol, .. } = section;
    let Some(Codec {
        payload_type,
        rtx,
        red,
    }) = section.codec
    else {
        // A section without a codec of ours keeps its place (RFC 8829 §5.3.1).
        return write!(
            out,
            "m={media} 0 {protocol} 0\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=inactive\r\n",
            section.mid
        );
    };
    let direction = if section.sends { "recvonly" } else { "inactive" };
    let others = [rtx, red].into_iter().flatten();
    let others: String = others.map(|other| format!(" {other}")).collect();
    write!(
        out,
        "m={media} 9 {protocol} {payload_type}{others}\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na={direction}\r\n",
        section.mid
    )?;
    if let Some(id) = section.transport_cc {
        write!(
            out,
            "a=extmap:{id} {TRANSPORT_CC}\r\na=rtcp-fb:{payload_type} transport-cc\r\n"
        )?;
    }
    if section.video() {
        write!(
            out,
            "a=rtpmap:{payload_type} H264/90000\r\na=rtcp-fb:{payload_type} nack\r\na=rtcp-fb:{payload_type} nack pli\r\n\
             a=fmtp:{payload_type} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
        )?;
    } else {
        write!(
            out,
            "a=rtpmap:{payload_type} opus/48000/2\r\na=fmtp:{payload_type} minptime=10;useinbandfec=1\r\n"
        )?;
    }
    if let Some(red) = red {
        write!(
            out,
            "a=rtpmap:{red} red/48000/2\r\na=fmtp:{red} {payload_type}/{payload_type}\r\n"
        )?;
    }
    match rtx {
        Some(rtx) => write!(
            out,
            "a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={payload_type}\r\n"
        ),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Credentials {
        Credentials {
            ufrag: "abcd".to_owned(),
            pwd: "0123456789abcdefghijkl".to_owned(),
            fingerprint: "AA:BB".to_owned(),
        }
    }

    /// As a server writes it: two codecs, of which the second is ours, and a section that rests.
    fn theirs() -> String {
        [
            "v=0",
            "a=ice-lite",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 63",
            "a=mid:0",
            "a=sendonly",
            "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            "a=rtpmap:111 opus/48000/2",
            "a=rtpmap:63 red/48000/2",
            "a=fmtp:63 111/111",
            "a=ice-ufrag:Tk7m",
            "a=ice-pwd:0123456789abcdefghijklmn",
            "a=fingerprint:sha-256 0a:0b",
            "a=setup:actpass",
            "a=candidate:1 1 udp 2130706431 192.0.2.10 7000 typ host",
            "a=candidate:2 1 tcp 2130706430 192.0.2.10 7001 typ host tcptype passive",
            "a=ssrc:4900 cname:teacher",
            "m=video 9 UDP/TLS/RTP/SAVPF 104 105 102 103",
            "a=mid:1",
            "a=sendonly",
            "a=rtpmap:104 H264/90000",
            "a=fmtp:104 packetization-mode=1;profile-level-id=42001f",
            "a=rtpmap:105 rtx/90000",
            "a=fmtp:105 apt=104",
            "a=rtpmap:102 H264/90000",
            "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            "a=rtpmap:103 rtx/90000",
            "a=fmtp:103 apt=102",
            "a=candidate:1 1 udp 2130706431 192.0.2.10 7000 typ host",
            "a=ssrc-group:FID 5000 5001",
            "a=ssrc:5000 cname:teacher",
            "m=video 9 UDP/TLS/RTP/SAVPF 96",
            "a=mid:2",
            "a=inactive",
            "a=rtpmap:96 VP8/90000",
        ]
        .join("\r\n")
            + "\r\n"
    }

    #[test]
    fn what_a_server_says_is_read() {
        let read = Description::read(&theirs());
        assert!(read.is_whole() && read.lite && !read.active);
        assert_eq!(read.credentials.fingerprint, "0A:0B");
        assert_eq!(read.candidates, [SocketAddr::from(([192, 0, 2, 10], 7_000))]);
        let streams: Vec<_> = read.sections.iter().filter_map(Section::stream).collect();
        let summary: Vec<_> = streams
            .iter()
            .map(|one| (one.ssrc, one.ssrc_rtx, one.payload_type, one.payload_type_rtx))
            .collect();
        assert_eq!(
            summary,
            [(4_900, None, 111, None), (5_000, Some(5_001), 102, Some(103))]
        );
        let reds: Vec<_> = read.sections.iter().map(Section::red).collect();
        assert_eq!(reds, [Some(63), None, None]);
        assert_eq!(streams[0].rtp_header_extensions[0].id, 3);
        assert!(streams[1].rtp_header_extensions.is_empty());
    }

    #[test]
    fn an_answer_keeps_the_places_and_takes_the_codecs_we_have() {
        let text = answer(&ours(), &Description::read(&theirs()), &[]);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(
            lines,
            [
                "m=audio 9 UDP/TLS/RTP/SAVPF 111 63",
                "m=video 9 UDP/TLS/RTP/SAVPF 102 103",
                "m=video 0 UDP/TLS/RTP/SAVPF 0"
            ]
        );
        assert!(text.contains("a=group:BUNDLE 0 1 2\r\n") && text.contains("a=setup:active\r\n"));
        assert_eq!(text.matches("a=recvonly").count(), 2);
    }

    #[test]
    fn what_we_offer_reads_back_as_what_we_take() {
        let read = Description::read(&offer(&ours(), 2));
        assert_eq!(read.credentials, ours());
        assert_eq!(read.sections.len(), 3);
        assert!(read.sections.iter().all(|section| section.codec.is_some()));
        assert!(!read.is_whole(), "it has no candidates");
        assert_eq!(Description::read("nonsense\r\n"), Description::default());
    }
}
