//! A host that passes HTTP requests on, and the connections on which they come to the worker.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{InvocationRequest, InvocationResponse, RpcHttp};
use funcdock_tests::functions_host::{FunctionsHost, assert_success, call};
use funcdock_tests::{App, python, wait_for};
use socket2::SockRef;

pub(super) const SETTING: &str = "FUNCDOCK_HTTP_STREAMS";

pub(super) fn with_package() -> PathBuf {
    let packages = ["azure-functions", "azurefunctions-extensions-http-fastapi"];
    python::with("http-streams", &packages)
}

/// A host that passes requests on.
pub(super) struct Passing {
    pub(super) host: FunctionsHost,
    pub(super) address: SocketAddr,
}

impl Passing {
    /// Starts a worker of an app that has it on by itself, or by the setting.
    pub(super) fn start(app: App, functions: &[&str]) -> Self {
        let mut host = app.under_functions_host();
        let response = host.init();
        let address = address(&response.capabilities);
        for name in functions {
            assert_success(host.load(name).result.as_ref(), &host);
        }
        Passing { host, address }
    }

    pub(super) fn streams(functions: &[&str]) -> Self {
        let app = App::case("functions_host_streams").python(with_package());
        Passing::start(app, functions)
    }

    pub(super) fn plain(functions: &[&str]) -> Self {
        Passing::start(App::case("functions_host").env(SETTING, "1"), functions)
    }

    /// Starts a call over gRPC, and waits until the worker has it.
    pub(super) fn begin(&mut self, name: &str, id: &str) {
        self.host.send(Content::InvocationRequest(announcement(name, id)));
        self.host.log(&format!("invocation ID: {id}, "));
    }

    /// Sends a request for a call; `head` is its first lines.
    pub(super) fn request(&self, id: &str, head: &str) -> Connection {
        self.send(&format!("{head}\r\nx-ms-invocation-id: {id}"))
    }

    pub(super) fn send(&self, head: &str) -> Connection {
        let mut stream = TcpStream::connect(self.address).expect("the worker listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("not zero");
        write!(stream, "{head}\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
        Connection {
            stream,
            worker: self.host.pid(),
        }
    }

    /// Waits for the end of a call.
    pub(super) fn end(&mut self, id: &str) -> InvocationResponse {
        let response = self.response();
        assert_eq!(response.invocation_id, id, "{}", self.host.output());
        response
    }

    pub(super) fn response(&mut self) -> InvocationResponse {
        match self.host.receive() {
            Content::InvocationResponse(response) => response,
            other => panic!("{other:?}\n{}", self.host.output()),
        }
    }

    pub(super) fn assert_ends(&mut self, id: &str) {
        let response = self.end(id);
        assert_success(response.result.as_ref(), &self.host);
        assert_eq!(response.return_value.and_then(|value| value.data), None);
    }
}

/// A connection with one request.
pub(super) struct Connection {
    stream: TcpStream,
    /// The worker's process id.
    worker: i32,
}

impl Connection {
    pub(super) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("sent");
    }

    /// Waits until the worker has read what was sent.
    pub(super) fn arrived(self) -> Self {
        let has_read = || {
            let (sent, received) = self.rows();
            (sent?.unsent == 0).then_some(())?;
            received.filter(|socket| socket.inode != 0 && socket.unread == 0)
        };
        assert!(
            wait_for(has_read).is_some(),
            "the worker does not read the request"
        );
        self
    }

    /// Closes the connection in a way that cannot be taken for the end of one side only, and waits until the worker has
    /// noticed it.
    pub(super) fn reset(self) {
        let (_, received) = self.rows();
        let received = received.expect("it is connected").inode;
        let resets = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        resets.expect("a TCP socket");
        drop(self.stream);
        let descriptors = format!("/proc/{}/fd", self.worker);
        let is_closed = || {
            let descriptors = std::fs::read_dir(&descriptors)
                .expect("the worker runs")
                .flatten();
            let mut targets = descriptors.filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok());
            let name = format!("socket:[{received}]");
            (!targets.any(|target| target.as_os_str() == name.as_str())).then_some(())
        };
        assert!(wait_for(is_closed).is_some(), "the worker keeps the connection");
    }

    /// Returns what the system knows of this end, and of the worker's.
    fn rows(&self) -> (Option<SystemSocket>, Option<SystemSocket>) {
        let local = self.stream.local_addr().expect("connected");
        let peer = self.stream.peer_addr().expect("connected");
        (SystemSocket::find(local, peer), SystemSocket::find(peer, local))
    }

    /// Reads until the text has come.
    pub(super) fn read_until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        let mut buffer = [0; 4096];
        while !seen.contains(text) {
            let count = self.stream.read(&mut buffer).expect("a response");
            assert!(count > 0, "closed after {seen:?}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        seen
    }

    /// Reads to the end; returns the status and the body.
    pub(super) fn read(mut self) -> (u16, String) {
        let mut text = String::new();
        self.stream.read_to_string(&mut text).expect("a response");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }
}

/// What the system knows of an end of a connection.
struct SystemSocket {
    /// What was written, and has not come to the other end.
    unsent: u64,
    /// What has come, and was not read.
    unread: u64,
    /// 0 before the connection is accepted.
    inode: u64,
}

impl SystemSocket {
    /// Finds the end with this address; `None` if there is none.
    fn find(local: SocketAddr, remote: SocketAddr) -> Option<Self> {
        let hex = |address: SocketAddr| match address {
            SocketAddr::V4(address) => {
                let ip = u32::from_le_bytes(address.ip().octets());
                format!("{ip:08X}:{:04X}", address.port())
            }
            SocketAddr::V6(_) => panic!("the worker listens at 127.0.0.1"),
        };
        let ends = [hex(local), hex(remote)];
        let all = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
        all.lines().find_map(|line| {
            let columns: Vec<_> = line.split_whitespace().collect();
            (columns.get(1..3)? == ends).then_some(())?;
            let (unsent, unread) = columns.get(4)?.split_once(':')?;
            Some(SystemSocket {
                unsent: u64::from_str_radix(unsent, 16).ok()?,
                unread: u64::from_str_radix(unread, 16).ok()?,
                inode: columns.get(9)?.parse().ok()?,
            })
        })
    }
}

/// Returns where the worker's HTTP server listens.
#[track_caller]
pub(super) fn address(capabilities: &HashMap<String, String>) -> SocketAddr {
    let uri = capabilities.get("HttpUri").expect("it is announced");
    assert_eq!(capabilities["RequiresRouteParameters"], "true");
    let address = uri.strip_prefix("http://").expect("a URI");
    assert!(address.starts_with("127.0.0.1:"), "{uri}");
    address.parse().expect("an address")
}

/// A call as a host has it that passes its request on: with the parameters of the route.
pub(super) fn announcement(name: &str, id: &str) -> InvocationRequest {
    let http = RpcHttp {
        params: HashMap::from([("id".to_owned(), "7".to_owned())]),
        ..RpcHttp::default()
    };
    InvocationRequest {
        invocation_id: id.to_owned(),
        ..call(name, &[("req", Data::Http(Box::new(http)))])
    }
}
