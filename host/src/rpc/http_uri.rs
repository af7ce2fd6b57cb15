//! The capability `HttpUri`: the host starts a call over gRPC, and passes its HTTP request on to a server of the worker, so that
//! bodies are streams both ways.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use socket2::{Domain, Socket, Type};

use super::invocation::Asked;
use super::pairs::{NoPair, Pairs};
use crate::app::HttpConfig;
use crate::app::{BOOLEAN, parse_boolean};
use crate::triggers::Calls;
use crate::triggers::http::{AnnouncedCalls, Listener, NotAnnounced, Taking, serve_announced};

/// The app setting that switches it on or off.
pub(super) const SETTING: &str = "FUNCDOCK_HTTP_STREAMS";

/// The package whose functions stream: an app that can import it has it on, as with Microsoft's worker.
const PACKAGE: &str = "azurefunctions/extensions/http/fastapi/__init__.py";

/// The header with the id of the call that a request is for.
const INVOCATION_ID: &str = "x-ms-invocation-id";

/// How long a call waits for its request, and a request for its call. The host sends both at once.
const WAIT: Duration = Duration::from_secs(30);

/// The same when the worker drains: what the host has sent is on its way.
const DRAINING_WAIT: Duration = Duration::from_millis(500);

/// The number of connections that may wait to be accepted: the host opens one for each request that runs.
const BACKLOG: i32 = 4096;

/// The longest pause of the host within a request, or between two. It ends its connections sooner itself, as is right: a request
/// that it sends meanwhile would be lost.
const PAUSE: Duration = Duration::from_secs(300);

/// Whether the host is to pass requests on for an app in `folder`, whose interpreter imports from `packages`.
pub(super) fn is_wanted(
    lookup: impl Fn(&str) -> Option<String>,
    folder: Option<&Path>,
    packages: &[PathBuf],
) -> bool {
    let setting = lookup(SETTING).filter(|text| !text.is_empty());
    if let Some(text) = setting {
        match parse_boolean(&text) {
            Some(is_on) => return is_on,
            None => tracing::warn!("{SETTING} is {text:?}, expected {BOOLEAN}; it counts as not set"),
        }
    }
    let of_app = folder.into_iter().flat_map(|folder| {
        let packages = folder.join(".python_packages/lib/site-packages");
        [packages, folder.to_owned()]
    });
    let mut folders = of_app.chain(packages.iter().cloned());
    folders.any(|folder| folder.join(PACKAGE).is_file())
}

/// The socket to which the host passes requests on.
pub(super) struct HttpSocket {
    address: SocketAddr,
    /// Taken by what serves it.
    socket: Option<Socket>,
}

impl HttpSocket {
    /// Listens at a free port. Only this machine can connect.
    pub(super) fn open() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        socket.listen(BACKLOG)?;
        let address = socket.local_addr()?.as_socket();
        Ok(HttpSocket {
            address: address.ok_or_else(|| io::Error::other("it has no address"))?,
            socket: Some(socket),
        })
    }

    /// Returns the value of the capability.
    pub(super) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the socket, the first time.
    pub(super) fn take(&mut self) -> Option<Socket> {
        self.socket.take()
    }
}

/// The calls whose requests the host passes on. Cheap to clone.
#[derive(Clone)]
pub(super) struct PassedOn {
    pairs: Arc<Pairs<Box<Asked>>>,
    calls: Calls,
}

impl PassedOn {
    /// Serves the requests that come to this socket. Called within a tokio runtime.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub(super) fn serve(
        socket: Socket,
        calls: Calls,
    ) -> io::Result<(Self, impl Future<Output = Result<(), String>> + Send)> {
        let passed_on = PassedOn {
            pairs: Arc::default(),
            calls: calls.clone(),
        };
        // The host has its own limits, and has applied host.json.
        let config = HttpConfig {
            max_request_body_size: u64::MAX,
            max_total_request_body_size: u64::MAX,
            client_timeout: PAUSE,
            ..HttpConfig::default()
        };
        let serving = serve_announced(Listener::from(socket), config, Arc::new(passed_on.clone()), calls)?;
        Ok((passed_on, serving))
    }

    /// Has a call made with the request that comes for it. Answers the host that it is not made if none comes.
    pub(super) async fn call(self, asked: Asked) {
        let id = asked.id().to_owned();
        let offered = self.pairs.offer(&id, Box::new(asked), self.given_up());
        if let Err((asked, reason)) = offered.await {
            asked.refuse(match reason {
                NoPair::Alone => "the HTTP request of the call has not come",
                NoPair::Twice => "another call with the same id waits for its HTTP request",
            });
        }
    }

    /// Waits until it is useless to wait for the other part.
    async fn given_up(&self) {
        tokio::select! {
            () = tokio::time::sleep(WAIT) => {}
            () = async {
                self.calls.draining().await;
                tokio::time::sleep(DRAINING_WAIT).await;
            } => {}
        }
    }
}

impl AnnouncedCalls for PassedOn {
    fn take<'a>(&'a self, headers: &'a HeaderMap) -> Taking<'a> {
        Box::pin(async {
            let id = headers.get(INVOCATION_ID).and_then(|id| id.to_str().ok());
            let id = id.filter(|id| !id.is_empty()).ok_or(NotAnnounced::NoId)?;
            let taken = self.pairs.take(id, self.given_up()).await;
            let asked = taken.map_err(|reason| match reason {
                NoPair::Alone if self.calls.is_draining() => NotAnnounced::Stopping,
                NoPair::Alone => NotAnnounced::Unknown,
                NoPair::Twice => NotAnnounced::Twice,
            })?;
            Ok(Box::new(asked.announced()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_or_the_package_decides() {
        let root = tempfile::tempdir().expect("a folder");
        let (app, packages) = (root.path().join("app"), [root.path().join("site-packages")]);
        let wanted = |setting: &str| {
            let lookup = |name: &str| (name == SETTING).then(|| setting.to_owned());
            is_wanted(lookup, Some(&app), &packages)
        };
        assert!(!wanted("") && wanted("1") && !wanted("maybe"));
        let install = |folder: &Path| {
            let file = folder.join(PACKAGE);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            std::fs::write(file, "").expect("written");
        };
        for place in [
            app.join(".python_packages/lib/site-packages"),
            packages[0].clone(),
        ] {
            install(&place);
            assert!(wanted("") && wanted("maybe") && !wanted("0"), "{place:?}");
            std::fs::remove_dir_all(place).expect("removed");
        }
        assert!(!wanted(""));
    }

    #[test]
    fn only_this_machine_can_connect() {
        let mut socket = HttpSocket::open().expect("a port");
        let uri = socket.uri();
        let port = uri.strip_prefix("http://127.0.0.1:").expect("loopback");
        assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{uri}");
        assert!(socket.take().is_some() && socket.take().is_none());
    }
}
