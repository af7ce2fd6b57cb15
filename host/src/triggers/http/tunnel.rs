//! A connection after the handshake of the WebSocket protocol: carries the bytes of both sides until either ends.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufWriter};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::handshake::Handshake;
use super::responses::{self, ResponseBody};
use crate::model::{
    Body, BodyWriter, ClientGone, Frames, HttpResponse, ReaderGone, WebSocketRequest, body_writer,
};
use crate::triggers::Calls;
use crate::websocket;

/// The number of bytes that are read at once.
const READ_SIZE: usize = 8 << 10;

/// The largest message of a client, in bytes, if host.json allows bodies of that size. As much is reserved as soon as a
/// client announces it.
const MAX_MESSAGE: u64 = 16 << 20;

/// The time that a client has to close the connection after the server, or to read the rest after it has left.
const CLOSING: Duration = Duration::from_secs(5);

/// The time after which a silent client is asked whether it is still there, and which it then has to answer.
const SILENCE: Duration = Duration::from_secs(20);

/// The server's end of a connection that may become a WebSocket.
pub(super) struct Tunnel {
    handshake: Handshake,
    upgrade: OnUpgrade,
    incoming: Incoming,
}

/// The client's bytes on their way to the function.
struct Incoming {
    writer: BodyWriter,
    /// Notified when the function has taken so many that there is room again, and when it takes no more.
    progress: Arc<Notify>,
}

/// Returns what the function gets of a handshake, and the server's end. Bodies have at most `max_body_size` bytes.
pub(super) fn open(
    handshake: Handshake,
    upgrade: OnUpgrade,
    max_body_size: u64,
) -> (WebSocketRequest, Tunnel) {
    let progress = Arc::new(Notify::new());
    let notified = Arc::clone(&progress);
    let (writer, stream) = body_writer(None, move || notified.notify_one());
    let request = WebSocketRequest {
        incoming: stream,
        max_message_size: max_body_size.min(MAX_MESSAGE),
    };
    let tunnel = Tunnel {
        handshake,
        upgrade,
        incoming: Incoming { writer, progress },
    };
    (request, tunnel)
}

impl Tunnel {
    /// Returns the response to the handshake. If the function has accepted, its bytes and the client's are carried from then
    /// on.
    pub(super) fn respond(self, mut response: HttpResponse, calls: &Calls) -> Response<ResponseBody> {
        let accepts = response.status == StatusCode::SWITCHING_PROTOCOLS;
        let stream = response.body.stream().filter(|body| body.is_of_websocket());
        match (accepts, stream) {
            (true, Some(stream)) => {
                if let Some(outgoing) = stream.take() {
                    calls.spawn(carry(self.upgrade, self.incoming, outgoing, calls.clone()));
                }
                return self.handshake.accept(response.headers);
            }
            (true, None) => {
                tracing::error!("an extension has replaced the body of a response that accepts a WebSocket");
                response.status = StatusCode::INTERNAL_SERVER_ERROR;
            }
            // An extension has refused what the function had accepted.
            (false, Some(_)) => response.body = Body::default(),
            (false, None) => {}
        }
        responses::of_function(response, false)
    }
}

async fn carry(upgrade: OnUpgrade, incoming: Incoming, outgoing: Frames, calls: Calls) {
    match upgrade.await {
        Ok(connection) => {
            let (reader, writer) = tokio::io::split(TokioIo::new(connection));
            carry_both(reader, writer, incoming, outgoing, calls).await;
        }
        Err(error) => {
            tracing::debug!("a WebSocket client: {error}");
            incoming.writer.fail(Box::new(ClientGone));
        }
    }
}

/// Carries bytes in both directions until both sides have ended.
async fn carry_both(
    mut reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    incoming: Incoming,
    outgoing: Frames,
    calls: Calls,
) {
    let heard = Notify::new();
    let mut sending = pin!(send(writer, outgoing, &heard, SILENCE));
    let received = tokio::select! {
        received = receive(&mut reader, &incoming, &heard, &calls) => Some(received),
        () = &mut sending => None,
    };
    // The first end counts: this one is for a connection that fails while it sends.
    incoming.writer.fail(Box::new(ClientGone));
    drop(incoming);
    match received {
        None => {}
        Some(Received::All) => {
            // The client may still read, if it has only ended its side.
            let _ = timeout(CLOSING, sending).await;
            return;
        }
        Some(Received::Enough) => {
            // It ends by itself, or with the call. What the client still sends must not fill the connection.
            tokio::select! {
                () = sending => {}
                () = async { discard(&mut reader).await; std::future::pending().await } => {}
            }
        }
    }
    // If the connection closed while the client still sends, it might not get what was sent.
    let _ = timeout(CLOSING, discard(&mut reader)).await;
}

/// Why [`receive`] has ended.
enum Received {
    /// The client has ended.
    All,
    /// Nobody takes more, or the server stops.
    Enough,
}

/// Brings the client's bytes to the function until the client ends, nobody takes them, or the server stops.
async fn receive(
    reader: &mut (impl AsyncRead + Unpin),
    incoming: &Incoming,
    heard: &Notify,
    calls: &Calls,
) -> Received {
    let mut draining = pin!(calls.draining());
    let mut buffer = BytesMut::new();
    loop {
        match incoming.writer.has_room() {
            Ok(true) => {}
            Ok(false) => {
                // A client whose bytes nobody takes is not silent.
                heard.notify_one();
                tokio::select! {
                    () = incoming.progress.notified() => {}
                    () = &mut draining => break,
                    () = tokio::time::sleep(SILENCE / 2) => {}
                }
                continue;
            }
            Err(ReaderGone) => return Received::Enough,
        }
        buffer.reserve(READ_SIZE);
        let read = tokio::select! {
            read = reader.read_buf(&mut buffer) => read,
            () = incoming.progress.notified() => continue,
            () = &mut draining => break,
        };
        match read {
            Ok(0) | Err(_) => {
                incoming.writer.fail(Box::new(ClientGone));
                return Received::All;
            }
            Ok(_) => {
                heard.notify_one();
                // `has_room` finds out if nobody takes them.
                let _ = incoming.writer.write(buffer.split().freeze());
            }
        }
    }
    incoming.writer.end();
    Received::Enough
}

/// Sends the function's frames until they end, the connection fails, or the client does not answer a ping: it gets one
/// when nothing was `heard` for the time `silence`, and has the same time to answer.
async fn send(writer: impl AsyncWrite + Unpin, mut outgoing: Frames, heard: &Notify, silence: Duration) {
    let mut writer = BufWriter::new(writer);
    // The rest of a frame.
    let mut rest = Bytes::new();
    let mut silent_at = Instant::now() + silence;
    let mut asked = false;
    loop {
        let is_between_frames = rest.is_empty();
        let has_to_write = !is_between_frames || !writer.buffer().is_empty();
        tokio::select! {
            biased;
            frame = outgoing.frame(), if is_between_frames => match frame {
                Some(Ok(frame)) => rest = frame.into_data().unwrap_or_default(),
                None | Some(Err(_)) => {
                    let _ = writer.shutdown().await;
                    return;
                }
            },
            // Frames that wait together go together.
            written = write(&mut writer, &mut rest), if has_to_write => match written {
                // The client reads, though what it reads may be far behind.
                Ok(Written::AfterAWait) => {
                    silent_at = Instant::now() + silence;
                    asked = false;
                }
                Ok(Written::AtOnce) => {}
                Err(_) => return,
            },
            () = heard.notified() => {
                silent_at = Instant::now() + silence;
                asked = false;
            }
            // A ping goes between frames. A client that takes nothing of a frame is given up by the connection.
            () = tokio::time::sleep_until(silent_at), if is_between_frames => {
                if asked {
                    return tracing::debug!("a WebSocket client does not answer pings");
                }
                silent_at = Instant::now() + silence;
                asked = true;
                rest = websocket::ping();
            }
        }
    }
}

/// How a write went.
enum Written {
    /// The connection had room.
    AtOnce,
    /// The connection had no room first.
    AfterAWait,
}

/// Writes some of `rest`, or all that the writer holds back.
async fn write(writer: &mut BufWriter<impl AsyncWrite + Unpin>, rest: &mut Bytes) -> io::Result<Written> {
    let mut writing = pin!(async {
        if rest.is_empty() {
            writer.flush().await
        } else {
            writer.write_buf(rest).await.map(drop)
        }
    });
    let mut written = Written::AtOnce;
    std::future::poll_fn(|context| {
        let polled = writing.as_mut().poll(context);
        if polled.is_pending() {
            written = Written::AfterAWait;
        }
        polled
    })
    .await?;
    Ok(written)
}

/// Reads and drops what the client still sends.
async fn discard(reader: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0; 1024];
    while !matches!(reader.read(&mut buffer).await, Ok(0) | Err(_)) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for any machine.
    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_silent_client_gets_pings_until_it_does_not_answer() {
        let (server, mut client) = tokio::io::duplex(1000);
        let (_writer, stream) = body_writer(None, || {});
        let frames = stream.take().expect("nobody has taken it");
        let heard = Notify::new();
        let silence = Duration::from_millis(50);
        let answers = async {
            for _ in 0..3 {
                let mut ping = [0; 2];
                client.read_exact(&mut ping).await.expect("a ping");
                assert_eq!(ping, *websocket::ping());
                heard.notify_one();
            }
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.expect("closed");
            rest
        };
        let both = async { tokio::join!(send(server, frames, &heard, silence), answers) };
        let ((), rest) = timeout(LONG, both).await.expect("in time");
        // The answer to the third ping is followed by a fourth one, which nobody answers.
        assert_eq!(rest, *websocket::ping());
    }
}
