//! What an author's code uses: the trait, and what its functions get and return.

pub(crate) mod annotation;
pub(crate) mod attribute;
pub(crate) mod context;
pub(crate) mod convert;
pub(crate) mod data;
pub(crate) mod documented;
pub(crate) mod error;
pub(crate) mod extension;
pub(crate) mod flow;
pub(crate) mod invocation;
pub(crate) mod metrics;
pub(crate) mod outcome;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod stream_end;
pub(crate) mod typed;
pub(crate) mod value;
