//! Posting batches over HTTP, for every exporter that does: one client, TLS, compression, redirects.
//!
//! The client blocks, which suits the exporter's thread: there is no runtime in this library. Its connection is kept
//! between batches.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant, SystemTime};

use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use ureq::SendBody;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;

use super::ExportError;
use super::addresses::Addresses;
use super::retry::{Again, Closing, Failure, Retry};
use crate::settings::{Compression, HttpTarget, Tls};

/// Answers are a few bytes, or a few hundred for each span that was refused; no more than this is read of one.
const MAX_ANSWER: u64 = 1 << 20;
/// How much of an answer that refuses spans goes to the log, in characters.
const SHOWN_ANSWER: usize = 200;
const REDIRECTS: usize = 5;

/// What a protocol over HTTP has of its own.
pub(super) struct Protocol {
    pub(super) content_type: &'static str,
    /// Whether another attempt may help after this status. The time is the one that the server asks for.
    pub(super) is_busy: fn(StatusCode, Option<Duration>) -> bool,
    /// Whether a redirect is followed, to any host. Headers go along, so that those must hold no secret.
    pub(super) follows_redirects: bool,
}

/// Posts to one server.
pub(super) struct Client {
    agent: ureq::Agent,
    addresses: Addresses,
    protocol: &'static Protocol,
    /// Changes where the server has moved for good.
    url: RefCell<Uri>,
    headers: HeaderMap,
    compression: Compression,
    retry: Retry,
    /// What no message may show.
    secret: Option<String>,
}

/// A server's answer to a batch that it took.
#[derive(Debug)]
pub(super) struct Answer {
    /// How long the server wants to be left alone.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// A body, ready to be sent: two parts, so that a batch is not copied behind what is in front of it.
pub(super) struct Body<'a> {
    start: &'a [u8],
    rest: &'a [u8],
    /// Both, if they are compressed.
    compressed: Option<Vec<u8>>,
}

impl Client {
    /// # Errors
    /// The target's certificates or its key cannot be used.
    pub(super) fn new(target: &HttpTarget, protocol: &'static Protocol) -> Result<Self, ureq::Error> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls_config(&target.tls)?)
            .build();
        let addresses = Addresses::default();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::new(), addresses.clone());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(protocol.content_type));
        let own_name = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(own_name));
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
            secret: None,
        })
    }

    /// Never shows this in a message, not even where the server repeats it.
    pub(super) fn hiding(mut self, secret: &str) -> Self {
        self.secret = Some(secret.to_owned());
        self
    }

    /// Posts `start` and `rest` as one body until the server takes it, or there is no use in going on.
    pub(super) fn send(&self, closing: &Closing, start: &[u8], rest: &[u8]) -> Result<Answer, ExportError> {
        let body = self.body(start, rest)?;
        self.attempts(closing, |left| self.post(&body, left))
    }

    /// Runs `attempt`, which is told how long it may take, by the policy of [`Retry`].
    pub(super) fn attempts<T>(
        &self,
        closing: &Closing,
        attempt: impl FnMut(Duration) -> Result<T, Failure>,
    ) -> Result<T, ExportError> {
        self.retry.run(closing, attempt)
    }

    pub(super) fn body<'a>(&self, start: &'a [u8], rest: &'a [u8]) -> io::Result<Body<'a>> {
        Ok(Body {
            start,
            rest,
            compressed: match self.compression {
                Compression::None => None,
                Compression::Gzip => Some(gzip(start, rest)?),
            },
        })
    }

    /// One attempt.
    pub(super) fn post(&self, body: &Body<'_>, left: Duration) -> Result<Answer, Failure> {
        let end = Instant::now() + left;
        let mut url = self.url.borrow().clone();
        for _ in 0..=REDIRECTS {
            match self.post_to(&url, body, end.saturating_duration_since(Instant::now()))? {
                Ok(answer) => return Ok(answer),
                Err(elsewhere) => url = elsewhere,
            }
        }
        Err(Failure::never(ExportError::Redirect {
            to: url.to_string(),
            problem: "it redirects again and again",
        }))
    }

    /// A server's text for a message: short, on one line, without the secret.
    pub(super) fn shown(&self, text: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(text).into_owned();
        if let Some(secret) = &self.secret {
            text = text.replace(secret.as_str(), "(hidden)");
        }
        let cut = text.char_indices().nth(SHOWN_ANSWER);
        if let Some((end, _)) = cut {
            text.truncate(end);
            text.push('…');
        }
        text.escape_debug().to_string()
    }

    /// The answer, or where to post instead.
    fn post_to(&self, url: &Uri, body: &Body<'_>, left: Duration) -> Result<Result<Answer, Uri>, Failure> {
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
        let mut answer = self.agent.run(request).map_err(|error| {
            // It may have moved.
            self.addresses.forget();
            Failure {
                error: error.into(),
                again: Again::Unreached,
            }
        })?;
        let status = answer.status();
        if self.protocol.follows_redirects && matches!(status.as_u16(), 307 | 308) {
            let elsewhere = elsewhere(url, answer.headers()).map_err(Failure::never)?;
            if status == StatusCode::PERMANENT_REDIRECT {
                self.url.replace(elsewhere.clone());
            }
            return Ok(Err(elsewhere));
        }
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(delay);
        // What the status says holds, whether or not the rest can be read.
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec()
            .unwrap_or_default();
        if status.is_success() {
            return Ok(Ok(Answer { retry_after, body }));
        }
        Err(Failure {
            error: ExportError::Refused {
                status,
                body: self.shown(&body),
            },
            again: match (self.protocol.is_busy)(status, retry_after) {
                true => Again::Busy(retry_after),
                false => Again::Never,
            },
        })
    }
}

/// Where a redirect leads. What was to be sent encrypted is not sent in the clear.
fn elsewhere(from: &Uri, headers: &HeaderMap) -> Result<Uri, ExportError> {
    let to = headers
        .get(LOCATION)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let problem = |problem| ExportError::Redirect {
        to: String::from_utf8_lossy(to).into_owned(),
        problem,
    };
    let mut uri = Uri::try_from(to).map_err(|_| problem("that is no URL"))?;
    if uri.authority().is_none() {
        // A path on the same server.
        let mut parts = uri.into_parts();
        parts.scheme = from.scheme().cloned();
        parts.authority = from.authority().cloned();
        uri = Uri::from_parts(parts).map_err(|_| problem("that is no URL"))?;
    }
    match (from.scheme_str(), uri.scheme_str()) {
        (_, Some("https")) | (Some("http"), Some("http")) => Ok(uri),
        (_, Some("http")) => Err(problem("that leads from https to http")),
        _ => Err(problem("that is no URL of http or https")),
    }
}

/// `Retry-After`: seconds, or a date.
fn delay(value: &HeaderValue) -> Option<Duration> {
    let value = value.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The fastest level: spans repeat themselves so much that the others gain little.
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
