//! How an extension becomes visible to a host.

mod header;
mod note;
mod registration;
mod reserved;
mod settings;
mod shim;

#[cfg(any(feature = "testing", all(doc, not(doctest))))]
pub(crate) use header::connect;
pub use note::{NOTE_NAME, NOTE_OWNER, Note, padded};
#[cfg(any(feature = "testing", all(doc, not(doctest))))]
pub(crate) use registration::descriptor;
pub use registration::{Registration, name_of, registrations};
pub use reserved::check_attribute_name;
pub use settings::is_secret_name;
