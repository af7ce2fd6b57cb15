//! HTTP on the wire.

mod bodies;
mod connections;
mod drain;
mod half_closed;
mod http2;
mod limits;
mod methods;
mod origin;
mod tls;
mod unix_socket;
