//! Streamed responses over real connections: who ends them, and what a call holds until then.

use super::*;

type Frame = Result<Bytes, BodyError>;

/// Serves a function whose responses are streamed; the test gets a sender of frames for each call.
fn serve_streams(
    timeout: Option<Duration>,
    outstanding: Option<u32>,
) -> (SocketAddr, mpsc::UnboundedReceiver<mpsc::UnboundedSender<Frame>>) {
    let (calls, called) = mpsc::unbounded_channel();
    let address = serve(false, timeout, outstanding, move |_| {
        let (sender, receiver) = mpsc::unbounded_channel();
        calls.send(sender).expect("the test waits");
        Data::Stream(BodyStream::new(Channel(receiver)))
    });
    (address, called)
}

/// Sends a request; returns its connection, and the sender of the response's frames.
async fn request(
    address: SocketAddr,
    method: &str,
    called: &mut mpsc::UnboundedReceiver<mpsc::UnboundedSender<Frame>>,
) -> (TcpStream, mpsc::UnboundedSender<Frame>) {
    let client = send(address, method).await;
    let sender = tokio::time::timeout(LONG, called.recv()).await.expect("in time");
    (client, sender.expect("a call"))
}

async fn send(address: SocketAddr, method: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).await.expect("connected");
    let request = format!("{method} /api/f HTTP/1.1\r\nhost: x\r\n\r\n");
    client.write_all(request.as_bytes()).await.expect("sent");
    client
}

async fn is_dropped(sender: &mpsc::UnboundedSender<Frame>) {
    let closed = tokio::time::timeout(LONG, sender.closed()).await;
    closed.expect("the function is told to make no more");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_stream() {
    let (address, mut called) = serve_streams(None, None);
    // Between frames, and while the function makes nothing.
    for sent in [&["first"][..], &[]] {
        let (mut client, sender) = request(address, "GET", &mut called).await;
        for text in sent {
            sender.send(Ok(Bytes::from(*text))).expect("read");
            read_until(&mut client, text).await;
        }
        drop(client);
        is_dropped(&sender).await;
    }
}

#[tokio::test]
async fn a_response_without_a_body_has_no_stream() {
    let (address, mut called) = serve_streams(None, None);
    let (mut client, sender) = request(address, "HEAD", &mut called).await;
    is_dropped(&sender).await;
    let head = read_until(&mut client, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
}

#[tokio::test]
async fn the_timeout_ends_the_connection() {
    let (address, mut called) = serve_streams(Some(Duration::from_millis(200)), None);
    let (mut client, sender) = request(address, "GET", &mut called).await;
    sender.send(Ok("first".into())).expect("read");
    let mut text = Vec::new();
    let closed = tokio::time::timeout(LONG, client.read_to_end(&mut text)).await;
    closed.expect("in time").expect("closed");
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("first\r\n"), "{text}");
    assert!(
        !text.ends_with("0\r\n\r\n"),
        "the body must not look whole: {text}"
    );
    is_dropped(&sender).await;
}

#[tokio::test]
async fn a_streamed_call_counts_until_its_end() {
    let (address, mut called) = serve_streams(None, Some(1));
    let (mut first, sender) = request(address, "GET", &mut called).await;
    sender.send(Ok("first".into())).expect("read");
    read_until(&mut first, "first\r\n").await;
    let mut second = send(address, "GET").await;
    let head = read_until(&mut second, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    drop(sender);
    read_until(&mut first, "0\r\n\r\n").await;
    let (mut third, sender) = request(address, "GET", &mut called).await;
    drop(sender);
    let head = read_until(&mut third, "0\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}
