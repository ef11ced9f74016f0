//! A receiving end that is only as heavy as it has to be, so that a thousand fit one core: one socket, ICE, DTLS and SRTP of the `rtc`
//! crates, and the [`Meters`]. It takes H264 and Opus and sends reports, nothing else.
//!
//! Where [`Meters::verify`] says so, every packet is decrypted and authenticated. Otherwise packets are counted by what is in
//! clear under SRTP (the RTP header, RFC 3711 §3.1), and only what is sent again is opened: its payload says what it repeats.

mod drive;
mod ice;
mod keys;
mod red;
mod reports;
mod sdp;
mod session;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use anyhow::Context as _;
use rand::Rng as _;
use rand::distr::Alphanumeric;
use tokio::sync::{mpsc, oneshot, watch};
use webrtc::peer_connection::RTCPeerConnectionState;

use self::drive::{Command, Drive};
use self::sdp::{Credentials, Description};
use self::session::Session;
use crate::attend::receive::Meters;

pub use self::keys::Passport;

/// What an answer tells of the other end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// Where it is to be reached by UDP.
    pub addresses: Vec<SocketAddr>,
    /// Its name on ICE.
    pub ufrag: String,
    /// Streams it sends.
    pub ssrcs: Vec<u32>,
}

impl Whereabouts {
    /// Reads an SDP.
    #[must_use]
    pub fn of(sdp: &str) -> Self {
        let read = Description::read(sdp);
        let streams = read.sections.iter().filter_map(sdp::Section::stream);
        Self {
            ssrcs: streams.map(|info| info.ssrc).collect(),
            addresses: read.candidates,
            ufrag: read.credentials.ufrag,
        }
    }
}

/// What a receiver may be told before it has taken it: offers come one at a time.
const COMMANDS: usize = 8;

/// See the module. It ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    ours: Credentials,
    /// Where it is, for an end that asks back.
    candidates: Vec<SocketAddr>,
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<RTCPeerConnectionState>,
}

impl Receiver {
    /// One that counts into `meters`; `local` are the addresses the other end may reach it at.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub fn new(passport: &Passport, local: &[SocketAddr], meters: &Meters) -> std::io::Result<Self> {
        let word = |length| {
            let letters = rand::rng().sample_iter(Alphanumeric).take(length);
            letters.map(char::from).collect::<String>()
        };
        let ours = Credentials {
            ufrag: word(8),
            pwd: word(24),
            fingerprint: passport.fingerprint.clone(),
        };
        let any: IpAddr = match local.first() {
            Some(SocketAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        };
        let (told, state) = watch::channel(RTCPeerConnectionState::New);
        let session = Session::new(Instant::now(), passport, ours.clone(), meters);
        let drive = Drive::bind(SocketAddr::new(any, 0), session, told)?;
        let port = drive.port()?;
        let candidates = local.iter().filter(|one| one.is_ipv4() == any.is_ipv4());
        let candidates = candidates.map(|one| SocketAddr::new(one.ip(), port)).collect();
        let (commands, orders) = mpsc::channel(COMMANDS);
        tokio::spawn(drive.run(orders));
        Ok(Self {
            ours,
            candidates,
            commands,
            state,
        })
    }

    /// An offer to receive sound and so many `videos`.
    #[must_use]
    pub fn offer(&self, videos: usize) -> String {
        sdp::offer(&self.ours, videos)
    }

    /// Takes the answer to the offer.
    ///
    /// # Errors
    ///
    /// When nothing can be made of it.
    pub async fn accept(&self, answer: &str) -> anyhow::Result<()> {
        self.tell(answer, true).await.map(|_| ())
    }

    /// Takes an offer, the first or a later one of the same connection, and makes the answer to it.
    ///
    /// # Errors
    ///
    /// When nothing can be made of it.
    pub async fn answer(&self, offer: &str) -> anyhow::Result<String> {
        let theirs = self.tell(offer, false).await?;
        Ok(sdp::answer(&self.ours, &theirs, &self.candidates))
    }

    async fn tell(&self, sdp: &str, offered: bool) -> anyhow::Result<Description> {
        let theirs = Description::read(sdp);
        anyhow::ensure!(theirs.is_whole(), "the SDP says not where or who the server is");
        let told = Command::Told(Box::new(theirs.clone()), offered);
        self.commands
            .send(told)
            .await
            .ok()
            .context("the connection is gone")?;
        Ok(theirs)
    }

    /// Its state, to be watched.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<RTCPeerConnectionState> {
        self.state.clone()
    }

    /// Another hold of its socket, and where its packets go.
    ///
    /// # Errors
    ///
    /// When it has no connection, or the process has no more files.
    pub async fn lend(&self) -> anyhow::Result<(std::net::UdpSocket, SocketAddr)> {
        let (answer, lent) = oneshot::channel();
        self.commands
            .send(Command::Lend(answer))
            .await
            .ok()
            .context("the connection is gone")?;
        let (socket, to) = lent.await.context("the connection is gone")??;
        Ok((socket, to.context("there is no connection yet")?))
    }

    /// Ends the connection; the other end is told.
    pub async fn close(&self) {
        if self.commands.send(Command::Close).await.is_ok() {
            let closed = |state: &RTCPeerConnectionState| *state == RTCPeerConnectionState::Closed;
            // Whoever ended it, it has ended.
            let _ = self.state.clone().wait_for(closed).await;
        }
    }
}
