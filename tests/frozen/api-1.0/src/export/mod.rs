//! How an extension becomes visible to a host.

mod header;
mod registration;
mod reserved;
mod settings;
mod shim;

#[cfg(feature = "testing")]
pub(crate) use header::connect;
#[cfg(feature = "testing")]
pub(crate) use registration::descriptor;
pub use registration::{Registration, name_of, registrations};
pub use reserved::check_attribute_name;
pub use settings::is_secret_name;
