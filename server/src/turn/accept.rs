//! Tells TURN from HTTP on the port of HTTPS: by the ALPN a browser says for HTTP and does not say for `turns:`, and where there is
//! none, by the first byte.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::Turn;

/// Who says nothing for so long after the handshake is gone.
const FIRST_BYTE: Duration = Duration::from_secs(10);
/// Bytes the kernel keeps unsent; beyond, they wait here, where they are counted.
const UNSENT: u32 = 16 * 1024;
/// A line that takes nothing for so long is dead.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Accepts TLS; serves TURN itself and gives the rest to HTTP.
#[derive(Clone, Debug)]
pub struct Acceptor {
    tls: RustlsAcceptor,
    turn: Option<Arc<Turn>>,
}

impl Acceptor {
    /// Without `turn` all is HTTP.
    #[must_use]
    pub fn new(config: RustlsConfig, turn: Option<Arc<Turn>>) -> Self {
        Self {
            tls: RustlsAcceptor::new(config),
            turn,
        }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = Begun;
    type Service = <RustlsAcceptor as Accept<TcpStream, S>>::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    /// A client of the relay is served in here: it ends with the listener, and HTTP never hears of it.
    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let (tls, turn) = (self.tls.clone(), self.turn.clone());
        Box::pin(async move {
            let (mut stream, service) = tls.accept(stream, service).await?;
            let Some(turn) = turn.filter(|_| stream.get_ref().1.alpn_protocol().is_none()) else {
                return Ok((Begun::fresh(stream), service));
            };
            let mut first = [0];
            let read = tokio::time::timeout(FIRST_BYTE, stream.read(&mut first));
            let some = read.await.map_err(io::Error::from)??;
            if some == 1 && sfu::turn::begins_like_turn(first[0]) {
                drop(service);
                let client = tune(stream.get_ref().0)?;
                turn.serve(stream, client, &first).await;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let first = (some == 1).then_some(first[0]);
            Ok((Begun { first, stream }, service))
        })
    }
}

/// Delay is not to hide in the kernel, and a dead line is to be noticed. Returns whose it is.
fn tune(io: &TcpStream) -> io::Result<SocketAddr> {
    let socket = SockRef::from(io);
    let settings = [
        socket.set_tcp_nodelay(true),
        #[cfg(target_os = "linux")]
        socket.set_tcp_notsent_lowat(UNSENT),
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED)),
    ];
    for error in settings.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "the kernel keeps its setting of a connection");
    }
    io.peer_addr()
}

/// A stream of which the first byte may have been read already.
#[derive(Debug)]
pub struct Begun {
    first: Option<u8>,
    stream: TlsStream<TcpStream>,
}

impl Begun {
    fn fresh(stream: TlsStream<TcpStream>) -> Self {
        Self { first: None, stream }
    }
}

impl AsyncRead for Begun {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(first) = self.first
            && buffer.remaining() > 0
        {
            self.first = None;
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Begun {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
