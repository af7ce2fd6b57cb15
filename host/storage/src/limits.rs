//! How long and how often requests are tried.

use std::time::Duration;

/// How long a request may take, and how often it is tried. Without any response, it lasts for
/// `(retries + 1) * try_timeout` and the delays between the tries; a token is waited for as long, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How often a request is repeated after a connection error, a timeout, or a status that means "try again later".
    pub retries: u32,
    /// The delay before the first retry. It doubles with each one up to five seconds, and up to a quarter is added. The
    /// service may ask for a longer one, within the same limit.
    pub retry_delay: Duration,
    /// How long it may take to open a connection.
    pub connect_timeout: Duration,
    /// How long one try may take until the response's head arrives, and then how long the response may be silent. A
    /// request with a body gets one more second for each 128 KiB of it.
    pub try_timeout: Duration,
}

impl Default for Limits {
    /// Two retries, 200 ms, three seconds, ten seconds: an account that refuses connections is reported within a second.
    fn default() -> Self {
        Limits {
            retries: 2,
            retry_delay: Duration::from_millis(200),
            connect_timeout: Duration::from_secs(3),
            try_timeout: Duration::from_secs(10),
        }
    }
}
