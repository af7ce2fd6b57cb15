//! `retry` policies of host.json and of functions, which no trigger of this version uses.

use super::error::Problem;
use super::json::Item;

/// The name of the key.
const KEY: &str = "retry";

/// Warns of a policy that will not be followed.
pub(super) fn warn(top: &Item<'_>, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
    if let Some(policy) = top.get(KEY)? {
        warnings.push(policy.problem(
            "has no effect: calls of HTTP functions are never retried, and this version serves no other trigger",
        ));
    }
    Ok(())
}
