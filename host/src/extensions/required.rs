//! Finds the settings that an extension cannot go without. It does not say so: it says which one is missing, one at a time.

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::LoadedExtension;
use serde_json::{Map, Value as Json, json};

use super::step::{Described, Setting};

/// A text where somebody has to write one.
const TEXT: &str = "…";

impl Described {
    /// Marks the required settings. Checks made-up ones with the extension, in this process.
    ///
    /// A setting that no made-up value is good for hides those after it, which stay unmarked.
    pub(super) fn mark_required(&mut self, extension: &LoadedExtension) {
        mark(&mut self.settings, |settings| extension.configure(settings));
    }
}

fn mark(settings: &mut [Setting], configure: impl Fn(&str) -> Result<(), abi::Error>) {
    let mut given = Map::new();
    while let Err(error) = configure(&Json::Object(given.clone()).to_string()) {
        let missing = settings.iter_mut().find(|setting| {
            !setting.required
                && error.message.as_str() == format!("the setting {:?} is missing", setting.name)
        });
        let Some(missing) = missing.filter(|_| error.kind == abi::ERROR_MISSING_SETTING) else {
            return;
        };
        missing.required = true;
        given.insert(missing.name.clone(), missing.example());
    }
}

impl Setting {
    /// Returns a value of its type.
    pub(crate) fn example(&self) -> Json {
        example(&self.annotation)
    }
}

/// Returns a value that fits an annotation of the API crate.
fn example(annotation: &str) -> Json {
    let inside = |start: &str| annotation.strip_prefix(start)?.strip_suffix(']');
    if let Some(choices) = inside("Literal[") {
        let mut choices = serde_json::Deserializer::from_str(choices).into_iter::<Json>();
        return choices.next().and_then(Result::ok).unwrap_or_else(|| TEXT.into());
    }
    if let Some(element) = inside("list[") {
        return json!([example(element)]);
    }
    match inside("dict[str, ") {
        // The keys of a struct are not known.
        Some("Any") => return json!({}),
        Some(value) => return json!({ TEXT: example(value) }),
        None => {}
    }
    match annotation.split(" | ").next() {
        Some("int") => 1.into(),
        Some("float") => 1.0.into(),
        Some("bool") => true.into(),
        _ => TEXT.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_have_the_type() {
        for (annotation, expected) in [
            ("int", json!(1)),
            ("float", json!(1.0)),
            ("bool", json!(true)),
            ("str", json!("…")),
            ("str | PathLike[str]", json!("…")),
            ("Literal[\"console\", \"otlp\"]", json!("console")),
            ("list[str]", json!(["…"])),
            ("list[list[int]]", json!([[1]])),
            ("dict[str, float]", json!({ "…": 1.0 })),
            ("dict[str, Any]", json!({})),
            ("Any", json!("…")),
        ] {
            assert_eq!(
                Setting::of_type("x", annotation).example(),
                expected,
                "{annotation}"
            );
        }
    }

    #[test]
    fn each_missing_setting_is_found_after_the_one_before() {
        let mut settings = ["first", "optional", "last"].map(|name| Setting::of_type(name, "int"));
        let error = |kind, message: &str| abi::Error {
            kind,
            message: message.into(),
        };
        mark(&mut settings, |given| {
            let given: Json = serde_json::from_str(given).expect("JSON");
            for name in ["first", "last"] {
                if given.get(name).is_none() {
                    let message = format!("the setting {name:?} is missing");
                    return Err(error(abi::ERROR_MISSING_SETTING, &message));
                }
            }
            assert_eq!(given, json!({ "first": 1, "last": 1 }));
            // An extension's own rule, which says no more about what is missing.
            Err(error(abi::ERROR_VALUE, "first: expected at least 2"))
        });
        assert_eq!(settings.map(|setting| setting.required), [true, false, true]);

        let mut other = [Setting::of_type("first", "int")];
        mark(&mut other, |_| {
            Err(error(
                abi::ERROR_MISSING_SETTING,
                "the setting \"inner\" is missing",
            ))
        });
        assert!(!other[0].required);
    }
}
