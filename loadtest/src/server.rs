//! The server that is talked to: its address, how it is trusted, and how it is reached by HTTP and by WebSocket.

mod trust;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, Url};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use trust::TrustError;

/// Answers of a server are small; what takes longer than this is lost.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a server cannot be talked to.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is none.
    #[error("--server {0:?} is not an address such as http://localhost:8080 or https://tongke.example:8443")]
    Address(String),
    /// An authority for a connection that has none.
    #[error("--ca is for an https server, and --server is not one")]
    CaWithoutTls,
    /// What is to be trusted cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The client could not be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A line of bytes to the server, with TLS or without.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A server.
#[derive(Clone, Debug)]
pub struct Server {
    url: Url,
    client: Client,
    /// For an https server.
    tls: Option<Arc<ClientConfig>>,
}

impl Server {
    /// The server at `address`; `ca` is a PEM file with authorities that are trusted beside the system's.
    ///
    /// # Errors
    ///
    /// When the address is none, or `ca` cannot be used.
    pub fn new(address: &str, ca: Option<&Path>) -> Result<Self, ServerError> {
        let bad = || ServerError::Address(address.to_owned());
        let (scheme, rest) = address.split_once("://").ok_or_else(bad)?;
        // The same server speaks WebSocket at the same address.
        let scheme = match scheme {
            "http" | "ws" => "http",
            "https" | "wss" => "https",
            _ => return Err(bad()),
        };
        let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| bad())?;
        if url.host_str().is_none_or(str::is_empty) || url.cannot_be_a_base() {
            return Err(bad());
        }
        let trust = match (scheme, ca) {
            ("https", ca) => trust::config(ca)?,
            (_, Some(_)) => return Err(ServerError::CaWithoutTls),
            _ => trust::nobody()?,
        };
        // The client wants to know whom to trust even where it never asks.
        let client = Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .tls_backend_preconfigured(trust.clone());
        let tls = (scheme == "https").then(|| Arc::new(trust));
        Ok(Self {
            url,
            client: client.build()?,
            tls,
        })
    }

    /// For requests.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The address of a resource.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// The address of a WebSocket.
    #[must_use]
    pub fn socket_at(&self, path: &[&str]) -> Url {
        let mut url = self.at(path);
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        // Both are special schemes with a host: there is nothing to refuse.
        let _ = url.set_scheme(scheme);
        url
    }

    /// The server's first address, IPv4 if it has one.
    ///
    /// # Errors
    ///
    /// When its name cannot be found.
    pub async fn find(&self) -> anyhow::Result<SocketAddr> {
        let (host, port) = self.host();
        tokio::net::lookup_host((host, port))
            .await
            .with_context(|| format!("cannot find {host}"))?
            .min_by_key(SocketAddr::is_ipv6)
            .with_context(|| format!("{host} has no address"))
    }

    /// Connects, with TLS where the address says so.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or is not trusted.
    pub async fn connect(&self) -> std::io::Result<Box<dyn Wire>> {
        let (host, port) = self.host();
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
        Ok(Box::new(stream))
    }

    fn host(&self) -> (&str, u16) {
        let host = self.url.host_str().unwrap_or("localhost");
        let port = self.url.port_or_known_default().unwrap_or(80);
        (host.trim_matches(['[', ']']), port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str) -> Server {
        Server::new(address, None).expect("an address")
    }

    #[test]
    fn addresses_are_made_of_server_and_path() {
        let plain = server("http://localhost:8080");
        assert_eq!(
            plain.at(&["whip", "demo"]).as_str(),
            "http://localhost:8080/whip/demo"
        );
        assert_eq!(
            plain.socket_at(&["signal"]).as_str(),
            "ws://localhost:8080/signal"
        );
        let below = server("https://tongke.example/base/");
        assert_eq!(
            below.at(&["whep", "a b"]).as_str(),
            "https://tongke.example/base/whep/a%20b"
        );
        let socket = server("wss://tongke.example:8443").socket_at(&["signal"]);
        assert_eq!(socket.as_str(), "wss://tongke.example:8443/signal");
        assert_eq!(server("http://[::1]:8080").host(), ("::1", 8_080));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for address in ["localhost:8080", "ftp://localhost", "", "http://", "file:///etc"] {
            let refused = Server::new(address, None);
            assert!(
                matches!(refused, Err(ServerError::Address(_))),
                "{address}: {refused:?}"
            );
        }
    }

    #[test]
    fn an_authority_without_tls_or_without_a_certificate_is_refused() {
        let file = Path::new("/dev/null");
        assert!(matches!(
            Server::new("http://localhost", Some(file)),
            Err(ServerError::CaWithoutTls)
        ));
        let empty = Server::new("https://localhost", Some(file)).expect_err("no certificate in it");
        assert!(empty.to_string().contains("/dev/null"), "{empty}");
        let missing = Server::new("https://localhost", Some(Path::new("/nowhere/ca.pem")));
        assert!(matches!(
            missing,
            Err(ServerError::Trust(TrustError::Read { .. }))
        ));
    }
}
