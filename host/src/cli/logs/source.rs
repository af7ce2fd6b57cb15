//! Asks a host for its log, and shows what it answers, until it ends.

use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::{Buf as _, Bytes, BytesMut};
use form_urlencoded::Serializer;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use crate::cli::client::{Client, ClientError, HostUrl};
use crate::keys::KeyFolder;
use crate::logging::{self, Level, LogLine, LogsEnd};
use crate::triggers::http::SPEAKS_TLS;

/// The header with the key.
const KEY: &str = "x-functions-key";

/// The pause before another connection replaces one that has ended.
const RETRY: Duration = Duration::from_millis(200);

/// How often a connection may end before anything has come.
const ATTEMPTS: u32 = 5;

/// A host, and what is wanted of its log.
pub(super) struct Source {
    pub(super) client: Client,
    /// What to do if it is not there.
    pub(super) advice: &'static str,
    pub(super) key: Option<String>,
    /// The file that the key may be in, with the key: sent if the host asks for one.
    pub(super) own_keys: Option<KeyFolder>,
    pub(super) follow: bool,
    pub(super) lines: Option<usize>,
    pub(super) level: Option<Level>,
    pub(super) function: Option<String>,
}

/// How a response has ended.
enum Ended {
    /// All was shown.
    Complete,
    /// Nobody reads stdout any more.
    Unread,
    /// The worker was replaced.
    Replaced,
    Broken(hyper::Error),
}

impl Source {
    /// Shows the log to its end.
    pub(super) async fn show(mut self) -> Result<()> {
        let mut response = self.ask(None).await?;
        let (mut next, mut failures) = (None, 0);
        loop {
            let before = next.clone();
            let ended = show(response, &mut next).await;
            failures = if next == before { failures + 1 } else { 0 };
            let why = match ended {
                Ended::Complete | Ended::Unread => return Ok(()),
                Ended::Replaced => None,
                Ended::Broken(error) => Some(error),
            };
            let is_broken = why.is_some();
            let url = self.client.url().clone();
            let broken = match why {
                Some(error) => {
                    anyhow!(error).context(format!("the connection to the host at {url} has broken"))
                }
                None => anyhow!("the worker of {url} that has sent the log was replaced"),
            };
            if !self.follow || failures > ATTEMPTS {
                return Err(broken);
            }
            // Another worker goes on. If one has died, that may take a moment.
            if is_broken {
                tokio::time::sleep(RETRY).await;
            }
            response = match self.ask(next.as_deref()).await {
                Ok(response) => response,
                Err(error) => {
                    return Err(broken.context(format!("the log ends here: {error:#}")));
                }
            };
        }
    }

    /// Asks for the log, from the place where another response has ended. Brings the key if the host wants one.
    async fn ask(&mut self, after: Option<&str>) -> Result<Response<Incoming>> {
        let response = self.send(after).await?;
        if response.status() != StatusCode::UNAUTHORIZED || self.key.is_some() {
            return self.accept(response).await;
        }
        let Some(folder) = &self.own_keys else {
            return self.accept(response).await;
        };
        match folder.master()? {
            Some(key) => self.key = Some(key.value),
            None => return self.accept(response).await,
        }
        let response = self.send(after).await?;
        self.accept(response).await
    }

    async fn send(&self, after: Option<&str>) -> Result<Response<Incoming>> {
        let mut query = Serializer::new(String::new());
        if self.follow {
            query.append_pair("follow", "true");
        }
        match (after, self.lines) {
            (Some(place), _) => drop(query.append_pair("after", place)),
            (None, Some(lines)) => drop(query.append_pair("lines", &lines.to_string())),
            (None, None) => {}
        }
        if let Some(level) = self.level {
            query.append_pair("level", level.name());
        }
        if let Some(function) = &self.function {
            query.append_pair("function", function);
        }
        let mut request = Request::get(format!("/admin/host/logs?{}", query.finish()))
            .body(Full::<Bytes>::default())
            .context("cannot make a request")?;
        if let Some(key) = &self.key {
            let mut value = HeaderValue::from_str(key).map_err(|_| {
                anyhow!("the master key is not one: it has characters that no header can have")
            })?;
            value.set_sensitive(true);
            request.headers_mut().insert(KEY, value);
        }
        self.client.send(request).await.map_err(|error| match error {
            ClientError::Connect { .. } => anyhow!(error).context(format!(
                "no host answers at {}: {}",
                self.client.url(),
                self.advice
            )),
            ClientError::Tls { .. } => anyhow!(error).context(format!(
                "no TLS connection with the host at {}: name its certificate with --cacert, or write http:// in --url if it \
                 serves without TLS",
                self.client.url()
            )),
            ClientError::Lost { .. } => anyhow!(error),
        })
    }

    /// Returns a response that has the log.
    async fn accept(&self, response: Response<Incoming>) -> Result<Response<Incoming>> {
        let url = self.client.url();
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => match (&self.key, &self.own_keys) {
                (Some(_), _) => bail!(
                    "the host at {url} does not take this key; expected its master key, which is in .funcdock/secrets/host.json \
                     of its app"
                ),
                (None, Some(folder)) => bail!(
                    "the host at {url} wants its master key, and there is none in {}; name the folder of its app, or set \
                     FUNCDOCK_MASTER_KEY",
                    folder.path().display()
                ),
                (None, None) => bail!("the host at {url} wants its master key; set FUNCDOCK_MASTER_KEY"),
            },
            StatusCode::NOT_FOUND => bail!(
                "there is no log at {url}; if the host has an --admin-address, it is there: name it with --url. Or another \
                 program than funcdock start serves there"
            ),
            StatusCode::GONE => bail!("another host runs at {url} by now"),
            status => {
                let body = response.into_body().collect().await;
                let body = body.map(|body| body.to_bytes()).unwrap_or_default();
                let body = String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
                if status == StatusCode::BAD_REQUEST
                    && body.contains(SPEAKS_TLS)
                    && matches!(url, HostUrl::At { .. })
                {
                    bail!(
                        "the host at {url} serves with TLS: use --url {}, with --cacert FILE if the system does not trust \
                         its certificate. One that --use-https has made is .funcdock/https/localhost.pem of the app",
                        url.with_tls()
                    );
                }
                bail!("the host at {url} has answered with {status}: {}", body.trim());
            }
        }
    }
}

/// Shows the records of a response. Sets where the next one is.
async fn show(response: Response<Incoming>, next: &mut Option<String>) -> Ended {
    let mut body = response.into_body();
    let mut waiting = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => waiting.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Err(error) => return Ended::Broken(error),
        }
        while let Some(end) = memchr::memchr(b'\n', &waiting) {
            let line = serde_json::from_slice::<LogLine>(&waiting[..end]);
            waiting.advance(end + 1);
            // A later version may say more.
            let Ok(line) = line else { continue };
            if line.lost > 0 {
                logging::print_error(&format_args!(
                    "{} log records are missing here: the host has kept later ones in their place",
                    line.lost
                ));
                logging::flush();
            }
            if print(&line.records).is_err() {
                return Ended::Unread;
            }
            *next = Some(line.next);
            match line.end {
                Some(LogsEnd::Stopped) => return Ended::Complete,
                Some(LogsEnd::Replaced) => return Ended::Replaced,
                None => {}
            }
        }
    }
    Ended::Complete
}

/// Prints records, which have nothing to escape.
fn print(records: &[String]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for record in records {
        stdout.write_all(record.as_bytes())?;
    }
    stdout.flush()
}
