//! The HTTP request that triggered an invocation.

use std::marker::PhantomData;

use abi_stable::std_types::Tuple2;

use crate::abi;

/// The HTTP request that triggered an invocation.
#[derive(Clone, Copy)]
pub struct HttpRequest<'a> {
    raw: abi::HttpRequest,
    borrowed: PhantomData<&'a ()>,
}

impl<'a> HttpRequest<'a> {
    pub(crate) fn new(raw: abi::HttpRequest) -> Self {
        HttpRequest {
            raw,
            borrowed: PhantomData,
        }
    }

    /// The method, upper case.
    pub fn method(&self) -> &'a str {
        // SAFETY: the host keeps the request alive with its invocation, which `'a` stands for.
        unsafe { (self.raw.functions.method())(self.raw.this) }.as_str()
    }

    /// The path as sent, percent-encoded.
    pub fn path(&self) -> &'a str {
        // SAFETY: as in `method`.
        unsafe { (self.raw.functions.path())(self.raw.this) }.as_str()
    }

    /// The query string as sent, without the question mark; empty where there is none.
    pub fn query(&self) -> &'a str {
        // SAFETY: as in `method`.
        unsafe { (self.raw.functions.query())(self.raw.this) }.as_str()
    }

    /// The protocol version: "1.0" or "1.1".
    pub fn version(&self) -> &'static str {
        // SAFETY: as in `method`.
        match unsafe { (self.raw.functions.minor_version())(self.raw.this) } {
            0 => "1.0",
            _ => "1.1",
        }
    }

    /// The first value of a header, as sent; names compare without case.
    pub fn header_bytes(&self, name: &str) -> Option<&'a [u8]> {
        // SAFETY: as in `method`.
        let value = unsafe { (self.raw.functions.header())(self.raw.this, name.into()) };
        value.into_option().map(|value| value.as_slice())
    }

    /// The first value of a header; `None` also where it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.header_bytes(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All headers, names in lower case, in order of arrival by name.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let raw = self.raw;
        (0..).map_while(move |index| {
            // SAFETY: as in `method`.
            let header = unsafe { (raw.functions.header_at())(raw.this, index) };
            header
                .into_option()
                .map(|Tuple2(name, value)| (name.as_str(), value.as_slice()))
        })
    }

    /// The body.
    pub fn body(&self) -> &'a [u8] {
        // SAFETY: as in `method`.
        unsafe { (self.raw.functions.body())(self.raw.this) }.as_slice()
    }

    /// The client's address and port as the socket has it; `None` where unknown.
    pub fn client_address(&self) -> Option<&'a str> {
        // SAFETY: as in `method`.
        let address = unsafe { (self.raw.functions.client_address())(self.raw.this) };
        Some(address.as_str()).filter(|address| !address.is_empty())
    }
}
