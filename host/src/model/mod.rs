//! The domain as plain data: functions and their bindings, one invocation and its data, and how it ended.
//!
//! Nothing in here runs code of a function or an extension, knows a server, or reads a file. Every other folder of the
//! host builds on it.

mod attributes;
mod body;
mod data;
mod function;
mod http;
mod invocation;
mod outcome;
mod reply;
mod result;
pub mod route;
mod trace_context;
mod trace_ids;

pub use attributes::{Attribute, Attributes};
pub use body::{Body, BodyError, BodyStream, Frames};
pub use data::{Data, Inputs};
pub use function::{AuthLevel, Binding, DataType, Direction, FunctionDefinition, FunctionInfo, HttpTrigger};
pub use http::{HttpRequest, HttpResponse};
pub use invocation::{Invocation, RetryContext, Start};
pub use outcome::{Exception, Outcome, Output, Returned};
pub use reply::HttpReply;
pub use result::CallResult;
pub use trace_context::TraceContext;
pub use trace_ids::TraceIds;
