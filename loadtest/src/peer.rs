//! A peer connection of the off-the-shelf `webrtc` crate, set up as a browser would: ICE, DTLS, SRTP and SDP are its
//! work, and no line of the engine's is used.

pub mod address;
pub mod codecs;
pub mod inspect;
pub mod setup;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rtc::crypto::SignatureScheme;
use rtc::interceptor::Registry;
use rtc::peer_connection::certificate::CertificateParams;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use tokio::sync::watch;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCCertificate,
    RTCConfigurationBuilder, RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription,
    SettingEngine, SettingEngineBuilder, SrtpProtectionProfile,
};

/// Candidates of the machine's own addresses are there at once; more is not waited for.
const GATHERING_MAX: Duration = Duration::from_secs(2);
/// Without an answer for so long the line is called lost.
const DISCONNECTED_AFTER: Duration = Duration::from_secs(4);
/// And for so long more, given up.
const FAILED_AFTER: Duration = Duration::from_secs(4);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(1);
/// A connection that is not up after so long is given up.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// The pace of connectivity checks: nomination waits for the next one, so it is part of each join.
const CHECK_EVERY: Duration = Duration::from_millis(20);
/// They go on for 10 s: longer than a connection is waited for, so that it is up as soon as a line returns.
const CHECKS: u16 = 500;

/// In the order of Chromium's ClientHello: it is the server that has to choose the cheap one.
pub(crate) const SRTP: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
];

/// What all peers of a process share: making a certificate costs more than the rest of a join.
#[derive(Clone, Debug)]
pub struct Identity {
    certificate: RTCCertificate,
}

impl Identity {
    /// Makes a certificate.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn new() -> anyhow::Result<Self> {
        let provider = rtc::crypto::default_provider().context("no cryptography")?;
        let certificate = RTCCertificate::generate(
            provider.crypto(),
            SignatureScheme::EcdsaP256Sha256,
            CertificateParams::new(vec!["tongke-loadtest".to_owned()])?,
        )?;
        Ok(Self { certificate })
    }
}

/// Tells how a connection is.
#[derive(Debug)]
struct Watcher {
    gathered: watch::Sender<bool>,
    state: watch::Sender<RTCPeerConnectionState>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Watcher {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_replace(true);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }
}

/// A connection to one server.
pub struct Peer {
    connection: Arc<dyn PeerConnection>,
    gathered: watch::Receiver<bool>,
    state: watch::Receiver<RTCPeerConnectionState>,
}

impl Peer {
    /// A connection that sends from `local` addresses and passes packets through `registry`.
    ///
    /// # Errors
    ///
    /// When no socket can be bound.
    pub async fn new(
        identity: &Identity,
        local: &[std::net::SocketAddr],
        registry: Registry,
        engine: MediaEngine,
    ) -> anyhow::Result<Self> {
        let (gathered_in, gathered) = watch::channel(false);
        let (state_in, state) = watch::channel(RTCPeerConnectionState::New);
        let connection = PeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new()
                    .with_certificates(vec![identity.certificate.clone()])
                    .build(),
            )
            .with_setting_engine(settings())
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Watcher {
                gathered: gathered_in,
                state: state_in,
            }))
            .with_udp_addrs(local.to_vec())
            .build()
            .await
            .context("cannot make a peer connection")?;
        Ok(Self {
            connection: Arc::new(connection),
            gathered,
            state,
        })
    }

    /// Adds a media section that sends `track`.
    ///
    /// # Errors
    ///
    /// When its codec is not registered.
    pub async fn send(&self, track: Arc<dyn TrackLocal>) -> anyhow::Result<()> {
        let only = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Sendonly,
            streams: Vec::new(),
            send_encodings: Vec::new(),
        };
        self.connection
            .add_transceiver_from_track(track, Some(only))
            .await?;
        Ok(())
    }

    /// Adds a media section that receives.
    ///
    /// # Errors
    ///
    /// When no codec of the kind is registered.
    pub async fn receive(&self, kind: RtpCodecKind) -> anyhow::Result<()> {
        let only = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            streams: Vec::new(),
            send_encodings: Vec::new(),
        };
        self.connection
            .add_transceiver_from_kind(kind, Some(only))
            .await?;
        Ok(())
    }

    /// Makes an offer with all candidates in it.
    ///
    /// # Errors
    ///
    /// When the connection was closed.
    pub async fn offer(&mut self) -> anyhow::Result<String> {
        let offer = self.connection.create_offer(None).await?;
        self.connection.set_local_description(offer).await?;
        // A server that is ICE-lite learns our address from the checks: going on without candidates is fine too.
        let _ = tokio::time::timeout(GATHERING_MAX, self.gathered.wait_for(|done| *done)).await;
        let offer = self
            .connection
            .local_description()
            .await
            .context("the offer is gone")?;
        Ok(offer.sdp)
    }

    /// Takes the answer to the offer.
    ///
    /// # Errors
    ///
    /// When it cannot be read or does not fit the offer.
    pub async fn accept(&self, answer: String) -> anyhow::Result<()> {
        let answer = RTCSessionDescription::answer(answer)?;
        self.connection.set_remote_description(answer).await?;
        Ok(())
    }

    /// Takes an offer and makes the answer to it.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn answer(&mut self, offer: String) -> anyhow::Result<String> {
        let offer = RTCSessionDescription::offer(offer)?;
        self.connection.set_remote_description(offer).await?;
        let answer = self.connection.create_answer(None).await?;
        self.connection.set_local_description(answer).await?;
        let _ = tokio::time::timeout(GATHERING_MAX, self.gathered.wait_for(|done| *done)).await;
        let answer = self
            .connection
            .local_description()
            .await
            .context("the answer is gone")?;
        Ok(answer.sdp)
    }

    /// Waits until the connection is up.
    ///
    /// # Errors
    ///
    /// When it fails instead, or takes too long.
    pub async fn up(&self) -> anyhow::Result<()> {
        up(&mut self.state()).await
    }

    /// Its state, to be watched.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<RTCPeerConnectionState> {
        self.state.clone()
    }

    /// Ends the connection.
    pub async fn close(&self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing a peer connection");
        }
    }
}

fn settings() -> SettingEngine {
    SettingEngineBuilder::new()
        // As browsers answer `actpass` (RFC 8842 §5.2); to an ICE-lite offer the crate would answer `passive`.
        .with_answering_dtls_role(RTCDtlsRole::Client)
        .with_include_loopback_candidate(true)
        .with_ice_timeouts(
            Some(DISCONNECTED_AFTER),
            Some(FAILED_AFTER),
            Some(KEEPALIVE_EVERY),
        )
        .with_ice_connection_attempts(Some(CHECK_EVERY), Some(CHECKS))
        .with_srtp_protection_profiles(SRTP.to_vec())
        .build()
}

/// Waits until a connection is up, for as long as that may take.
///
/// # Errors
///
/// When it fails instead, or takes too long.
pub async fn up(state: &mut watch::Receiver<RTCPeerConnectionState>) -> anyhow::Result<()> {
    tokio::time::timeout(CONNECT_MAX, connected(state))
        .await
        .with_context(|| format!("the media connection was not up in {} s", CONNECT_MAX.as_secs()))?
}

/// Waits until a connection is up.
///
/// # Errors
///
/// When it fails instead.
pub async fn connected(state: &mut watch::Receiver<RTCPeerConnectionState>) -> anyhow::Result<()> {
    let state = *state
        .wait_for(|state| {
            matches!(
                state,
                RTCPeerConnectionState::Connected
                    | RTCPeerConnectionState::Failed
                    | RTCPeerConnectionState::Closed
            )
        })
        .await
        .context("the connection is gone")?;
    anyhow::ensure!(
        state == RTCPeerConnectionState::Connected,
        "the media connection could not be made (is the server's media port reachable by UDP?)"
    );
    Ok(())
}

/// Waits until the connection is lost.
pub async fn lost(state: &mut watch::Receiver<RTCPeerConnectionState>) {
    // A closed channel means that the connection is gone: the same.
    let _ = state
        .wait_for(|state| {
            matches!(
                state,
                RTCPeerConnectionState::Disconnected
                    | RTCPeerConnectionState::Failed
                    | RTCPeerConnectionState::Closed
            )
        })
        .await;
}
