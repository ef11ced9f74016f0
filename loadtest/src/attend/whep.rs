//! A classroom that comes by WHEP, as a player does.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::run::Shared;
use super::seat::Seat;
use crate::peer::{lost, up};
use crate::receiver::Receiver;
use crate::whip::{Endpoint, WhipError};

/// Wait before joining again.
const REJOIN_AFTER: Duration = Duration::from_secs(1);

/// A classroom from its arrival to the end of its stay.
pub(super) async fn sit(seat: &Seat, shared: &Shared, endpoint: &Endpoint, videos: usize, until: Instant) {
    while Instant::now() < until {
        let outcome = join(seat, shared, endpoint, videos, until).await;
        if Instant::now() >= until {
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

/// Joins once and watches until the stay ends or the connection is lost.
async fn join(
    seat: &Seat,
    shared: &Shared,
    endpoint: &Endpoint,
    videos: usize,
    until: Instant,
) -> anyhow::Result<()> {
    let meters = seat.meters();
    let receiver = shared.setup.receiver(&meters)?;
    seat.asks(Instant::now());
    let session = endpoint.post(receiver.offer(videos)).await;
    let result = match session {
        Ok(session) => {
            seat.begins(&meters);
            let watched = watch(seat, shared, &receiver, &session.answer, until).await;
            session.end().await;
            watched
        }
        Err(error) => Err(error.into()),
    };
    receiver.close().await;
    result
}

async fn watch(
    seat: &Seat,
    shared: &Shared,
    receiver: &Receiver,
    answer: &str,
    until: Instant,
) -> anyhow::Result<()> {
    let answer = shared.setup.lead(answer).await?;
    receiver
        .accept(&answer)
        .await
        .context("the server's answer is unusable")?;
    up(&mut receiver.state()).await?;
    seat.connected(Instant::now());
    match tokio::time::timeout_at(until.into(), lost(&mut receiver.state())).await {
        Ok(()) => Err(anyhow::anyhow!("the media connection was lost")),
        Err(_) => Ok(()),
    }
}
