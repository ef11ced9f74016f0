//! The codecs that are offered: H264 constrained baseline with retransmission, and Opus.

use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpRtxParameters, RtpCodecKind,
};
use webrtc::peer_connection::MediaEngine;

/// Payload type of Opus, as in Chromium.
pub const OPUS: u8 = 111;
/// Payload type of H264.
pub const H264: u8 = 102;
/// Payload type of retransmitted H264 (RFC 4588).
pub const H264_RTX: u8 = 103;

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

/// How a stream is sent. Pictures have a second SSRC for what is sent again.
#[must_use]
pub fn encoding(kind: RtpCodecKind, ssrc: u32, ssrc_rtx: u32) -> RTCRtpEncodingParameters {
    let video = kind == RtpCodecKind::Video;
    RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            rtx: video.then_some(RTCRtpRtxParameters { ssrc: ssrc_rtx }),
            ..Default::default()
        },
        active: true,
        codec: if video { h264() } else { opus() }.rtp_codec,
        ..Default::default()
    }
}
