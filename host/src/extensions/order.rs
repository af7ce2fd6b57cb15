//! The order of extensions: as in host.json, then as function code docks them, except where `after` says otherwise, of
//! host.json or of an extension itself.

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
        match waiting
            .iter()
            .position(|slot| first_awaited(slot, &waiting).is_none())
        {
            Some(next) => slots.push(waiting.remove(next)),
            None => return Err(circle(&waiting)),
        }
    }
    Ok(())
}

fn check(slot: &ExtensionSlot, slots: &[ExtensionSlot]) -> Result<(), ExtensionError> {
    for name in slot.after() {
        let Some(other) = find(slots, name) else {
            // An extension cannot know what it is docked with, so its own wish is no mistake.
            if slot.is_ordered_by_host_json() {
                tracing::warn!(
                    "extension {:?}: it is to run after {name:?}, which is not docked (workerExtensions.{}.after in \
                     host.json)",
                    slot.name,
                    slot.name
                );
            }
            continue;
        };
        if slot.scope() == Some(Scope::App) && other.scope() == Some(Scope::Function) {
            return Err(ExtensionError::Order {
                name: slot.name.to_string(),
                found: format!(
                    "{}, but it is app level and {name:?} is function level, so it always runs first",
                    wish(slot, name)
                ),
            });
        }
    }
    Ok(())
}

/// The first of those that it is to run after which is among these.
fn first_awaited<'a>(slot: &ExtensionSlot, slots: &'a [ExtensionSlot]) -> Option<&'a ExtensionSlot> {
    slot.after().into_iter().find_map(|name| find(slots, name))
}

/// The error of extensions each of which waits for another of them.
fn circle(waiting: &[ExtensionSlot]) -> ExtensionError {
    let mut path: Vec<&ExtensionSlot> = Vec::new();
    let mut next = waiting.first();
    while let Some(slot) = next {
        if let Some(start) = path.iter().position(|known| known.name == slot.name) {
            path.drain(..start);
            break;
        }
        path.push(slot);
        next = first_awaited(slot, waiting);
    }
    let others = path.iter().cycle().skip(1);
    let wishes: Vec<String> = path
        .iter()
        .zip(others)
        .map(|(slot, other)| wish(slot, &other.name))
        .collect();
    ExtensionError::Order {
        name: path.first().map(|slot| slot.name.to_string()).unwrap_or_default(),
        found: format!("a circle: {}", wishes.join("; ")),
    }
}

fn wish(slot: &ExtensionSlot, other: &str) -> String {
    let by = match slot.is_ordered_by_host_json() {
        true => "host.json",
        false => "its library",
    };
    format!("{:?} is to run after {other:?} ({by} says)", slot.name)
}

fn find<'a>(slots: &'a [ExtensionSlot], name: &str) -> Option<&'a ExtensionSlot> {
    let wanted = normalised(name);
    slots.iter().find(|slot| normalised(&slot.name) == wanted)
}
