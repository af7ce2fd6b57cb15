//! Sends requests to a host that runs, by TCP or a Unix socket, with TLS or without.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::model::{HostAddress, Scheme};

/// How long a host may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostUrl {
    /// At a port.
    At { scheme: Scheme, authority: Authority },
    /// At the file of a Unix socket.
    Socket { scheme: Scheme, file: PathBuf },
}

impl HostUrl {
    /// Returns that of a host that listens there, as this machine reaches it.
    pub(super) fn of(scheme: Scheme, address: &HostAddress) -> Self {
        match address {
            HostAddress::Unix(file) => HostUrl::Socket {
                scheme,
                file: file.clone(),
            },
            HostAddress::Ip(_) => match address.authority().parse() {
                Ok(authority) => HostUrl::At { scheme, authority },
                // An IPv6 address with a scope, which no URL has.
                Err(_) => HostUrl::At {
                    scheme,
                    authority: Authority::from_static("localhost"),
                },
            },
        }
    }

    /// Parses what a user writes.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected http://HOST:PORT, https://HOST:PORT, or unix:FILE";
        if let Some(file) = text.strip_prefix("unix:").filter(|file| !file.is_empty()) {
            return Ok(HostUrl::Socket {
                scheme: Scheme::Http,
                file: file.into(),
            });
        }
        let uri: Uri = text.parse().map_err(|_| EXPECTED.to_owned())?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(EXPECTED.to_owned()),
        };
        let is_root = uri.path_and_query().is_none_or(|path| path == "/");
        match uri.authority().filter(|_| is_root) {
            Some(authority) if !authority.as_str().contains('@') => Ok(HostUrl::At {
                scheme,
                authority: authority.clone(),
            }),
            _ => Err(EXPECTED.to_owned()),
        }
    }

    /// Returns the same place with TLS.
    pub(super) fn with_tls(&self) -> Self {
        let mut url = self.clone();
        match &mut url {
            HostUrl::At { scheme, .. } | HostUrl::Socket { scheme, .. } => *scheme = Scheme::Https,
        }
        url
    }

    /// Whether only this machine has it.
    pub(super) fn is_local(&self) -> bool {
        match self {
            HostUrl::Socket { .. } => true,
            HostUrl::At { authority, .. } => {
                let host = authority.host().trim_matches(['[', ']']);
                let address = host.parse::<std::net::IpAddr>();
                host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
            }
        }
    }

    fn scheme(&self) -> Scheme {
        match self {
            HostUrl::At { scheme, .. } | HostUrl::Socket { scheme, .. } => *scheme,
        }
    }

    fn host(&self) -> &str {
        match self {
            HostUrl::At { authority, .. } => authority.host().trim_matches(['[', ']']),
            HostUrl::Socket { .. } => "localhost",
        }
    }
}

impl fmt::Display for HostUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostUrl::At { scheme, authority } => write!(f, "{}://{authority}", scheme.as_str()),
            HostUrl::Socket { file, .. } => write!(f, "unix:{}", file.display()),
        }
    }
}

/// Why a host has not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nobody is there.
    #[error("cannot reach a host at {url}")]
    Connect { url: HostUrl, source: io::Error },
    /// Its certificate is not trusted, or it does not speak TLS.
    #[error("no TLS connection with the host at {url}")]
    Tls { url: HostUrl, source: io::Error },
    /// It has closed the connection.
    #[error("the host at {url} did not answer; its log may say why")]
    Lost { url: HostUrl, source: hyper::Error },
}

/// Sends requests to one host. Needs a tokio runtime with I/O and time.
#[derive(Debug)]
pub(super) struct Client {
    url: HostUrl,
    /// With `https`.
    tls: Option<Arc<ClientConfig>>,
}

impl Client {
    /// Returns a client of a host that listens at this file, without TLS.
    pub(super) fn at_socket(file: &Path) -> Self {
        Client {
            url: HostUrl::Socket {
                scheme: Scheme::Http,
                file: file.to_owned(),
            },
            tls: None,
        }
    }

    /// Returns a client of this host. Makes the configuration of TLS with `tls` if that is needed.
    pub(super) fn new<E>(
        url: HostUrl,
        tls: impl FnOnce() -> Result<Arc<ClientConfig>, E>,
    ) -> Result<Self, E> {
        let tls = match url.scheme() {
            Scheme::Https => Some(tls()?),
            Scheme::Http => None,
        };
        Ok(Client { url, tls })
    }

    /// Returns where the host is.
    pub(super) fn url(&self) -> &HostUrl {
        &self.url
    }

    /// Sends a request on a connection of its own, and waits for the head of the response.
    pub(super) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ClientError> {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.unwrap_or_else(|| PathAndQuery::from_static("/")).into();
        let authority = match &self.url {
            HostUrl::At { authority, .. } => HeaderValue::from_str(authority.as_str()).ok(),
            HostUrl::Socket { .. } => None,
        };
        let authority = authority.unwrap_or(HeaderValue::from_static("localhost"));
        request.headers_mut().insert(HOST, authority);
        let failed = |source| ClientError::Connect {
            url: self.url.clone(),
            source,
        };
        let connected = timeout(CONNECT, async {
            match &self.url {
                HostUrl::Socket { file, .. } => {
                    let stream = UnixStream::connect(file).await.map_err(failed)?;
                    self.begin(stream).await
                }
                HostUrl::At { authority, scheme } => {
                    let default = match scheme {
                        Scheme::Http => 80,
                        Scheme::Https => 443,
                    };
                    let place = (self.url.host(), authority.port_u16().unwrap_or(default));
                    let stream = TcpStream::connect(place).await.map_err(failed)?;
                    self.begin(stream).await
                }
            }
        });
        let late = || failed(io::Error::other(format!("it takes longer than {CONNECT:?}")));
        let mut sender = connected.await.map_err(|_| late())??;
        sender
            .send_request(request)
            .await
            .map_err(|source| self.lost(source))
    }

    /// Begins to speak HTTP, with TLS if that is needed.
    async fn begin(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<http1::SendRequest<Full<Bytes>>, ClientError> {
        let Some(config) = &self.tls else {
            return self.handshake(stream).await;
        };
        let failed = |source| ClientError::Tls {
            url: self.url.clone(),
            source,
        };
        let name = ServerName::try_from(self.url.host().to_owned());
        let name = name.map_err(|error| failed(io::Error::other(error)))?;
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, stream).await.map_err(failed)?;
        self.handshake(stream).await
    }

    async fn handshake(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<http1::SendRequest<Full<Bytes>>, ClientError> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|source| self.lost(source))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn lost(&self, source: hyper::Error) -> ClientError {
        ClientError::Lost {
            url: self.url.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_hosts_are_parsed_and_others_refused() {
        for (text, is_local) in [
            ("http://localhost:7071", true),
            ("https://127.0.0.1", true),
            ("http://[::1]:80", true),
            ("https://shop.example:8443", false),
            ("http://10.0.0.1:7071", false),
            ("unix:/run/app.sock", true),
        ] {
            let url = HostUrl::parse(text).expect(text);
            assert_eq!((url.to_string().as_str(), url.is_local()), (text, is_local));
        }
        assert_eq!(
            HostUrl::parse("http://shop.example/").map(|url| url.to_string()),
            Ok("http://shop.example".to_owned())
        );
        for text in [
            "",
            "localhost:7071",
            "shop",
            "ftp://shop",
            "unix:",
            "http://a:b@shop",
            "http://shop/api",
            "http://",
        ] {
            assert!(HostUrl::parse(text).is_err(), "{text}");
        }
    }
}
