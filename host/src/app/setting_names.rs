//! `%NAME%` in the values of bindings: the value of the app setting with this name.

use super::AppSettings;
use super::error::Problem;
use super::json::Item;

/// Replaces each `%NAME%` in `text`, the value of `item`, by the app setting.
///
/// # Errors
/// A setting that is not set, or a percent sign without another one.
pub(super) fn resolve(item: &Item<'_>, text: &str, settings: &AppSettings) -> Result<String, Problem> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        let Some((name, after)) = after.split_once('%') else {
            return Err(item.problem(format!(
                "{text:?} has a percent sign without another one; write the name of an app setting as %NAME%"
            )));
        };
        let setting = settings.get(name).ok_or_else(|| {
            item.problem(format!(
                "the app setting {name:?} is not set; set it in the environment or in Values of local.settings.json"
            ))
        })?;
        resolved.push_str(before);
        resolved.push_str(&setting.value);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}
