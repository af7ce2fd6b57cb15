//! What is wrong with a setting, in the words of who writes host.json or Python: serde's errors speak of Rust.

/// Returns serde's error in plain words. `shows_value` is false for a secret. The words of an author's own errors stay.
pub(super) fn plain(error: &str, shows_value: bool) -> String {
    if let Some(name) = error.strip_prefix("missing field ") {
        return format!("the setting {} is missing", name.replace('`', "\""));
    }
    if let Some(choices) = error.strip_prefix("unknown variant ") {
        let hidden = choices.split_once(", expected ").map(|(_, expected)| expected);
        return match (choices.split_once(", "), shows_value, hidden) {
            (Some((found, expected)), true, _) => {
                format!("{}, found {}", quoted(expected), quoted(found))
            }
            (_, false, Some(expected)) => format!("expected {}, found ***", quoted(expected)),
            _ => error.to_owned(),
        };
    }
    let found = ["invalid type: ", "invalid value: "]
        .into_iter()
        .find_map(|start| error.strip_prefix(start));
    // A text may have any words in it; the expected ones come last.
    let Some((found, expected)) = found.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return error.to_owned();
    };
    let shown = if shows_value {
        value(found)
    } else {
        "***".to_owned()
    };
    format!("expected {}, found {shown}", kind(expected))
}

fn quoted(names: &str) -> String {
    names.replace('`', "\"")
}

/// What a type of Rust is to somebody who writes JSON or Python.
fn kind(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number of at least 0",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => {
            "a whole number of at least 1"
        }
        "a boolean" => "true or false",
        "a string" | "a borrowed string" => "text",
        "path string" => "the path of a file or a folder, as text",
        "a character" => "one character",
        "a sequence" => "a list",
        "a map" | "string or map" => "an object",
        expected if expected.starts_with("struct ") => "an object",
        expected => expected,
    }
}

/// A value as JSON writes it, or what it is.
fn value(found: &str) -> String {
    let number = ["integer `", "floating point `", "boolean `", "string "]
        .into_iter()
        .find_map(|start| found.strip_prefix(start));
    match (number, found) {
        (Some(value), _) => value.trim_end_matches('`').to_owned(),
        (None, "map") => "an object".to_owned(),
        (None, "sequence") => "a list".to_owned(),
        (None, other) => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn errors_are_in_the_words_of_json() {
        for (error, shown, hidden) in [
            (
                r#"invalid type: string "x, expected y", expected u32"#,
                r#"expected a whole number of at least 0, found "x, expected y""#,
                "expected a whole number of at least 0, found ***",
            ),
            (
                "invalid value: integer `-1`, expected u64",
                "expected a whole number of at least 0, found -1",
                "expected a whole number of at least 0, found ***",
            ),
            (
                "invalid type: map, expected path string",
                "expected the path of a file or a folder, as text, found an object",
                "expected the path of a file or a folder, as text, found ***",
            ),
            (
                "invalid type: null, expected struct Headers",
                "expected an object, found null",
                "expected an object, found ***",
            ),
            (
                "unknown variant `file`, expected `console` or `otlp`",
                r#"expected "console" or "otlp", found "file""#,
                r#"expected "console" or "otlp", found ***"#,
            ),
            (
                "unknown variant `b`, expected one of `x`, `y`, `z`",
                r#"expected one of "x", "y", "z", found "b""#,
                r#"expected one of "x", "y", "z", found ***"#,
            ),
            (
                "missing field `key`",
                r#"the setting "key" is missing"#,
                r#"the setting "key" is missing"#,
            ),
            (
                r#"expected "a" or "b", found "c""#,
                r#"expected "a" or "b", found "c""#,
                r#"expected "a" or "b", found "c""#,
            ),
        ] {
            assert_eq!(plain(error, true), shown);
            assert_eq!(plain(error, false), hidden);
        }
    }
}
