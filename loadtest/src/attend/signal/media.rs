//! The media of a classroom: one connection that follows the server's offers.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use protocol::signal::Offer;
use tokio::sync::watch;
use tokio::time::sleep_until;
use webrtc::peer_connection::RTCPeerConnectionState as State;

use super::part::Part;
use crate::attend::health::Health;
use crate::attend::receive::Meters;
use crate::attend::seat::Seat;
use crate::media::clip::Clip;
use crate::peer::setup::Setup;
use crate::receiver::Receiver;

/// A connection that does not come up after an offer is given up.
const CONNECT_MAX: Duration = Duration::from_secs(8);
/// A fresh connection that was asked for and not offered is asked for again.
const AGAIN_AFTER: Duration = Duration::from_secs(4);

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// It is up.
    Up,
    /// It was up, and is no more: a fresh one is to be asked for.
    Lost,
    /// It did not come up, or was not offered: a fresh one is to be asked for, again.
    Overdue,
}

/// See the module.
pub(super) struct Media<'a> {
    seat: &'a Seat,
    setup: &'a Setup,
    /// What it sends, when it takes part.
    sends: Option<&'a Clip>,
    live: Option<Live>,
    /// When a fresh connection is to be asked for.
    overdue_at: Option<Instant>,
}

/// A connection: most classrooms only receive, which need not cost much.
enum Connection {
    Receives(Receiver),
    TakesPart(Box<Part>),
}

impl Connection {
    async fn answer(&mut self, offer: &str) -> anyhow::Result<String> {
        match self {
            Self::Receives(receiver) => receiver.answer(offer).await,
            Self::TakesPart(part) => part.answer(offer).await,
        }
    }

    fn state(&self) -> watch::Receiver<State> {
        match self {
            Self::Receives(receiver) => receiver.state(),
            Self::TakesPart(part) => part.state(),
        }
    }

    async fn close(&self) {
        match self {
            Self::Receives(receiver) => receiver.close().await,
            Self::TakesPart(part) => part.close().await,
        }
    }
}

struct Live {
    connection: Connection,
    meters: Meters,
    state: watch::Receiver<State>,
    up: bool,
}

impl<'a> Media<'a> {
    pub(super) fn new(seat: &'a Seat, setup: &'a Setup, sends: Option<&'a Clip>) -> Self {
        Self {
            seat,
            setup,
            sends,
            live: None,
            overdue_at: None,
        }
    }

    /// Carries an offer out and returns the answer. After an error a fresh connection is asked for, in a while.
    pub(super) async fn follow(&mut self, offer: &Offer) -> anyhow::Result<String> {
        self.overdue_at = Some(Instant::now() + AGAIN_AFTER);
        if offer.fresh || self.live.is_none() {
            self.renew().await?;
        }
        let live = self.live.as_mut().context("there is no connection")?;
        let sdp = self.setup.lead(&offer.sdp).await?;
        let answer = live.connection.answer(&sdp).await?;
        // A stream that is offered no more is over: that it stands still is no freeze.
        live.meters.keep(&ssrcs(&offer.sdp), Instant::now());
        self.overdue_at = (!live.up).then(|| Instant::now() + CONNECT_MAX);
        Ok(answer)
    }

    async fn renew(&mut self) -> anyhow::Result<()> {
        self.close().await;
        let (connection, meters) = match self.sends {
            Some(clip) => {
                // Such a peer opens all there is.
                let meters = Meters::default();
                let part = Part::new(self.setup, &meters, clip, &self.seat.sent()).await?;
                (Connection::TakesPart(Box::new(part)), meters)
            }
            None => {
                let meters = self.seat.meters();
                (Connection::Receives(self.setup.receiver(&meters)?), meters)
            }
        };
        self.seat.begins(&meters);
        self.live = Some(Live {
            state: connection.state(),
            connection,
            meters,
            up: false,
        });
        Ok(())
    }

    /// Waits for something to happen. Nothing is lost when the wait is given up.
    pub(super) async fn happening(&mut self) -> Happening {
        let Self { live, overdue_at, .. } = self;
        let due = *overdue_at;
        let overdue = async {
            match due {
                Some(due) => sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        let happening = tokio::select! {
            happening = changed(live.as_mut()) => happening,
            () = overdue => Happening::Overdue,
        };
        *overdue_at = match happening {
            Happening::Up => None,
            Happening::Lost | Happening::Overdue => Some(Instant::now() + AGAIN_AFTER),
        };
        happening
    }

    /// How the line is.
    pub(super) fn health(&self) -> Health {
        self.live
            .as_ref()
            .map_or_else(Health::default, |live| Health::of(&live.meters))
    }

    pub(super) async fn close(&mut self) {
        if let Some(live) = self.live.take() {
            live.connection.close().await;
        }
    }
}

async fn changed(live: Option<&mut Live>) -> Happening {
    let Some(live) = live else {
        return std::future::pending().await;
    };
    while live.state.changed().await.is_ok() {
        let state = *live.state.borrow_and_update();
        match state {
            State::Connected if !live.up => {
                live.up = true;
                return Happening::Up;
            }
            State::Disconnected | State::Failed | State::Closed if live.up => {
                live.up = false;
                return Happening::Lost;
            }
            _ => {}
        }
    }
    std::future::pending().await
}

/// The SSRCs an SDP names.
fn ssrcs(sdp: &str) -> HashSet<u32> {
    sdp.lines()
        .filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_of_an_offer_are_found() {
        let sdp = "m=audio 9 X 1\r\na=ssrc:5100 cname:a\r\na=ssrc:5100 msid:a b\r\n\
                   m=video 9 X 2\r\na=ssrc-group:FID 5200 5201\r\na=ssrc:5200 cname:a\r\na=ssrc:5201 cname:a\r\n";
        assert_eq!(ssrcs(sdp), HashSet::from([5_100, 5_200, 5_201]));
    }
}
