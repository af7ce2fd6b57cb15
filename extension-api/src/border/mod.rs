//! What every call across the border needs on the library's side: panics stop here, log records reach the host, states
//! and futures are put into their C form. Knows nothing of the author's types.

pub(crate) mod future;
pub(crate) mod guard;
pub(crate) mod log;
pub(crate) mod slot;
