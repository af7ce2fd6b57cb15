//! Requests to a server: over HTTP, with TLS, compression and redirects; and when to try again.

mod address_cache;
mod http;
mod retry;

pub(crate) use http::{Client, Protocol, Response};
pub(crate) use retry::{Again, Failure, Retry};
