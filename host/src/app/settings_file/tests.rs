//! What changes of local.settings.json leave as it was.

use super::Section::{ConnectionStrings, Values};
use super::*;

fn file(text: &str) -> Result<SettingsFile, String> {
    SettingsFile::parse(FILE.into(), false, text).map_err(|problem| problem.to_string())
}

/// Returns the text after the setting was set.
fn set(text: &str, section: Section, name: &str, value: &str) -> String {
    let mut file = file(text).expect("valid");
    file.set(section, name, value).expect("a variable");
    file.to_string()
}

/// Returns the text after the setting was removed, or the error.
fn removed(text: &str, section: Section, name: &str) -> Result<String, String> {
    let mut file = file(text)?;
    file.remove(section, name).map_err(|error| error.to_string())?;
    Ok(file.to_string())
}

#[test]
fn a_change_keeps_the_rest_of_the_file() {
    let text = "\u{feff}// ours\r\n{\r\n\t\"Host\": {\"CORS\": \"*\"}, // kept\r\n\t\"values\": {\r\n\t\t\"A\" : \"1\", /* a */\r\n\
                \t\t// about b\r\n\t\t\"b\": 2 // two\r\n\t},\r\n}\r\n";
    assert_eq!(
        set(text, Values, "B", "x"),
        text.replace("\"b\": 2", "\"b\": \"x\"")
    );
    assert_eq!(
        set(text, Values, "C", "\"\\\n"),
        text.replace("2 // two", "2, // two\r\n\t\t\"C\": \"\\\"\\\\\\n\"")
    );
    assert_eq!(
        removed(text, Values, "a").as_deref(),
        Ok(text.replace("\t\t\"A\" : \"1\", /* a */\r\n", "").as_str())
    );
    let with_strings = set(text, ConnectionStrings, "Db", "Server=a");
    let added = "\t},\r\n\t\"ConnectionStrings\": {\r\n\t\t\"Db\": \"Server=a\"\r\n\t},\r\n}";
    assert_eq!(with_strings, text.replace("\t},\r\n}", added));
}

#[test]
fn a_setting_gets_its_value_however_the_file_is_written() {
    let texts = [
        "{}",
        "{\"Values\": null}",
        "{\"Values\": {}}",
        "{\"Values\": {\"A\": \"1\"}}",
        "{ \"Values\":{ \"A\":1,\"B\":true, } } // end",
        "{\n  \"Values\": {\n    \"a\": null // none\n    , \"B\": \"\"\n  }\n}",
        "{\n  \"Values\": {\n    // nothing\n  }\n}\n",
        "{\"Values\": {\"A\": \"1\", \"a\": \"2\", \"A\": \"3\"}}",
        "{\"values\": {\"X\": \"\"}, \"Values\": {/* last */}}",
        NEW,
    ];
    for text in texts {
        for name in ["A", "b", "New name", "FUNCTIONS_WORKER_RUNTIME"] {
            let value = "ü \u{1} \"\\\u{7f}";
            let changed = set(text, Values, name, value);
            let document = Document::parse(FILE.into(), &changed).expect(&changed);
            let values = document.item().get("Values").expect("an object");
            let values = values.expect("there are some");
            let found = values.get(name).expect("an object").expect("it is there");
            assert_eq!(found.string(), Ok(value), "{text} {name}:\n{changed}");
            assert_eq!(
                text.matches("//").count(),
                changed.matches("//").count(),
                "{changed}"
            );

            let without = removed(&changed, Values, name).expect("it is there");
            let document = Document::parse(FILE.into(), &without).expect(&without);
            let values = document.item().get("Values").expect("an object");
            let left = values.expect("it stays").get(name).expect("an object");
            assert!(left.is_none(), "{changed}\n{without}");
        }
    }
}

#[test]
fn a_connection_string_keeps_its_provider() {
    let text =
        r#"{"ConnectionStrings": {"Db": {"connectionString": "a", "ProviderName": "p"}, "Other": "b"}}"#;
    assert_eq!(
        set(text, ConnectionStrings, "db", "new"),
        text.replace("\"a\"", "\"new\"")
    );
    assert_eq!(
        set(text, ConnectionStrings, "Other", "new"),
        text.replace("\"b\"", "\"new\"")
    );
}

#[test]
fn an_error_says_what_is_wrong() {
    let encrypted = file("{\n\"IsEncrypted\": true}").expect_err("encrypted");
    assert!(
        encrypted.starts_with("local.settings.json:2: IsEncrypted: the settings are encrypted"),
        "{encrypted}"
    );
    let list = file("{\"Values\": []}").expect_err("not an object");
    assert_eq!(
        list,
        "local.settings.json:1: Values: expected an object, found array"
    );
    let mut settings = file("{}").expect("valid");
    settings.set(Values, "A=B", "").expect_err("not a variable");
    settings.set(Values, "", "").expect_err("not a variable");
    assert_eq!(settings.to_string(), "{}");

    let text = r#"{"Values": {"Sender": "", "A=B": ""}}"#;
    assert_eq!(
        removed(text, Values, "sendr"),
        Err(
            "local.settings.json: Values: has no \"sendr\" (did you mean \"Sender\"?); see the names with: funcdock \
             settings list"
                .to_owned()
        )
    );
    removed(text, ConnectionStrings, "Sender").expect_err("there are none");
    removed(text, Values, "A=B").expect("a bad name can be removed");
}
