//! HTTP responses: the one of an invocation, which post hooks read and change, and the one that a pre hook answers with.

use abi_stable::std_types::Tuple2;

use super::error::{Error, Result};
use crate::abi;

/// The HTTP response that the client will get: what the function returned, or the host's response for a call that
/// failed. The post hooks that follow see the changes.
pub struct HttpResponse<'a> {
    raw: abi::HttpResponse<'a>,
}

impl<'a> HttpResponse<'a> {
    pub(crate) fn new(raw: abi::HttpResponse<'a>) -> Self {
        HttpResponse { raw }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.raw.status()
    }

    /// Changes the status code.
    ///
    /// # Errors
    /// [`ErrorKind::Value`](crate::ErrorKind::Value) for a number that is not a final status (200 to 999).
    pub fn set_status(&mut self, status: u16) -> Result<()> {
        self.raw.set_status(status).into_result().map_err(Error::from_abi)
    }

    /// The first value of a header; names compare without case. `None` also if it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.raw.header(name.into()).into_option()?;
        std::str::from_utf8(value.as_slice()).ok()
    }

    /// All headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        (0..).map_while(|index| {
            let Tuple2(name, value) = self.raw.header_at(index).into_option()?;
            Some((name.as_str(), value.as_slice()))
        })
    }

    /// Sets a header, replacing the values that it has.
    ///
    /// # Errors
    /// [`ErrorKind::Value`](crate::ErrorKind::Value) for a name or a value that is not valid in HTTP.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<()> {
        self.put_header(name, value, false)
    }

    /// Adds a value to a header.
    ///
    /// # Errors
    /// As for [`set_header`](Self::set_header).
    pub fn append_header(&mut self, name: &str, value: &str) -> Result<()> {
        self.put_header(name, value, true)
    }

    fn put_header(&mut self, name: &str, value: &str, append: bool) -> Result<()> {
        self.raw
            .set_header(name.into(), value.into(), append)
            .into_result()
            .map_err(Error::from_abi)
    }

    /// Removes a header with all its values.
    pub fn remove_header(&mut self, name: &str) {
        self.raw.remove_header(name.into());
    }

    /// Whether the body is a stream: it is made while it is sent.
    pub fn is_streamed(&self) -> bool {
        self.raw.body().is_none()
    }

    /// The body; `None` if it is a stream, which hooks do not read.
    pub fn body(&self) -> Option<&[u8]> {
        let body = self.raw.body().into_option()?;
        Some(body.as_slice())
    }

    /// Replaces the body. A stream is dropped: the function makes no more of it.
    pub fn set_body(&mut self, body: impl Into<Vec<u8>>) {
        self.raw.set_body(body.into().into());
    }
}

/// The response that a pre hook gives instead of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// HTTP status code, 200 or above: those below are not final.
    pub status: u16,
    /// Header names and values; names may repeat.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A response with this status and no body.
    pub fn new(status: u16) -> Self {
        Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn into_abi(self) -> abi::Response {
        abi::Response {
            status: self.status,
            headers: self
                .headers
                .into_iter()
                .map(|(name, value)| Tuple2(name.into(), value.into()))
                .collect(),
            body: self.body.into(),
        }
    }
}
