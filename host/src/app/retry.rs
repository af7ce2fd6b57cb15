//! `retry` policies of host.json and of functions, which are not followed.

use super::error::Problem;
use super::json::Item;

/// The name of the key.
const KEY: &str = "retry";

/// Warns of a policy that will not be followed.
pub(super) fn warn(top: &Item<'_>, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
    if let Some(policy) = top.get(KEY)? {
        warnings.push(policy.problem(
            "has no effect: Funcdock follows no retry policy, and calls of HTTP functions are never retried",
        ));
    }
    Ok(())
}
