//! The functions of the trait, and which of them are hooks.

use syn::{Ident, Type};

pub(crate) const PRE: &str = "pre_invocation";
pub(crate) const POST: &str = "post_invocation";
pub(crate) const STREAM_ENDED: &str = "stream_ended";

pub(crate) const PRE_BIT: u32 = 2;
pub(crate) const POST_BIT: u32 = 4;
pub(crate) const SHUTDOWN_BIT: u32 = 8;
pub(crate) const FLUSH_BIT: u32 = 16;
pub(crate) const STREAM_ENDED_BIT: u32 = 64;

/// The functions of the trait, and the bit of each that is a hook (`HOOK_…` of the ABI).
pub(crate) const FUNCTIONS: [(&str, u32); 10] = [
    ("configure", 0),
    ("init", 0),
    ("native", 0),
    ("post_function_load", 1),
    (PRE, PRE_BIT),
    (POST, POST_BIT),
    ("on_exception", 32),
    (STREAM_ENDED, STREAM_ENDED_BIT),
    ("flush", FLUSH_BIT),
    ("shutdown", SHUTDOWN_BIT),
];

/// Says that the trait has no function of this name, and which one may be meant.
pub(crate) fn unknown(name: &Ident, extension: &Type) -> String {
    let text = name.to_string();
    let similar = |known: &str| strsim::jaro_winkler(&text, known);
    let nearest = FUNCTIONS
        .iter()
        .map(|(known, _)| *known)
        .max_by(|a, b| similar(a).total_cmp(&similar(b)))
        .filter(|known| similar(known) > 0.85);
    let extension = quote::quote!(#extension);
    match nearest {
        Some(nearest) => format!("`{text}` is not a hook: did you mean `{nearest}`?"),
        None => {
            let known: Vec<_> = FUNCTIONS.iter().map(|(known, _)| format!("`{known}`")).collect();
            format!(
                "`{text}` is not a hook: move it into a block `impl {extension} {{ … }}` of its own, or write `#[attribute]` above \
                 it if it makes an attribute of `context`; the trait's functions are {}",
                known.join(", ")
            )
        }
    }
}
