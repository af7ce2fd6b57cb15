//! HTTP requests that the host passes on: they come over HTTP, and their calls over gRPC.

mod announced;
mod calls;
mod partings;
mod passing;
