//! Worker extensions: found, loaded, made, called around every function, counted, and shut down.
//!
//! The only place where the host needs `unsafe`: everything beyond the ABI is behind [`Extensions`] and [`HookChain`].

mod chain;
mod check;
mod discovery;
mod dock;
mod error;
mod histogram;
mod hook;
mod image;
mod instance;
mod library;
mod metrics;
mod registry;
mod services;
mod statistics;
mod step;
mod ticks;
mod waiting;
mod wheel;

pub use chain::{HookChain, HookProgress};
pub use check::{Check, Depth};
pub use discovery::{Available, Search, Source};
pub use dock::DockError;
pub use error::ExtensionError;
pub use instance::Companion;
pub use registry::{ExtensionReport, ExtensionState, Extensions};
pub use statistics::HookStatistics;
pub use step::{Described, Event, Setting, Step};
