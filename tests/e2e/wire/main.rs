//! HTTP on the wire.

mod bodies;
mod connections;
mod drain;
mod half_closed;
mod limits;
mod methods;
mod origin;
