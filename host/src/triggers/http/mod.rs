//! The HTTP trigger: routes and the server in front of the functions.

mod constraint;
pub mod route;
pub mod routes;
