//! HTTP on the wire.

mod connections;
mod drain;
mod half_closed;
mod limits;
mod methods;
