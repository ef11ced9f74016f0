//! A classroom that comes by WHEP, as a player does.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use super::receive::Meters;
use super::run::Shared;
use super::seat::Seat;
use crate::peer::{Peer, lost};
use crate::whip::{Endpoint, WhipError};

/// Wait before joining again.
const REJOIN_AFTER: Duration = Duration::from_secs(1);

/// A classroom from its arrival to the deadline.
pub(super) async fn sit(seat: &Seat, shared: &Shared, endpoint: &Endpoint, videos: usize) {
    while Instant::now() < shared.deadline {
        let outcome = join(seat, shared, endpoint, videos).await;
        if Instant::now() >= shared.deadline {
            return;
        }
        let mut wait = REJOIN_AFTER;
        if let Err(error) = outcome {
            let refusal = error.downcast_ref::<WhipError>();
            seat.fails(format!("{error:#}"));
            if refusal.is_some_and(|refusal| !refusal.may_pass()) {
                return;
            }
            wait = refusal.and_then(WhipError::retry_after).unwrap_or(wait);
        }
        seat.rejoins();
        tokio::time::sleep(wait).await;
    }
}

/// Joins once and watches until the deadline or until the connection is lost.
async fn join(seat: &Seat, shared: &Shared, endpoint: &Endpoint, videos: usize) -> anyhow::Result<()> {
    let meters = Meters::default();
    let mut peer = shared.setup.peer(meters.chain()).await?;
    peer.receive(RtpCodecKind::Audio).await?;
    for _ in 0..videos {
        peer.receive(RtpCodecKind::Video).await?;
    }
    let offer = peer.offer().await?;
    seat.asks(Instant::now());
    let session = endpoint.post(offer).await;
    let result = match session {
        Ok(session) => {
            seat.begins(&meters);
            let watched = watch(seat, shared, &peer, &session.answer).await;
            session.end().await;
            watched
        }
        Err(error) => Err(error.into()),
    };
    peer.close().await;
    result
}

async fn watch(seat: &Seat, shared: &Shared, peer: &Peer, answer: &str) -> anyhow::Result<()> {
    let answer = shared.setup.lead(answer).await?;
    peer.accept(answer)
        .await
        .context("the server's answer is unusable")?;
    peer.up().await?;
    seat.connected(Instant::now());
    match tokio::time::timeout_at(shared.deadline.into(), lost(&mut peer.state())).await {
        Ok(()) => Err(anyhow::anyhow!("the media connection was lost")),
        Err(_) => Ok(()),
    }
}
