//! Finds out what a client speaks on its connection, and serves that: TLS or not, HTTP/1 or HTTP/2.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::front::Front;
use super::limits::last_requests;
use super::wire::{SharedSocket, Socket, Wire};
use super::{http1, http2};
use crate::model::Scheme;
use crate::tls::HTTP_2;
use crate::triggers::Calls;

/// How a client of HTTP/2 begins if it knows that the server speaks it (RFC 9113, section 3.4). No method of HTTP/1 begins
/// like this, and no client sends it in parts.
const HTTP_2_PREFACE: &[u8] = b"PRI ";

/// The first byte of a client that speaks TLS (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What the response to a client that does not begins with.
pub(crate) const SPEAKS_TLS: &str = "this port speaks https://";

/// The response to a client that does not. Begins with [`SPEAKS_TLS`].
const PLAIN_REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 54\r\n\
    Connection: close\r\n\r\n\
    this port speaks https://, and the request is http://\n";

/// Serves the client until it leaves. When the worker drains, answers what has arrived whole, and closes. Keeps `open` as long
/// as another request may begin.
pub(super) async fn connection(
    socket: Socket,
    tls: Option<TlsAcceptor>,
    front: Arc<Front>,
    calls: Calls,
    open: TaskTrackerToken,
) {
    let socket = Arc::new(socket);
    let scheme = if tls.is_some() {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let client = front.client(&socket, scheme);
    let beginning = async {
        tokio::select! {
            // First: what has arrived counts, even if time is up.
            biased;
            begun = begin(&socket, tls) => begun,
            () = last_requests(&calls) => Err(io::Error::other("the worker stops")),
        }
    };
    let begun = match timeout(front.pause(), beginning).await {
        Ok(Ok(begun)) => begun,
        Ok(Err(error)) => return tracing::debug!(client = &**client.address(), "connection: {error}"),
        Err(_) => return tracing::debug!(client = &**client.address(), "connection: nothing has arrived"),
    };
    let (wire, io) = Wire::new(socket, begun.tls, front.pause());
    match begun.is_http2 {
        true => http2::serve(&wire, io, client, front, calls, open).await,
        false => http1::serve(&wire, io, &client, &front, calls, open).await,
    }
}

/// What a client speaks.
struct Begun {
    tls: Option<Box<TlsStream<SharedSocket>>>,
    is_http2: bool,
}

/// Waits for the first bytes, and with TLS for its handshake.
async fn begin(socket: &Arc<Socket>, tls: Option<TlsAcceptor>) -> io::Result<Begun> {
    let Some(tls) = tls else {
        return Ok(Begun {
            tls: None,
            is_http2: begins_http2(socket).await?,
        });
    };
    if !begins_tls(socket).await? {
        return Err(refuse_plain(socket).await);
    }
    let stream = tls.accept(SharedSocket(Arc::clone(socket))).await?;
    Ok(Begun {
        is_http2: stream.get_ref().1.alpn_protocol() == Some(HTTP_2),
        tls: Some(Box::new(stream)),
    })
}

async fn begins_http2(socket: &Socket) -> io::Result<bool> {
    let mut first = [0; HTTP_2_PREFACE.len()];
    socket.peek_first(&mut first).await?;
    Ok(first == HTTP_2_PREFACE)
}

/// Whether the client begins a handshake of TLS, or says nothing at all.
async fn begins_tls(socket: &Socket) -> io::Result<bool> {
    let mut first = [TLS_HANDSHAKE];
    socket.peek_first(&mut first).await?;
    Ok(first == [TLS_HANDSHAKE])
}

/// Tells a client that has forgotten TLS what it should have done. Returns the reason why it is not served.
async fn refuse_plain(socket: &Arc<Socket>) -> io::Error {
    let mut socket = SharedSocket(Arc::clone(socket));
    // If it closed with bytes that were not read, the client might not get the response.
    let mut request = vec![0; 16 << 10];
    let answered = async {
        let _ = socket.read(&mut request).await?;
        socket.write_all(PLAIN_REFUSED).await?;
        socket.shutdown().await
    };
    answered
        .await
        .err()
        .unwrap_or_else(|| io::Error::other("the client does not speak TLS"))
}
