//! OTLP's encoding: protobuf, written field by field from what the caller has.
//!
//! opentelemetry-proto has a transformation, too, which first makes an object with copies of every key and text. At
//! 100,000 spans a second that costs several times the rest of a traced call. Its types read in the tests, and in
//! exporters of other formats, what is written here.

mod attributes;
pub(crate) mod json;
mod limits;
mod value;
mod wire;

pub use attributes::{Attributes, Encoded};
pub use limits::Limits;
pub(crate) use value::{attribute, key_value};
pub(crate) use wire::{bytes, fixed32, fixed64, large_message, message, string, unix_nanos, varint};
