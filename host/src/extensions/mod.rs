//! Worker extensions: found, opened, made, called around every function, counted, and shut down.
//!
//! Read it in this order:
//!
//! 1. `registry`: all extensions of a worker; `slot`: one docked extension and its state; `from_code`: docking from
//!    function code; `switched_off`: those that an app names in vain; `order`:
//!    which comes first
//! 2. `finding/`: where an extension comes from, and the checks before its library is used
//! 3. `instance`: one instance, with what is counted and logged of its hooks; `init_watch`: reports an `init` that blocks
//! 4. `chain`: the hooks around one function, for every call; `tables/`: the functions that a hook can call in the host
//! 5. `counters`, `statistics`, `ticks`: what the hooks did, and their time; `metrics/`: the same for `/metrics`, and the
//!    metrics of extensions; `report`: what is listed; `activity`: what the supervisor is told before it is done
//! 6. `check`, `step`, `required`: `funcdock extension check` and `list`; `error`: why an extension cannot be docked
//!
//! `unsafe` is in three places. `finding/library` opens libraries: it gives out an extension only after all checks.
//! `tables/` makes contexts of the host's values: each borrows the value that its table is for, for as long as the context
//! lives. `metrics/registered` gives out handles to values that are never freed. (`ticks` reads a register.) The calls into
//! extensions are in `funcdock_extension_api::driver`, and safe here.

mod activity;
mod chain;
mod check;
mod counters;
mod error;
mod finding;
mod from_code;
mod init_watch;
mod instance;
mod metrics;
mod order;
mod registry;
mod report;
mod required;
mod slot;
mod statistics;
mod step;
mod switched_off;
mod tables;
pub(crate) mod ticks;

pub use activity::{Activity, ExtensionCode, Phase};
pub use chain::{HookChain, HookProgress};
pub use check::{Check, Depth, RequestError, check_request};
pub use error::ExtensionError;
pub use finding::{Available, Search, Source};
pub use from_code::DockError;
pub use instance::Companion;
pub use registry::Extensions;
pub use report::{ExtensionReport, ExtensionState};
pub use statistics::HookStatistics;
pub use step::{Class, ContextAttribute, Described, Event, Setting, Step};
