//! How a host calls extensions. For hosts: the real one, its `extension check`, and the mock host for tests.
//!
//! [`LoadedExtension`] is what a library offers, [`Instance`] what its `init` made. Both are safe to use: the `unsafe` of
//! calling across the border is in `instance.rs`. What a hook's return means for the call is decided in `decision.rs`,
//! the same for all hosts. A hook that waits is a [`WaitingHook`], which the host polls.
//!
//! A host implements the tables of `abi` with [`table!`](crate::driver::table), and its `wait` with [`wait`].

mod deadline;
mod decision;
mod hook;
mod http;
mod instance;
mod object;
mod running;
mod tables;
mod waiting;

pub use crate::export::{NOTE_NAME, NOTE_OWNER, check_attribute_name, is_secret_name};
pub use crate::host_table as table;
#[doc(hidden)]
pub use abi_stable::prefix_type::WithMetadata;
pub use deadline::{GRACE, NotInTime, call_within};
pub use decision::{Failure, PreDecision, Refusal, post_decision};
pub use hook::{Hook, Scope};
pub use http::{check_header, check_status};
pub use instance::{Instance, LoadedExtension};
pub use object::name_panic;
pub use running::wait;
pub use tables::{extend, extend_bytes};
pub use waiting::{HookCall, Returned, State, WaitingHook};
