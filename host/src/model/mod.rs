//! The domain as plain data: functions and their bindings, one invocation and its data, and how it ended.
//!
//! This folder does not run code of functions or extensions, does not know a server, and does not read files, except for
//! the system's time zones. All other folders of the host use it.

mod address;
mod attributes;
mod binding;
mod blob;
mod body;
mod body_writer;
mod calendar;
mod cors;
mod data;
mod departure;
mod event;
pub mod expression;
mod function;
mod http;
mod invocation;
mod invocation_id;
mod outcome;
mod proxies;
mod reply;
mod result;
mod retry;
pub mod route;
pub mod schedule;
mod stream_end;
mod times;
mod trace_context;
mod trace_ids;

pub use address::HostAddress;
pub(crate) use attributes::Conflict;
pub use attributes::{Attribute, Attributes};
pub use binding::{
    AuthLevel, Binding, BindingSettings, BlobBinding, BlobSource, BlobTrigger, DataType, Direction,
    HttpTrigger, QueueOutput, QueueTrigger, TimerTrigger,
};
pub use blob::BlobContent;
pub use body::{Body, BodyError, BodyStream, ClientGone, Frames};
pub use body_writer::{BodyWriter, ReaderGone, body_writer};
pub use cors::{Cors, OriginError, Origins};
pub use data::{Data, DataReference, Inputs};
pub use departure::Departure;
pub use event::{Event, EventData, EventEnd, EventFunction};
pub use function::{FunctionDefinition, FunctionInfo};
pub use http::{
    CONNECTION_HEADERS, HttpRequest, HttpResponse, MAX_RESPONSE_HEADERS, Scheme, TooManyHeaders,
    WebSocketRequest, append_header, is_authority, is_connection_header,
};
pub use invocation::{Invocation, Start};
pub use invocation_id::InvocationId;
pub use outcome::{Exception, Outcome, Output, Returned};
pub use proxies::{ProxyError, TrustedProxies};
pub use reply::HttpReply;
pub use result::CallResult;
pub use retry::{RetryContext, RetryPolicy, RetryStrategy};
pub use stream_end::{StreamEnd, StreamEndKind};
pub use trace_context::TraceContext;
pub use trace_ids::TraceIds;
