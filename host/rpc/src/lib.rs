//! FunctionRpc: the protocol by which Microsoft's Functions host drives language workers, seen from the worker.
//!
//! One gRPC call lives as long as the worker; both sides send [`StreamingMessage`](messages::StreamingMessage)s over it. The
//! messages' code is made from `proto/function_rpc.proto`; a test fails when it is not current, and makes it anew with
//! `FUNCDOCK_BLESS=1`.

#![deny(unsafe_code)]

mod connection;
#[allow(missing_docs, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod messages;
pub mod shared_memory;

pub use connection::{Connection, ConnectionError, Endpoint, PATH};
pub use shared_memory::{SharedMemory, SharedMemoryError};
