//! The receiver's loop: accepts connections, and closes them when its mood changes.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::answer::{Body, Verdict};
use super::{Mood, Protocol, Received};

/// The time that a response in progress gets before its connection closes.
const LAST_ANSWER: Duration = Duration::from_millis(200);

type Moods = watch::Receiver<Mood>;

/// Serves until the receiver is dropped.
pub(super) async fn run(
    listener: std::net::TcpListener,
    tls: Option<Arc<ServerConfig>>,
    received: Arc<Received>,
    moods: Moods,
) -> io::Result<()> {
    let mut now = moods.clone();
    let address = listener.local_addr()?;
    let mut listener = Some(TcpListener::from_std(listener)?);
    let tls = tls.map(TlsAcceptor::from);
    loop {
        let open = match listener.take() {
            Some(open) => open,
            None => TcpListener::bind(address).await?,
        };
        loop {
            tokio::select! {
                connection = open.accept() => {
                    let (stream, _) = connection?;
                    let connection = accept(stream, tls.clone(), Arc::clone(&received), moods.clone());
                    tokio::spawn(connection);
                }
                down = now.wait_for(|mood| *mood == Mood::Down) => match down {
                    Ok(_) => break,
                    Err(_) => return Ok(()),
                },
            }
        }
        drop(open);
        if now.wait_for(|mood| *mood != Mood::Down).await.is_err() {
            return Ok(());
        }
    }
}

/// Serves one connection until it ends, also when the exporter disconnects.
async fn accept(mut stream: TcpStream, tls: Option<TlsAcceptor>, received: Arc<Received>, moods: Moods) {
    if *moods.borrow() == Mood::Garbage {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(b"\x07\xff\x00 I am no collector\r\n\r\n").await;
        received.requests.fetch_add(1, Ordering::Relaxed);
        return;
    }
    match tls {
        None => connection(stream, received, moods).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                connection(stream, received, moods).await;
            }
        }
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    received: Arc<Received>,
    moods: Moods,
) {
    let io = TokioIo::new(stream);
    let protocol = received.protocol;
    let mut leaving = moods.clone();
    let leaves = async move {
        let gone = |mood: &Mood| matches!(mood, Mood::Down | Mood::Garbage);
        let _ = leaving.wait_for(gone).await;
    };
    let service = service_fn(move |request| respond(request, Arc::clone(&received), moods.clone()));
    match protocol {
        Protocol::Http => {
            let served = http1::Builder::new().serve_connection(io, service);
            until(served, leaves, |served| served.graceful_shutdown()).await;
        }
        Protocol::Grpc => {
            let served = http2::Builder::new(TokioExecutor::new()).serve_connection(io, service);
            until(served, leaves, |served| served.graceful_shutdown()).await;
        }
    }
}

/// Serves a connection until it ends or must close; then a response in progress is still sent.
async fn until<C: Future>(
    served: C,
    leaves: impl Future<Output = ()>,
    close: impl FnOnce(std::pin::Pin<&mut C>),
) {
    let mut served = pin!(served);
    tokio::select! {
        _ = &mut served => return,
        () = leaves => {}
    }
    close(served.as_mut());
    let _ = tokio::time::timeout(LAST_ANSWER, served).await;
}

async fn respond(
    request: Request<Incoming>,
    received: Arc<Received>,
    mut moods: Moods,
) -> Result<Response<Body>, Infallible> {
    let protocol = received.protocol;
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    received.requests.fetch_add(1, Ordering::Relaxed);
    let mood = *moods.borrow();
    let message = body.ok().and_then(|body| protocol.message(&parts.headers, body));
    let signal = protocol.signal(parts.uri.path());
    let take = |reject| match message.map(|message| received.take_any(signal, message, reject)) {
        Some(Ok(rejected)) => Verdict::Taken(rejected),
        Some(Err(_)) | None => Verdict::Refused,
    };
    let verdict = match mood {
        _ if signal.is_none() => Verdict::Unknown,
        Mood::Up => take(0),
        Mood::Rejecting(spans) => take(spans),
        Mood::Throttling(rest) => Verdict::Throttled(rest),
        Mood::Unavailable(rest) => Verdict::Unavailable(rest),
        Mood::Refusing => Verdict::Refused,
        Mood::Hanging => {
            let _ = moods.wait_for(|mood| *mood != Mood::Hanging).await;
            Verdict::Unavailable(None)
        }
        // The connection will close now.
        Mood::Down | Mood::Garbage => Verdict::Unavailable(None),
    };
    Ok(protocol.answer(&verdict))
}
