//! All that a Funcdock extension author depends on.
//!
//! An extension is middleware around the functions of an app. Implement [`Extension`], put [`extension`] on the `impl`
//! block, and build a `cdylib`:
//!
//! ```
//! use std::time::Instant;
//! use funcdock_extension_api::{AppInfo, Extension, Flow, Invocation, Outcome, Result, extension};
//!
//! struct Stopwatch;
//!
//! #[extension]
//! impl Extension for Stopwatch {
//!     type State = Instant;
//!
//!     fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
//!         Ok(Stopwatch)
//!     }
//!
//!     fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<Instant>> {
//!         Ok(Flow::Continue(Instant::now()))
//!     }
//!
//!     fn post_invocation(&self, call: &mut Invocation<'_>, start: &mut Instant, _outcome: &Outcome<'_>) -> Result<()> {
//!         tracing::info!("{} took {:?}", call.function().name(), start.elapsed());
//!         Ok(())
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! A hook that returns an error or panics costs one hook call: the host logs and counts it, and the
//! invocation goes on. `tracing` events reach the host's log, with the invocation's id inside hooks.
//!
//! Inside: `author/` has what an author uses, `border/` what every call across the border needs, `export/` makes a
//! library's table of both, `driver/` is how a host calls that table, and `testing/` is a host for tests.

mod author;
mod border;
pub mod driver;
mod export;
// Also for `cargo doc`, so that an author finds it without knowing the feature.
#[cfg(any(feature = "testing", all(doc, not(doctest))))]
pub mod testing;

/// The C-layout types at the border between host and extension. Authors never need them.
pub use funcdock_extension_abi as abi;

pub use author::annotation::Classes;
pub use author::annotation::Typed;
pub use author::context::{AppInfo, Function, FunctionInfo};
pub use author::data::Data;
pub use author::documented::Documented;
pub use author::error::{Error, ErrorKind, Result};
pub use author::extension::{Extension, Info, PythonModule};
pub use author::flow::{Flow, Wait};
pub use author::invocation::{Invocation, InvocationHandle, TraceContext};
pub use author::metrics::{Counter, Gauge, Histogram};
pub use author::outcome::{Exception, Outcome, OutcomeKind};
pub use author::request::HttpRequest;
pub use author::response::{HttpResponse, Response};
pub use author::stream_end::{StreamEnd, StreamEndKind};
pub use author::typed::{FromArguments, FromValue};
pub use author::value::{Arguments, ContextObject, Value};
pub use funcdock_extension_macros::{Documented, extension, methods};

/// Used by [`extension`]; not for extensions.
#[doc(hidden)]
pub mod private {
    pub use ::inventory as registry;

    pub use crate::author::attribute::Attribute;
    pub use crate::author::documented::{DocumentationOf, ViaDocumented, ViaNothing};
    pub use crate::author::extension::{AppLevel, Declared, FunctionLevel};
    pub use crate::author::typed::argument;
    pub use crate::author::value::{no_method, not_settable};
    pub use crate::export::{Note, Registration, name_of, padded, registrations};

    /// Where `#[extension]` finds `submit!`.
    pub mod inventory {
        pub use crate::submit_extension as submit;
    }

    /// Registers an extension within its library, and writes its name into a note. Linkers keep notes that nothing refers
    /// to.
    #[macro_export]
    #[doc(hidden)]
    macro_rules! submit_extension {
        (::funcdock_extension_api::private::Registration::of::<$extension:ty, $index:literal>()) => {
            $crate::private::registry::submit! {
                $crate::private::Registration::of::<$extension, $index>()
            }

            #[cfg(target_os = "linux")]
            const _: () = {
                const NAME: &str = <$extension as $crate::private::Declared>::NAMES[$index];
                #[used]
                // SAFETY: a section for notes, and the value is one.
                #[unsafe(link_section = ".note.funcdock")]
                static NOTE: $crate::private::Note<{ $crate::private::padded(NAME.len()) }> =
                    $crate::private::Note::new(NAME);
            };
        };
    }
}

/// The documentation's snippets compile; some of them test themselves with the mock host.
#[cfg(all(doctest, feature = "testing"))]
mod documentation {
    #[doc = include_str!("../../docs/src/write-an-extension.md")]
    struct WriteAnExtension;

    #[doc = include_str!("../../docs/src/hooks.md")]
    struct Hooks;

    #[doc = include_str!("../../docs/src/migrate-from-app-extension-base.md")]
    struct MigrateFromAppExtensionBase;

    #[doc = include_str!("../../docs/src/ship-an-extension.md")]
    struct ShipAnExtension;

    #[doc = include_str!("../../README.md")]
    struct Readme;
}
