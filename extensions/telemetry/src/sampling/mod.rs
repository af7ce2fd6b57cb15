//! Which traces are recorded.
//!
//! A sampler decides once a call, before anything is recorded; the spans of function code follow their call. Nothing in
//! it locks or allocates.

mod choice;
mod rate_limit;
mod sampler;
mod samplers;

pub(crate) use choice::Measure;
pub use choice::{Choice, SamplerName, Sampling};
pub use sampler::Sampler;
pub use samplers::Samplers;
