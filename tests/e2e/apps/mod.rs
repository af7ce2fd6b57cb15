//! Apps in the shapes that are written today: the decorator model, web frameworks, streams.

mod debugger;
mod decorators;
pub(crate) mod shapes;
mod streams;
mod websockets;
