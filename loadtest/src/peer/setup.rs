//! What all peers of a run share.

use std::net::SocketAddr;
use std::sync::Arc;

use rtc::interceptor::Registry;

use super::{Identity, Peer, address, codecs};
use crate::attend::receive::Meters;
use crate::impair::through::BadLine;
use crate::receiver::{Passport, Receiver};
use crate::server::{Server, Wire};

/// The server, the way to it, and who the peers are.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The server.
    pub server: Server,
    identity: Identity,
    passport: Passport,
    local: Vec<SocketAddr>,
    line: Option<Arc<BadLine>>,
}

impl Setup {
    /// Looks the server up and makes a certificate. Media goes over `line` when there is one.
    ///
    /// # Errors
    ///
    /// When the server's name cannot be found.
    pub async fn new(server: &Server, line: Option<&Arc<BadLine>>) -> anyhow::Result<Self> {
        Ok(Self {
            server: server.clone(),
            identity: Identity::new()?,
            passport: Passport::new()?,
            local: address::local_addresses(server.find().await?),
            line: line.cloned(),
        })
    }

    /// Connects to the server, over the line.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or is not trusted.
    pub async fn connect(&self) -> std::io::Result<Box<dyn Wire>> {
        let wire = self.server.connect().await?;
        Ok(match &self.line {
            Some(line) => line.under(wire),
            None => wire,
        })
    }

    /// Makes a peer whose packets go through the chain `registry` builds.
    ///
    /// # Errors
    ///
    /// When no socket can be bound.
    pub async fn peer(&self, registry: Registry) -> anyhow::Result<Peer> {
        Peer::new(&self.identity, &self.local, registry, codecs::engine()?).await
    }

    /// Makes a peer that publishes, as [`Self::peer`].
    ///
    /// # Errors
    ///
    /// When no socket can be bound.
    pub async fn publisher(&self, registry: Registry) -> anyhow::Result<Peer> {
        Peer::new(&self.identity, &self.local, registry, codecs::publishing()?).await
    }

    /// The certificate of all receivers.
    #[must_use]
    pub fn passport(&self) -> &Passport {
        &self.passport
    }

    /// Makes a receiver that counts into `meters`.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub fn receiver(&self, meters: &Meters) -> std::io::Result<Receiver> {
        Receiver::new(&self.passport, &self.local, meters)
    }

    /// The server's SDP, with its media led over the line.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn lead(&self, sdp: &str) -> std::io::Result<String> {
        match &self.line {
            Some(line) => line.lead(sdp).await,
            None => Ok(sdp.to_owned()),
        }
    }
}
