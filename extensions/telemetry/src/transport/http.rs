//! Posting batches over HTTP: one client, TLS, compression, redirects.
//!
//! The client blocks, as it runs on an exporter's thread, and needs no runtime. It keeps its connection between batches.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant, SystemTime};

use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use ureq::SendBody;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;

use super::address_cache::AddressCache;
use super::retry::{Again, Failure, Retry};
use crate::credentials::{Credentials, url_to_show};
use crate::export::{ExportError, ShutdownSignal};
use crate::scope;
use crate::settings::{Compression, HttpTarget, Tls};

/// The most that is read of a response. Usual ones have a few bytes, or a few hundred for each refused span.
const MAX_RESPONSE: u64 = 1 << 20;
/// How much of a response that refuses spans goes to the log, in characters.
const LOGGED_RESPONSE: usize = 200;
const REDIRECTS: usize = 5;

/// What differs between protocols over HTTP.
pub(crate) struct Protocol {
    pub(crate) content_type: &'static str,
    /// Whether another attempt may help after this status and the pause that the server asks for.
    pub(crate) is_busy: fn(StatusCode, Option<Duration>) -> bool,
    /// Whether redirects are followed, to any host. Headers go along, so they must not hold a secret.
    pub(crate) follows_redirects: bool,
}

/// Posts to one server.
pub(crate) struct Client {
    agent: ureq::Agent,
    addresses: AddressCache,
    protocol: &'static Protocol,
    /// Replaced when the server has moved for good.
    url: RefCell<Uri>,
    headers: HeaderMap,
    compression: Compression,
    retry: Retry,
    /// What messages must not show.
    credentials: Credentials,
}

/// A server's response to a batch that it took.
#[derive(Debug)]
pub(crate) struct Response {
    /// The pause that the server asks for.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// A body, ready to be sent: two parts, so that a batch is not copied behind its head.
pub(crate) struct Body<'a> {
    start: &'a [u8],
    rest: &'a [u8],
    /// Both parts, if they are compressed.
    compressed: Option<Vec<u8>>,
}

impl Client {
    /// # Errors
    /// The target's certificates or its key cannot be used.
    pub(crate) fn new(target: &HttpTarget, protocol: &'static Protocol) -> Result<Self, ureq::Error> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls_config(&target.tls)?)
            .build();
        let addresses = AddressCache::default();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::new(), addresses.clone());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(protocol.content_type));
        headers.insert(USER_AGENT, HeaderValue::from_static(scope::USER_AGENT));
        for (name, value) in &target.headers {
            headers.insert(name, value.clone());
        }
        if target.compression == Compression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(Client {
            agent,
            addresses,
            protocol,
            url: RefCell::new(target.url.clone()),
            headers,
            compression: target.compression,
            retry: Retry::new(target.timeout),
            credentials: Credentials::of(&target.url, &target.headers),
        })
    }

    /// Hides this text in messages, even if the server repeats it.
    pub(crate) fn hiding(mut self, secret: &str) -> Self {
        self.credentials.add(secret);
        self
    }

    /// Posts `start` and `rest` as one body until the server takes it, or further attempts cannot help.
    pub(crate) fn send(
        &self,
        closing: &ShutdownSignal,
        start: &[u8],
        rest: &[u8],
    ) -> Result<Response, ExportError> {
        let body = self.body(start, rest)?;
        self.attempts(closing, |left| self.post(&body, left))
    }

    /// Runs `attempt`, with the time that it may take, by the policy of [`Retry`].
    pub(crate) fn attempts<T>(
        &self,
        closing: &ShutdownSignal,
        attempt: impl FnMut(Duration) -> Result<T, Failure>,
    ) -> Result<T, ExportError> {
        self.retry.run(closing, attempt)
    }

    pub(crate) fn body<'a>(&self, start: &'a [u8], rest: &'a [u8]) -> io::Result<Body<'a>> {
        Ok(Body {
            start,
            rest,
            compressed: match self.compression {
                Compression::None => None,
                Compression::Gzip => Some(gzip(start, rest)?),
            },
        })
    }

    /// Makes one attempt.
    pub(crate) fn post(&self, body: &Body<'_>, left: Duration) -> Result<Response, Failure> {
        let end = Instant::now() + left;
        let mut url = self.url.borrow().clone();
        for _ in 0..=REDIRECTS {
            match self.post_to(&url, body, end.saturating_duration_since(Instant::now()))? {
                Ok(response) => return Ok(response),
                Err(elsewhere) => url = elsewhere,
            }
        }
        Err(Failure::never(ExportError::Redirect {
            to: url_to_show(&url.to_string()),
            problem: "it redirects again and again",
        }))
    }

    /// Prepares a server's text for a message: short, on one line, without credentials.
    pub(crate) fn for_message(&self, text: &[u8]) -> String {
        let mut text = self.credentials.hide(&String::from_utf8_lossy(text));
        let cut = text.char_indices().nth(LOGGED_RESPONSE);
        if let Some((end, _)) = cut {
            text.truncate(end);
            text.push('…');
        }
        text.escape_debug().to_string()
    }

    /// Returns the response, or the URL to post to instead.
    fn post_to(&self, url: &Uri, body: &Body<'_>, left: Duration) -> Result<Result<Response, Uri>, Failure> {
        let (start, rest) = match &body.compressed {
            Some(compressed) => (&compressed[..], &[][..]),
            None => (body.start, body.rest),
        };
        let mut reader = start.chain(rest);
        let mut request = Request::post(url.clone())
            .body(SendBody::from_reader(&mut reader))
            .map_err(|error| Failure::never(ureq::Error::from(error)))?;
        *request.headers_mut() = self.headers.clone();
        let length = HeaderValue::from(start.len() + rest.len());
        request.headers_mut().insert(CONTENT_LENGTH, length);
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(left))
            .build();
        let mut response = self.agent.run(request).map_err(|error| {
            // The server may have moved.
            self.addresses.forget();
            Failure {
                error: error.into(),
                again: Again::Unreached,
            }
        })?;
        let status = response.status();
        if self.protocol.follows_redirects && matches!(status.as_u16(), 307 | 308) {
            let elsewhere = elsewhere(url, response.headers()).map_err(Failure::never)?;
            if status == StatusCode::PERMANENT_REDIRECT {
                self.url.replace(elsewhere.clone());
            }
            return Ok(Err(elsewhere));
        }
        let retry_after = response.headers().get(RETRY_AFTER).and_then(delay);
        // The status counts, whether or not the rest can be read.
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_RESPONSE)
            .read_to_vec()
            .unwrap_or_default();
        if status.is_success() {
            return Ok(Ok(Response { retry_after, body }));
        }
        Err(Failure {
            error: ExportError::Refused {
                status,
                body: self.for_message(&body),
            },
            again: match (self.protocol.is_busy)(status, retry_after) {
                true => Again::Busy(retry_after),
                false => Again::Never,
            },
        })
    }
}

/// Returns the target of a redirect. A batch for https is not sent over http.
fn elsewhere(from: &Uri, headers: &HeaderMap) -> Result<Uri, ExportError> {
    let to = headers
        .get(LOCATION)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let problem = |problem| ExportError::Redirect {
        to: url_to_show(&String::from_utf8_lossy(to)),
        problem,
    };
    let mut uri = Uri::try_from(to).map_err(|_| problem("that is not a URL"))?;
    if uri.authority().is_none() {
        // A path on the same server.
        let mut parts = uri.into_parts();
        parts.scheme = from.scheme().cloned();
        parts.authority = from.authority().cloned();
        uri = Uri::from_parts(parts).map_err(|_| problem("that is not a URL"))?;
    }
    match (from.scheme_str(), uri.scheme_str()) {
        (_, Some("https")) | (Some("http"), Some("http")) => Ok(uri),
        (_, Some("http")) => Err(problem("that leads from https to http")),
        _ => Err(problem("that is not a URL of http or https")),
    }
}

/// Parses `Retry-After`: seconds, or a date.
fn delay(value: &HeaderValue) -> Option<Duration> {
    let value = value.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Compresses at the fastest level: spans are so repetitive that higher levels gain little.
fn gzip(start: &[u8], rest: &[u8]) -> io::Result<Vec<u8>> {
    let room = (start.len() + rest.len()) / 8;
    let mut encoder = GzEncoder::new(Vec::with_capacity(room), flate2::Compression::fast());
    encoder.write_all(start)?;
    encoder.write_all(rest)?;
    encoder.finish()
}

fn tls_config(tls: &Tls) -> Result<TlsConfig, ureq::Error> {
    let mut config = TlsConfig::builder();
    if let Some(authorities) = &tls.authorities {
        config = config.root_certs(RootCerts::new_with_certs(&certificates(authorities)?));
    }
    if let Some(identity) = &tls.identity {
        let chain = certificates(&identity.certificate)?;
        let key = PrivateKey::from_pem(&identity.key)?;
        config = config.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
    }
    Ok(config.build())
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, ureq::Error> {
    let certificates = parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    certificates.collect()
}

#[cfg(test)]
mod tests;
