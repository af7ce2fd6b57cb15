//! Values that several options have.

use std::time::Duration;

/// Parses a number of seconds.
pub(in crate::cli) fn seconds(value: &str) -> Result<Duration, String> {
    // The limit of a year keeps sums with the clock in range.
    match value.parse::<f64>() {
        Ok(number) if (0.0..=365.0 * 86_400.0).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => Err("expected a number of seconds, such as 30 or 0.5".into()),
    }
}
