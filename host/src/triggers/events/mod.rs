//! What triggers use that one process drives for all workers: they notice events, and have a worker make the call for each.
//!
//! The supervisor runs them (see `sources`), because several pollers, or a timer in each worker, would do the work twice.
//! A trigger gets the function that it serves and [`EventCalls`] to make calls with. It holds what a call is about (a
//! message, say) until it knows how the call ended.

mod calls;
mod host_id;
mod setup;

pub use calls::{CallsEnd, EventCalls, PendingCall};
pub(crate) use host_id::host_id;
pub use setup::{EventSettings, EventSetup};
