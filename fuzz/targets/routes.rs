//! Route templates, and paths against them.

#![no_main]

use funcdock::model::route::RouteTemplate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str)| {
    let (text, prefix, path) = input;
    let Ok(route) = RouteTemplate::parse(text) else {
        return;
    };
    let _ = (route.precedence(), route.shape());
    // A route without parameters is matched by its own path.
    if let Some(literal) = route.literal_path() {
        let _ = route.matches(&literal);
    }
    for (name, value) in route.matches(path).into_iter().flatten() {
        assert!(!name.is_empty(), "{text:?} {path:?} {value:?}");
    }
    let _ = route.under(prefix).matches(path);
});
