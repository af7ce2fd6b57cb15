//! The order of extensions: as in host.json, then as function code docks them, except where `after` says otherwise.

use funcdock_extension_api::driver::Scope;

use super::error::ExtensionError;
use super::finding::normalised;
use super::slot::ExtensionSlot;

/// Moves each extension behind those that it is to run after. Others keep their order.
///
/// # Errors
/// [`ExtensionError::Order`]: a circle, or an app-level extension that is to run after a function-level one.
pub(super) fn sort(slots: &mut Vec<ExtensionSlot>) -> Result<(), ExtensionError> {
    for slot in slots.iter() {
        check(slot, slots)?;
    }
    let mut waiting = std::mem::take(slots);
    while !waiting.is_empty() {
        let is_free = |slot: &ExtensionSlot| slot.after().all(|name| find(&waiting, name).is_none());
        match waiting.iter().position(is_free) {
            Some(next) => slots.push(waiting.remove(next)),
            None => {
                let names: Vec<&str> = waiting.iter().map(|slot| &*slot.name).collect();
                return Err(ExtensionError::Order {
                    name: names.first().copied().unwrap_or_default().to_owned(),
                    found: format!("a circle: {} wait for each other", names.join(", ")),
                });
            }
        }
    }
    Ok(())
}

fn check(slot: &ExtensionSlot, slots: &[ExtensionSlot]) -> Result<(), ExtensionError> {
    for name in slot.after() {
        let Some(other) = find(slots, name) else {
            tracing::warn!(
                "extension {:?}: it is to run after {name:?}, which is not docked (workerExtensions.{}.after in host.json)",
                slot.name,
                slot.name
            );
            continue;
        };
        if slot.scope() == Some(Scope::App) && other.scope() == Some(Scope::Function) {
            return Err(ExtensionError::Order {
                name: slot.name.to_string(),
                found: format!("it is app level, and {name:?} is function level, so it always runs first"),
            });
        }
    }
    Ok(())
}

fn find<'a>(slots: &'a [ExtensionSlot], name: &str) -> Option<&'a ExtensionSlot> {
    let wanted = normalised(name);
    slots.iter().find(|slot| normalised(&slot.name) == wanted)
}
