//! The codecs that are offered: H264 constrained baseline with retransmission, and Opus; and the header extensions of a publisher.

use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
};
use webrtc::peer_connection::MediaEngine;

/// Payload type of Opus, as in Chromium.
pub const OPUS: u8 = 111;
/// Payload type of RED (RFC 2198) around Opus.
pub const RED: u8 = 63;
/// Payload type of H264.
pub const H264: u8 = 102;
/// Payload type of retransmitted H264 (RFC 4588).
pub const H264_RTX: u8 = 103;

/// Header extension: the section a packet belongs to (RFC 9143).
pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// Header extension: the layer a packet belongs to (RFC 8852).
pub const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
/// Header extension: the layer a packet is sent again of (RFC 8852).
pub const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
/// Header extension: the number of a packet in its whole transport.
pub const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Opus.
#[must_use]
pub fn opus() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: "audio/opus".to_owned(),
            clock_rate: 48_000,
            channels: 2,
            sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
            rtcp_feedback: Vec::new(),
        },
        payload_type: OPUS,
    }
}

/// H264.
#[must_use]
pub fn h264() -> RTCRtpCodecParameters {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback {
        typ: typ.to_owned(),
        parameter: parameter.to_owned(),
    };
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: "video/H264".to_owned(),
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
                .to_owned(),
            rtcp_feedback: vec![
                feedback("ccm", "fir"),
                feedback("nack", ""),
                feedback("nack", "pli"),
            ],
        },
        payload_type: H264,
    }
}

fn rtx() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: "video/rtx".to_owned(),
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line: format!("apt={H264}"),
            rtcp_feedback: Vec::new(),
        },
        payload_type: H264_RTX,
    }
}

/// An engine that knows these codecs and no others.
///
/// # Errors
///
/// Never, with these codecs.
pub fn engine() -> webrtc::error::Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    engine.register_codec(opus(), RtpCodecKind::Audio)?;
    engine.register_codec(h264(), RtpCodecKind::Video)?;
    engine.register_codec(rtx(), RtpCodecKind::Video)?;
    Ok(engine)
}

/// An engine of a publisher: it numbers its packets, and names the layers of what it sends in several.
///
/// # Errors
///
/// Never, with these codecs.
pub fn publishing() -> webrtc::error::Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    let numbered = |mut codec: RTCRtpCodecParameters| {
        codec.rtp_codec.rtcp_feedback.push(RTCPFeedback {
            typ: "transport-cc".to_owned(),
            parameter: String::new(),
        });
        codec
    };
    engine.register_codec(numbered(opus()), RtpCodecKind::Audio)?;
    engine.register_codec(numbered(h264()), RtpCodecKind::Video)?;
    engine.register_codec(rtx(), RtpCodecKind::Video)?;
    let mut extension = |uri: &str, kind| {
        let uri = uri.to_owned();
        engine.register_header_extension(RTCRtpHeaderExtensionCapability { uri }, kind, None)
    };
    for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
        extension(MID, kind)?;
        extension(TRANSPORT_CC, kind)?;
    }
    extension(RID, RtpCodecKind::Video)?;
    extension(REPAIRED_RID, RtpCodecKind::Video)?;
    Ok(engine)
}

/// How a stream is sent. Pictures have a second SSRC for what is sent again; layers have a name.
#[must_use]
pub fn encoding(kind: RtpCodecKind, ssrc: u32, ssrc_rtx: u32, rid: Option<&str>) -> RTCRtpEncodingParameters {
    let video = kind == RtpCodecKind::Video;
    RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            rid: rid.unwrap_or_default().to_owned(),
            ssrc: Some(ssrc),
            rtx: video.then_some(RTCRtpRtxParameters { ssrc: ssrc_rtx }),
            ..Default::default()
        },
        active: true,
        codec: if video { h264() } else { opus() }.rtp_codec,
        ..Default::default()
    }
}
