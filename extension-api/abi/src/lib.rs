//! What crosses the border between the host and an extension's library: C-layout types only.
//!
//! Extension authors never need this crate; the host and `funcdock-extension-api` do. The contract (`docs/src/abi.md`)
//! in short:
//!
//! - A library exports one symbol, [`HEADER_SYMBOL`], an `abi_stable` header of the root module [`Library`].
//! - Every table of functions is a *prefix type*: fields are only ever appended after `last_prefix_field`,
//!   never reordered or removed, so that a host and an extension of different minor versions work together.
//! - A context ([`Invocation`], [`Outcome`], …) is a table of host functions and an opaque pointer. Whoever makes one
//!   promises that the pointer is good for its lifetime; from then on its methods are safe.
//! - No function here unwinds: the functions in [`Descriptor`] catch panics and return them as values.
//!
//! It is a crate of its own because `abi_stable` compares the versions of the crates that types come from: this crate's
//! version is the ABI's, and changes of the Rust API do not touch it.

#[macro_use]
mod methods;

mod context;
mod data;
mod descriptor;
mod http;
mod metrics;
mod object;
mod outcome;
mod slot;
mod stream_end;
mod value;

pub use context::*;
pub use data::*;
pub use descriptor::*;
pub use http::*;
pub use metrics::*;
pub use object::*;
pub use outcome::*;
pub use slot::*;
pub use stream_end::*;
pub use value::*;

/// The name of the symbol that an extension library exports.
///
/// It names the header, not a version, so that a library of another version is not mistaken for a library that is not
/// an extension at all.
pub const HEADER_SYMBOL: &str = "funcdock_extension_header";

/// The major version of the ABI. Libraries of another major version are refused.
pub const MAJOR: u32 = 1;

/// The minor version of the ABI: grows when something is appended. Any minor version works with any other, unless an
/// extension has a hook that its host does not know.
pub const MINOR: u32 = 0;

/// The version of the ABI as the header of a library carries it: this crate's own.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_crate() {
        assert!(VERSION.starts_with(&format!("{MAJOR}.{MINOR}.")), "{VERSION}");
    }
}
