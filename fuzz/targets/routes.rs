//! Route templates, and paths against them.

#![no_main]

use funcdock::model::route::{RequestPath, RouteTemplate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str)| {
    let (text, prefix, path) = input;
    let Ok(route) = RouteTemplate::parse(text) else {
        return;
    };
    let _ = (route.precedence(), route.shape());
    // A route without parameters is matched by its own path.
    if let Some(literal) = route.literal_path() {
        let _ = route.matches(&RequestPath::new(&literal), route.segments_needed());
    }
    let path = RequestPath::new(path);
    for (name, value) in route
        .matches(&path, route.segments_needed())
        .into_iter()
        .flatten()
    {
        assert!(!name.is_empty(), "{text:?} {value:?}");
    }
    let below = route.under(prefix);
    let _ = below.matches(&RequestPath::new(path.trimmed()), below.segments_needed());
});
