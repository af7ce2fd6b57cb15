//! Bindings to storage: what functions read and write beside their trigger, and the connections for it.

mod connections;

pub use connections::Connections;
