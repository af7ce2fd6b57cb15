//! What the host tells hooks: the app, the function, the invocation and its HTTP request.

use std::marker::PhantomData;
use std::path::Path;

use abi_stable::std_types::Tuple2;

use crate::{Value, abi};

/// Where an extension runs. Valid during `init`.
pub struct AppInfo<'a> {
    pub(crate) raw: abi::Init,
    pub(crate) borrowed: PhantomData<&'a ()>,
}

impl<'a> AppInfo<'a> {
    /// The app's root folder. Extensions treat it as read-only.
    pub fn root(&self) -> &'a Path {
        // SAFETY: the host keeps the context alive for the call, which `'a` stands for.
        Path::new(unsafe { (self.raw.functions.app_root())(self.raw.this) }.as_str())
    }

    /// Which worker process this is, from 0.
    pub fn worker_index(&self) -> u32 {
        // SAFETY: as in `root`.
        unsafe { (self.raw.functions.worker_index())(self.raw.this) }
    }

    pub(crate) fn function(&self) -> Option<Function<'a>> {
        // SAFETY: as in `root`.
        unsafe { (self.raw.functions.function())(self.raw.this) }
            .into_option()
            .map(Function::new)
    }
}

/// A function of the app.
#[derive(Clone, Copy)]
pub struct Function<'a> {
    raw: abi::Function,
    borrowed: PhantomData<&'a ()>,
}

impl<'a> Function<'a> {
    pub(crate) fn new(raw: abi::Function) -> Self {
        Function {
            raw,
            borrowed: PhantomData,
        }
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        // SAFETY: the host keeps the function alive for the call, which `'a` stands for.
        unsafe { (self.raw.functions.name())(self.raw.this) }.as_str()
    }

    /// Its folder. Extensions treat it as read-only.
    pub fn directory(&self) -> &'a Path {
        // SAFETY: as in `name`.
        Path::new(unsafe { (self.raw.functions.directory())(self.raw.this) }.as_str())
    }

    /// The binding type of its trigger: "httpTrigger", "timerTrigger", …
    pub fn trigger(&self) -> &'a str {
        // SAFETY: as in `name`.
        unsafe { (self.raw.functions.trigger())(self.raw.this) }.as_str()
    }

    /// For an HTTP trigger, the route template with the app's prefix: "api/hello/{name}".
    pub fn route(&self) -> Option<&'a str> {
        // SAFETY: as in `name`.
        unsafe { (self.raw.functions.route())(self.raw.this) }
            .into_option()
            .map(|text| text.as_str())
    }
}

/// One call of a function. Valid during the hook that received it; hooks of one call never run at the same time.
pub struct Invocation<'a> {
    raw: abi::Invocation,
    borrowed: PhantomData<&'a ()>,
}

/// W3C trace context headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext<'a> {
    /// `traceparent`; empty where there is none.
    pub traceparent: &'a str,
    /// `tracestate`; empty where there is none.
    pub tracestate: &'a str,
}

impl<'a> Invocation<'a> {
    pub(crate) fn new(raw: abi::Invocation) -> Self {
        Invocation {
            raw,
            borrowed: PhantomData,
        }
    }

    /// The invocation's id: a hyphenated UUID, as in the logs and in `context.invocation_id`.
    pub fn id(&self) -> &'a str {
        // SAFETY: the host keeps the invocation alive for the hook, which `'a` stands for.
        unsafe { (self.raw.functions.id())(self.raw.this) }.as_str()
    }

    /// The function that is called.
    pub fn function(&self) -> Function<'a> {
        // SAFETY: as in `id`.
        Function::new(unsafe { (self.raw.functions.function())(self.raw.this) })
    }

    /// The trace context that the function sees: the caller's, unless an extension replaced it.
    pub fn trace_context(&self) -> TraceContext<'_> {
        // SAFETY: as in `id`; `set_trace_context` takes `&mut self`, so nothing replaces it meanwhile.
        let raw = unsafe { (self.raw.functions.trace_context())(self.raw.this) };
        TraceContext {
            traceparent: raw.traceparent.as_str(),
            tracestate: raw.tracestate.as_str(),
        }
    }

    /// Replaces the trace context that the function sees as `context.trace_context`. Only pre hooks have a use for it.
    pub fn set_trace_context(&mut self, traceparent: &str, tracestate: &str) {
        // SAFETY: as in `id`; the host copies the strings.
        unsafe {
            (self.raw.functions.set_trace_context())(self.raw.this, traceparent.into(), tracestate.into())
        }
    }

    /// The number of this retry (0 for the first attempt) and the maximum of the function's retry policy.
    pub fn retry(&self) -> (u32, u32) {
        // SAFETY: as in `id`.
        let Tuple2(count, max) = unsafe { (self.raw.functions.retry())(self.raw.this) };
        (count, max)
    }

    /// The HTTP request, for an HTTP trigger.
    pub fn http_request(&self) -> Option<HttpRequest<'a>> {
        // SAFETY: as in `id`; the request lives as long as the invocation.
        unsafe { (self.raw.functions.http_request())(self.raw.this) }
            .into_option()
            .map(|raw| HttpRequest {
                raw,
                borrowed: PhantomData,
            })
    }

    /// Sets an attribute of the Python `context`: a plain value, or an object ([`Value::object`]) whose
    /// methods the function can call. An attribute of that name that is there already is replaced; the
    /// context's own (`invocation_id`, …) cannot be.
    pub fn set_attribute(&mut self, name: &str, value: impl Into<Value>) {
        // SAFETY: as in `id`; the host copies the name and takes the value.
        unsafe {
            (self.raw.functions.set_attribute())(self.raw.this, name.into(), value.into().into_abi());
        }
    }
}

/// The HTTP request that triggered an invocation.
#[derive(Clone, Copy)]
pub struct HttpRequest<'a> {
    raw: abi::HttpRequest,
    borrowed: PhantomData<&'a ()>,
}

impl<'a> HttpRequest<'a> {
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
