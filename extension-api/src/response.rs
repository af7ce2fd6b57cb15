//! The HTTP response of an invocation, for post hooks to read and change.

use std::marker::PhantomData;

use abi_stable::std_types::Tuple2;

use crate::{Error, Result, abi};

/// The HTTP response that the client will get: what the function returned, or the host's answer for a call that
/// failed. Changes are seen by the post hooks that follow.
pub struct HttpResponse<'a> {
    raw: abi::HttpResponse,
    borrowed: PhantomData<&'a mut ()>,
}

impl HttpResponse<'_> {
    pub(crate) fn new(raw: abi::HttpResponse) -> Self {
        HttpResponse {
            raw,
            borrowed: PhantomData,
        }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        // SAFETY: the host keeps the response alive for the hook, which the lifetime stands for.
        unsafe { (self.raw.functions.status())(self.raw.this) }
    }

    /// Changes the status code.
    ///
    /// # Errors
    /// [`ErrorKind::Value`](crate::ErrorKind::Value) for what is no final status (200 to 999).
    pub fn set_status(&mut self, status: u16) -> Result<()> {
        // SAFETY: as in `status`; `&mut self` ends what was lent.
        unsafe { (self.raw.functions.set_status())(self.raw.this, status) }
            .into_result()
            .map_err(Error::from_abi)
    }

    /// The first value of a header; names compare without case. `None` also where it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        // SAFETY: as in `status`; it is lent until the next change.
        let value = unsafe { (self.raw.functions.header())(self.raw.this, name.into()) };
        std::str::from_utf8(value.into_option()?.as_slice()).ok()
    }

    /// All headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        (0..).map_while(|index| {
            // SAFETY: as in `header`.
            let header = unsafe { (self.raw.functions.header_at())(self.raw.this, index) };
            header
                .into_option()
                .map(|Tuple2(name, value)| (name.as_str(), value.as_slice()))
        })
    }

    /// Sets a header, replacing the values that it has.
    ///
    /// # Errors
    /// [`ErrorKind::Value`](crate::ErrorKind::Value) for a name or a value that HTTP does not take.
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
        // SAFETY: as in `set_status`; the host copies the texts.
        unsafe { (self.raw.functions.set_header())(self.raw.this, name.into(), value.into(), append) }
            .into_result()
            .map_err(Error::from_abi)
    }

    /// Removes a header with all its values.
    pub fn remove_header(&mut self, name: &str) {
        // SAFETY: as in `set_status`.
        unsafe { (self.raw.functions.remove_header())(self.raw.this, name.into()) }
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        // SAFETY: as in `header`.
        unsafe { (self.raw.functions.body())(self.raw.this) }.as_slice()
    }

    /// Replaces the body.
    pub fn set_body(&mut self, body: impl Into<Vec<u8>>) {
        // SAFETY: as in `set_status`; the host takes the body.
        unsafe { (self.raw.functions.set_body())(self.raw.this, body.into().into()) }
    }
}
