//! HTTP on the wire.

mod connections;
mod methods;
