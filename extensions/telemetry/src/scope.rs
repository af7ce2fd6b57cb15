//! The name and the version that telemetry carries: as scope, as SDK, and as user agent of requests.

/// The extension's name, whose telemetry this is.
pub(crate) const NAME: &str = "funcdock-opencensus";

/// Its version, which is that of this crate.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `name/version`, for the header `User-Agent`.
pub(crate) const USER_AGENT: &str = concat!("funcdock-opencensus/", env!("CARGO_PKG_VERSION"));
