//! HTTP triggers: the server of a worker, from accepted connections to answers.

mod body;
mod constraint;
mod front;
mod responses;
pub mod route;
pub mod routes;
mod server;

pub use front::{Admin, Answer, Endpoint, Flushed, Front, Limits};
pub use server::serve;
