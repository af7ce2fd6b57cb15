//! The recent records of the host, and those that follow, for `funcdock logs`: a line of JSON for some records at a time.
//!
//! The body is made while the client takes it, from memory that all processes of the host share. So whoever logs does not
//! wait for a client, and a slow one misses records.

use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::time::Instant;

use super::super::limits::LAST_REQUESTS;
use super::super::responses::{self, ResponseBody};
use crate::logging::{Level, LogLine, LogsEnd, Reader, Recent, RecentRecord};
use crate::model::{Body, BodyError, BodyStream};
use crate::pipeline::LoadedFunction;
use crate::triggers::Calls;

/// The time between two looks for new records.
const LOOK: Duration = Duration::from_millis(50);

/// The bytes of records after which a line is sent.
const LINE: usize = 64 << 10;

/// What a client asks for.
#[derive(Debug, Default, PartialEq)]
struct Query {
    /// The number of records of the past.
    lines: Option<usize>,
    follow: bool,
    level: Option<Level>,
    function: Option<String>,
    /// Where another response ended.
    after: Option<String>,
}

impl Query {
    fn read(query: &str) -> Result<Self, String> {
        let mut read = Query::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "lines" => read.lines = Some(parsed(&name, &value, "a whole number")?),
                "follow" => read.follow = parsed(&name, &value, "true or false")?,
                "level" => {
                    let level = Level::by_name(&value);
                    read.level = Some(level.ok_or_else(|| problem(&name, &value, Level::EXPECTED))?);
                }
                "function" => read.function = Some(value.into_owned()),
                "after" => read.after = Some(value.into_owned()),
                // The key, for example.
                _ => {}
            }
        }
        Ok(read)
    }

    fn wants(&self, record: &RecentRecord) -> bool {
        self.level.is_none_or(|level| record.level <= level)
            && self.function.as_ref().is_none_or(|wanted| {
                let name = record.function.as_ref();
                name.is_some_and(|name| name.eq_ignore_ascii_case(wanted))
            })
    }
}

fn parsed<T: FromStr>(name: &str, value: &str, expected: &str) -> Result<T, String> {
    value.parse().map_err(|_| problem(name, value, expected))
}

fn problem(name: &str, value: &str, expected: &str) -> String {
    format!("{name} is {value:?} in the query; expected {expected}\n")
}

/// Responds with the records that there are. A client that follows them also gets those to come: until the worker drains, and
/// the calls of these functions have ended.
pub(super) fn answer(
    parts: &Parts,
    calls: &Calls,
    functions: &[Arc<LoadedFunction>],
) -> Response<ResponseBody> {
    let Some(recent) = Recent::get() else {
        return responses::plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "the host keeps no records; its log says why, at the start\n",
        );
    };
    let query = match Query::read(parts.uri.query().unwrap_or_default()) {
        Ok(query) => query,
        Err(problem) => return responses::plain(StatusCode::BAD_REQUEST, problem),
    };
    let reader = match &query.after {
        None => Some(recent.read()),
        Some(place) => recent.read_after(place),
    };
    let Some(reader) = reader else {
        return responses::plain(
            StatusCode::GONE,
            "the place that \"after\" names is not one of this host: it was started later\n",
        );
    };
    let records = Records {
        recent,
        reader: Some(reader),
        query,
        calls: calls.clone(),
        functions: functions.to_vec(),
        state: State::Begins,
    };
    let frames = stream::unfold(records, |mut records| async {
        let line = records.next().await?;
        Some((line, records))
    });
    let mut response = Response::new(ResponseBody::from(Body::Stream(BodyStream::new(
        StreamBody::new(frames),
    ))));
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, responses::LINES);
    headers.insert(http::header::CACHE_CONTROL, responses::NO_STORE);
    response
}

/// The records of a response.
struct Records {
    recent: Recent,
    /// `None` only while another thread has it.
    reader: Option<Reader>,
    query: Query,
    calls: Calls,
    functions: Vec<Arc<LoadedFunction>>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Begins,
    Follows,
    /// The worker drains, since then.
    Drains(Instant),
    Over,
}

impl Records {
    /// Waits for the next line of the response; `None` if there is none.
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, BodyError>> {
        let line = match self.state {
            State::Begins => {
                self.state = match self.query.follow {
                    true => State::Follows,
                    false => State::Over,
                };
                match self.past().await {
                    Ok(line) => line,
                    Err(error) => return Some(Err(error)),
                }
            }
            State::Follows | State::Drains(_) => self.following().await,
            State::Over => return None,
        };
        let mut text = match serde_json::to_vec(&line) {
            Ok(text) => text,
            Err(error) => return Some(Err(error.into())),
        };
        text.push(b'\n');
        Some(Ok(Frame::data(text.into())))
    }

    /// Returns what was there before. Reads it all, so on a thread of its own.
    async fn past(&mut self) -> Result<LogLine, BodyError> {
        let mut reader = self.reader.take().ok_or("the reader is lost")?;
        let query = std::mem::take(&mut self.query);
        let read = tokio::task::spawn_blocking(move || {
            let count = query.lines.unwrap_or(usize::MAX);
            let records = reader.last(count, |record| query.wants(record));
            (records, reader, query)
        });
        let (records, mut reader, query) = read.await?;
        let line = line(&mut reader, records);
        (self.reader, self.query) = (Some(reader), query);
        Ok(line)
    }

    /// Waits for new records, or the end.
    async fn following(&mut self) -> LogLine {
        loop {
            // First, so that no record comes between the last look and the end.
            let end = self.end();
            let Some(reader) = &mut self.reader else {
                return LogLine::default();
            };
            let (mut records, mut length) = (VecDeque::new(), 0);
            while length < LINE
                && let Some(record) = reader.next()
            {
                if self.query.wants(&record) {
                    length += record.text.len();
                    records.push_back(record);
                } else {
                    // A flood of others must not keep the loop of the worker.
                    length += 1 + record.text.len() / 4;
                }
            }
            let line = line(reader, records);
            if !line.records.is_empty() || line.lost > 0 {
                return line;
            }
            if end.is_some() && length == 0 {
                self.state = State::Over;
                return LogLine { end, ..line };
            }
            match length {
                0 => tokio::time::sleep(LOOK).await,
                _ => tokio::task::yield_now().await,
            }
        }
    }

    /// Returns why the records end, if they do: the worker drains, and its calls have ended. If the host stops, those of all
    /// workers have.
    fn end(&mut self) -> Option<LogsEnd> {
        let since = match self.state {
            State::Drains(since) => since,
            _ if self.calls.is_draining() => {
                self.state = State::Drains(Instant::now());
                return None;
            }
            _ => return None,
        };
        let has_calls = |function: &Arc<LoadedFunction>| function.counts.now().in_flight > 0;
        // Calls may begin until then.
        if since.elapsed() < 2 * LAST_REQUESTS || self.functions.iter().any(has_calls) {
            return None;
        }
        if !self.recent.is_stopping() {
            return Some(LogsEnd::Replaced);
        }
        self.recent.finish();
        (!self.recent.is_busy()).then_some(LogsEnd::Stopped)
    }
}

fn line(reader: &mut Reader, records: VecDeque<RecentRecord>) -> LogLine {
    LogLine {
        records: records.into_iter().map(|record| record.text).collect(),
        lost: reader.take_lost(),
        next: reader.place(),
        end: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_is_wrong_with_it() {
        let query = Query::read("lines=5&follow=true&level=Warning&function=hello&code=key").expect("valid");
        let expected = Query {
            lines: Some(5),
            follow: true,
            level: Some(Level::Warn),
            function: Some("hello".to_owned()),
            after: None,
        };
        assert_eq!(query, expected);
        for (query, expected) in [
            (
                "lines=-1",
                "lines is \"-1\" in the query; expected a whole number\n",
            ),
            (
                "follow=1",
                "follow is \"1\" in the query; expected true or false\n",
            ),
        ] {
            assert_eq!(Query::read(query), Err(expected.to_owned()));
        }
        let error = Query::read("level=loud").expect_err("not a level");
        assert!(error.contains("\"loud\"") && error.contains("warning"), "{error}");
    }

    #[test]
    fn records_are_chosen_by_level_and_function() {
        let record = |level, function: Option<&str>| RecentRecord {
            level,
            function: function.map(str::to_owned),
            text: String::new(),
        };
        let wants = |query: &str, record| Query::read(query).expect("valid").wants(&record);
        assert!(wants("", record(Level::Trace, None)));
        assert!(wants("level=warn", record(Level::Critical, None)));
        assert!(!wants("level=warn", record(Level::Info, Some("hello"))));
        assert!(wants("function=HELLO", record(Level::Info, Some("hello"))));
        assert!(!wants("function=hello", record(Level::Info, Some("hell"))));
        assert!(!wants("function=hello", record(Level::Error, None)));
    }
}
