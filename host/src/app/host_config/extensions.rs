//! Reads `workerExtensions` of host.json.

use std::path::Path;
use std::time::Duration;

use super::one_of;
use crate::app::error::{Problem, suggestion};
use crate::app::json::Item;
use crate::app::{ExtensionConfig, OnError, Policy};

/// The keys of an extension.
const KEYS: [&str; 9] = [
    "functions",
    "required",
    "after",
    "library",
    "sha256",
    "settings",
    "hookBudgetMs",
    "suspendAfterPanics",
    "onError",
];

/// Reads the section. Unknown keys are errors: nobody else uses it.
pub(super) fn read(section: &Item<'_>, root: &Path) -> Result<Vec<ExtensionConfig>, Problem> {
    let extensions = section.entries()?.into_iter();
    extensions
        .map(|(name, item)| extension(name, &item, root))
        .collect()
}

fn extension(name: &str, item: &Item<'_>, root: &Path) -> Result<ExtensionConfig, Problem> {
    if name.trim().is_empty() {
        return Err(item.problem("an extension needs a name"));
    }
    for (key, value) in item.entries()? {
        if !KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)) {
            let known = KEYS.join(", ");
            let hint = suggestion(key, KEYS);
            return Err(value.problem(format!("unknown key; the keys of an extension are {known}{hint}")));
        }
    }
    let mut config = ExtensionConfig::new(name);
    if let Some(functions) = item.get("functions")? {
        config.functions = functions.strings()?;
    }
    if let Some(required) = item.get("required")? {
        config.required = Some(required.boolean()?);
    }
    if let Some(after) = item.get("after")? {
        config.after = Some(after.strings()?);
    }
    if let Some(library) = item.get("library")? {
        config.library = Some(root.join(library.non_empty_string()?));
    }
    if let Some(digest) = item.get("sha256")? {
        config.sha256 = Some(sha256(&digest)?);
    }
    if let Some(settings) = item.get("settings")? {
        config.settings = settings.json_object()?;
    }
    if let Some(budget) = item.get("hookBudgetMs")? {
        let budget = budget.integer(
            0..=u32::MAX.into(),
            "a number of milliseconds, or 0 for no budget",
        )?;
        config.hook_budget = Some(Duration::from_millis(budget as u64)).filter(|budget| !budget.is_zero());
    }
    if let Some(most) = item.get("suspendAfterPanics")? {
        let most = most.integer(0..=u32::MAX.into(), "a number of panics, or 0 for never")?;
        config.suspend_after_panics = u32::try_from(most).ok().filter(|most| *most > 0);
    }
    if let Some(on_error) = item.get("onError")? {
        config.on_error = self::on_error(&on_error)?;
    }
    Ok(config)
}

/// Reads one policy for all hooks around calls, or one for each.
fn on_error(item: &Item<'_>) -> Result<OnError, Problem> {
    const HOOKS: [&str; 2] = ["preInvocation", "postInvocation"];
    if item.string().is_ok() {
        let policy = Some(policy(item)?);
        return Ok(OnError {
            pre_invocation: policy,
            post_invocation: policy,
        });
    }
    let Ok(entries) = item.entries() else {
        return Err(item.wrong_value("\"continue\", \"fail\", or an object with these by hook"));
    };
    for (key, value) in entries {
        if !HOOKS.iter().any(|known| key.eq_ignore_ascii_case(known)) {
            let hint = suggestion(key, HOOKS);
            return Err(value.problem(format!(
                "unknown key; the hooks around a call are {}{hint}",
                HOOKS.join(" and ")
            )));
        }
    }
    let of = |hook: &str| item.get(hook)?.map(|item| policy(&item)).transpose();
    Ok(OnError {
        pre_invocation: of(HOOKS[0])?,
        post_invocation: of(HOOKS[1])?,
    })
}

fn policy(item: &Item<'_>) -> Result<Policy, Problem> {
    let text = one_of(item, &["continue", "fail"])?;
    Ok(if text == "fail" {
        Policy::Fail
    } else {
        Policy::Continue
    })
}

fn sha256(item: &Item<'_>) -> Result<String, Problem> {
    let text = item.string()?;
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(item.wrong_value("the 64 hex digits that sha256sum prints for the library"))
    }
}
