//! The host's side of the tables that extensions call: one file a table.
//!
//! A context of the border is made of a table and a pointer to a value of the model. Each function here that makes one
//! borrows the value for as long as the context lives.

mod data;
mod ended_call;
mod function;
mod init;
mod invocation;
mod outcome;
mod request;
mod response;
mod services;
mod stream_end;

pub(super) use ended_call::EndedCall;
pub(super) use function::function;
pub(super) use init::InitContext;
pub(super) use invocation::invocation;
pub(super) use outcome::outcome;
pub(super) use response::http_response;
pub(super) use services::{HOST_SERVICES, collect_errors};
pub(super) use stream_end::stream_end;
