//! What crosses the border between the host and an extension's library: C-layout types only.
//!
//! Extension authors never need this module; the host does. The contract (`docs/src/abi.md`) in short:
//!
//! - A library exports one symbol, [`HEADER_SYMBOL`], an `abi_stable` header of the root module [`Library`].
//! - Every table of functions is a *prefix type*: fields are only ever appended after `last_prefix_field`,
//!   never reordered or removed, so that a host and an extension of different minor versions work together.
//! - A context is a table of host functions and an opaque pointer; it is valid only during the call that
//!   received it. A `RStr<'static>` that a context function returns lives as long as that context.
//! - No function here unwinds: the functions in [`Descriptor`] catch panics and return them as values.

mod context;
mod descriptor;
mod metrics;
mod object;
mod outcome;
mod value;

pub use context::*;
pub use descriptor::*;
pub use metrics::*;
pub use object::*;
pub use outcome::*;
pub use value::*;

/// The name of the symbol that an extension library exports.
///
/// It names the header, not an API version, so that a library of another version is told apart from a
/// library that is no extension at all.
pub const HEADER_SYMBOL: &str = "funcdock_extension_header";

/// Major version of the extension API. Libraries of another major version are refused.
pub const API_MAJOR: u32 = 1;

/// Minor version of the extension API: grows when something is appended. Any minor version works with any other.
pub const API_MINOR: u32 = 2;

/// The API's version as the header carries it: this crate's own, which abi_stable compares as well.
pub const API_VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_crate() {
        assert!(
            API_VERSION.starts_with(&format!("{API_MAJOR}.{API_MINOR}.")),
            "{API_VERSION}"
        );
    }
}
