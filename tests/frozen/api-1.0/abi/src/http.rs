//! The HTTP request that triggered an invocation, and the response that answers it.

use std::ffi::c_void;
use std::marker::PhantomData;

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RVec, Tuple2};

use super::Error;

/// The name under which [`HttpRequest::header`] has the scheme with which the client sent the request, as in HTTP/2.
pub const SCHEME: &str = ":scheme";

/// The name under which [`HttpRequest::header`] has the host and port to which the client sent the request, as in HTTP/2.
pub const AUTHORITY: &str = ":authority";

/// The name under which [`HttpRequest::header`] has the address and port of the other end of the connection.
pub const PEER: &str = ":peer";

/// The HTTP request of an invocation.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct HttpRequest<'a> {
    functions: HttpRequestFnsRef,
    this: *const c_void,
    lifetime: PhantomData<&'a ()>,
}

// SAFETY: the table's functions may be called from any thread, several at once.
unsafe impl Send for HttpRequest<'_> {}
// SAFETY: as above.
unsafe impl Sync for HttpRequest<'_> {}

/// Functions of [`HttpRequest`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HttpRequestFnsRef, prefix_fields = HttpRequestFnsPrefix)))]
pub struct HttpRequestFns {
    /// The method, upper case.
    pub method: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The path as sent, percent-encoded.
    pub path: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The query string as sent, without the question mark; empty if there is none.
    pub query: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The protocol version: 0 is HTTP/1.0, 1 is HTTP/1.1, 2 is HTTP/2. More may come.
    pub protocol_version: unsafe extern "C" fn(this: *const c_void) -> u8,
    /// The first value of a header; names compare without case.
    pub header: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>) -> ROption<RSlice<'static, u8>>,
    /// The header at this index, in order, until `RNone`.
    pub header_at: unsafe extern "C" fn(
        this: *const c_void,
        index: usize,
    ) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>>,
    /// The body; nothing if it is a stream.
    pub body: unsafe extern "C" fn(this: *const c_void) -> ROption<RSlice<'static, u8>>,
    /// The client's address, such as "127.0.0.1:50000", of the connection or of a trusted proxy; empty if unknown.
    pub client_address: unsafe extern "C" fn(this: *const c_void) -> RStr<'static>,
    /// The name and the value of the route parameter at this index, percent-decoded, in the template's order, until `RNone`.
    #[sabi(last_prefix_field)]
    pub route_parameter_at: unsafe extern "C" fn(
        this: *const c_void,
        index: usize,
    ) -> ROption<Tuple2<RStr<'static>, RStr<'static>>>,
}

impl<'a> HttpRequest<'a> {
    context!(HttpRequestFnsRef);

    methods! {
        /// The method, upper case.
        fn method(&self) -> RStr<'a>;
        /// The path as sent, percent-encoded.
        fn path(&self) -> RStr<'a>;
        /// The query string as sent, without the question mark; empty if there is none.
        fn query(&self) -> RStr<'a>;
        /// The protocol version: 0 is HTTP/1.0, 1 is HTTP/1.1, 2 is HTTP/2. More may come.
        fn protocol_version(&self) -> u8;
        /// The first value of a header; names compare without case.
        fn header(&self, name: RStr<'_>) -> ROption<RSlice<'a, u8>>;
        /// The header at this index, in order, until `RNone`.
        fn header_at(&self, index: usize) -> ROption<Tuple2<RStr<'a>, RSlice<'a, u8>>>;
        /// The body; nothing if it is a stream.
        fn body(&self) -> ROption<RSlice<'a, u8>>;
        /// The client's address; empty if unknown.
        fn client_address(&self) -> RStr<'a>;
        /// The name and the value of the route parameter at this index, until `RNone`.
        fn route_parameter_at(&self, index: usize) -> ROption<Tuple2<RStr<'a>, RStr<'a>>>;
    }
}

/// The HTTP response that the invocation will be answered with. There is one at a time, as it can be changed.
#[repr(C)]
#[derive(StableAbi)]
pub struct HttpResponse<'a> {
    functions: HttpResponseFnsRef,
    this: *const c_void,
    lifetime: PhantomData<&'a ()>,
}

/// Functions of [`HttpResponse`], of which one at a time is called. What one returns stays valid until the next change.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HttpResponseFnsRef, prefix_fields = HttpResponseFnsPrefix)))]
pub struct HttpResponseFns {
    /// The status code.
    pub status: unsafe extern "C" fn(this: *const c_void) -> u16,
    /// Changes the status code.
    pub set_status: unsafe extern "C" fn(this: *const c_void, status: u16) -> RResult<(), Error>,
    /// The first value of a header; names compare without case.
    pub header: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>) -> ROption<RSlice<'static, u8>>,
    /// The header at this index, in order, until `RNone`.
    pub header_at: unsafe extern "C" fn(
        this: *const c_void,
        index: usize,
    ) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>>,
    /// Sets a header: `append` keeps the values that it has, otherwise this replaces them.
    pub set_header: unsafe extern "C" fn(
        this: *const c_void,
        name: RStr<'_>,
        value: RStr<'_>,
        append: bool,
    ) -> RResult<(), Error>,
    /// Removes a header with all its values.
    pub remove_header: unsafe extern "C" fn(this: *const c_void, name: RStr<'_>),
    /// The body; nothing if it is a stream.
    pub body: unsafe extern "C" fn(this: *const c_void) -> ROption<RSlice<'static, u8>>,
    /// Replaces the body, a stream too.
    #[sabi(last_prefix_field)]
    pub set_body: unsafe extern "C" fn(this: *const c_void, body: RVec<u8>),
}

impl HttpResponse<'_> {
    context!(HttpResponseFnsRef);

    methods! {
        /// The status code.
        fn status(&self) -> u16;
        /// The first value of a header; names compare without case.
        fn header(&self, name: RStr<'_>) -> ROption<RSlice<'_, u8>>;
        /// The header at this index, in order, until `RNone`.
        fn header_at(&self, index: usize) -> ROption<Tuple2<RStr<'_>, RSlice<'_, u8>>>;
        /// The body; nothing if it is a stream.
        fn body(&self) -> ROption<RSlice<'_, u8>>;
    }

    /// Changes the status code.
    pub fn set_status(&mut self, status: u16) -> RResult<(), Error> {
        // SAFETY: by the contract of `new`; `&mut self` ends all borrows of the response.
        unsafe { (self.functions.set_status())(self.this, status) }
    }

    /// Sets a header: `append` keeps the values that it has, otherwise this replaces them.
    pub fn set_header(&mut self, name: RStr<'_>, value: RStr<'_>, append: bool) -> RResult<(), Error> {
        // SAFETY: as in `set_status`.
        unsafe { (self.functions.set_header())(self.this, name, value, append) }
    }

    /// Removes a header with all its values.
    pub fn remove_header(&mut self, name: RStr<'_>) {
        // SAFETY: as in `set_status`.
        unsafe { (self.functions.remove_header())(self.this, name) }
    }

    /// Replaces the body, a stream too.
    pub fn set_body(&mut self, body: RVec<u8>) {
        // SAFETY: as in `set_status`.
        unsafe { (self.functions.set_body())(self.this, body) }
    }
}
