//! What function code holds of the host: the context of its call, and the objects of extensions.

mod context;
mod object;
mod values;

pub(crate) use context::{Context, RetryContext, TraceContext};
pub(crate) use values::to_python;
