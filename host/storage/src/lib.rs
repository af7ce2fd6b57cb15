//! Queues and blobs of Azure Storage: the one place that knows the service, over Microsoft's crates.
//!
//! A [`Connection`] is resolved from the app's settings, as Azure Functions does for the `connection` of a binding. It
//! gives [`Queue`]s and [`Container`]s, and these give messages and [`Blob`]s. All of them are handles: cheap to clone,
//! `Send`, and without a runtime of their own. They work on any Tokio runtime with time and I/O, also on one of a single
//! thread; use a connection on one runtime only, as its pooled connections are driven by that runtime.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use funcdock_storage::Connection;
//!
//! let connection = Connection::from_settings("", |name| std::env::var(name).ok())?;
//! let queue = connection.queue("orders")?;
//! for message in queue.receive(16, Duration::from_secs(600)).await? {
//!     println!("{}", message.text);
//!     queue.delete(&message.id, &message.pop_receipt).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Errors never contain keys, signatures or tokens, and neither does what `Debug` prints.

mod account;
mod authorization;
mod blob;
mod connection;
mod container;
mod error;
mod limits;
mod names;
mod queue;
mod service;

pub use blob::{Blob, BlobProperties, BlockUpload, Conditions, Download, Upload};
pub use connection::{Connection, ConnectionError, ConnectionSource, EmulatorPorts, SourceKind};
pub use container::{BlobItem, Container, Page};
pub use error::{ServiceError, StorageError};
pub use limits::Limits;
pub use names::check_queue_name;
pub use queue::{Message, MessageReceipt, Queue};
