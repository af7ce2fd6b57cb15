//! function.json: what is read from it, and what the errors say.

use std::collections::BTreeMap;

use http::Method;

use super::*;
use crate::model::{AuthLevel, Binding, BindingSettings, DataType, Direction, HttpTrigger};

/// App settings: names and values.
type Settings<'a> = [(&'a str, &'a str)];

const TRIGGER: &str = r#"{"type": "httpTrigger", "name": "req"}"#;

/// Writes `Hello/function.json` beside an `__init__.py`, and reads it.
fn read_hello(text: &str, settings: &Settings<'_>) -> Result<Option<FunctionDefinition>, String> {
    let root = tempfile::tempdir().expect("a folder");
    for (file, text) in [
        ("Hello/function.json", text),
        ("Hello/__init__.py", ""),
        ("shared/x.py", ""),
    ] {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("created");
        fs::write(path, text).expect("written");
    }
    let environment: BTreeMap<_, _> = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let settings = AppSettings::new([], &environment);
    match read(root.path(), "Hello", &settings, Driver::Funcdock, &mut Vec::new()) {
        Ok(Read::Enabled(enabled)) => {
            let mut function = enabled.function;
            // The folder has another name each time.
            for path in [&mut function.directory, &mut function.script_file] {
                *path = path.strip_prefix(root.path()).expect("below the root").to_owned();
            }
            Ok(Some(function))
        }
        Ok(Read::Disabled) => Ok(None),
        Err(problem) => Err(problem.to_string()),
    }
}

fn read_bindings(bindings: &str) -> Result<Vec<Binding>, String> {
    let function = read_hello(&format!("{{\"bindings\": [{bindings}]}}"), &[])?;
    Ok(function.expect("not disabled").bindings)
}

#[test]
fn a_function_is_read() {
    let text = r#"{
        "scriptFile": "../shared/./x.py", "entryPoint": "handle", "disabled": false,
        "bindings": [
            {"type": "HTTPTrigger", "direction": "IN", "name": "req", "authLevel": "Anonymous",
             "methods": ["get", "Post", "GET"], "route": "/items/{id:int?}/", "dataType": "Binary"},
            {"type": "blob", "name": "_blob2", "direction": "inOut", "path": "ignored/{id}"},
            {"type": "http", "name": "$return", "direction": "out"},
            {"type": "table", "name": "rows"}
        ]
    }"#;
    let properties = |at: usize| {
        let written: serde_json::Value = serde_json::from_str(text).expect("JSON");
        written["bindings"][at].as_object().cloned().expect("an object")
    };
    let binding = |at, name: &str, kind: &str, direction| Binding {
        name: name.to_owned(),
        kind: kind.to_owned(),
        direction,
        data_type: None,
        settings: BindingSettings::Other,
        properties: properties(at),
    };
    let trigger = Binding {
        data_type: Some(DataType::Binary),
        settings: BindingSettings::Http(HttpTrigger {
            route: "items/{id:int?}".to_owned().try_into().expect("a route"),
            methods: vec![Method::GET, Method::POST],
            auth_level: AuthLevel::Anonymous,
            streams_body: false,
        }),
        ..binding(0, "req", "HTTPTrigger", Direction::In)
    };
    let expected = FunctionDefinition {
        name: "Hello".to_owned(),
        directory: "Hello".into(),
        script_file: "shared/x.py".into(),
        entry_point: "handle".to_owned(),
        bindings: vec![
            trigger.clone(),
            binding(1, "_blob2", "blob", Direction::InOut),
            binding(2, "$return", "http", Direction::Out),
            binding(3, "rows", "table", Direction::In),
        ],
        retry: None,
    };
    assert_eq!(expected.trigger(), Some(&trigger));
    assert_eq!(read_hello(text, &[]), Ok(Some(expected)));
}

#[test]
fn defaults_are_those_of_the_model() {
    let function = read_hello(&format!("{{\"bindings\": [{TRIGGER}]}}"), &[])
        .expect("valid")
        .expect("enabled");
    assert_eq!(function.script_file, Path::new("Hello/__init__.py"));
    assert_eq!(function.entry_point, "main");
    let http = function
        .trigger()
        .and_then(Binding::http)
        .expect("an HTTP trigger");
    assert_eq!(
        (http.route.to_string(), http.methods.as_slice(), http.auth_level),
        ("Hello".to_owned(), &[][..], AuthLevel::Function)
    );
    let route = |text: &str| {
        let trigger = format!(r#"{{"type": "httpTrigger", "name": "req", "route": {text}}}"#);
        read_bindings(&trigger).expect("valid")[0]
            .http()
            .cloned()
            .expect("an HTTP trigger")
            .route
            .to_string()
    };
    assert_eq!(route("null"), "Hello", "null is the default");
    assert_eq!(route("\"\""), "Hello", "so is an empty route");
    assert_eq!(route("\"/\""), "", "the root");
}

#[test]
fn functions_can_be_disabled() {
    let json = |disabled: &str| format!("{{\"disabled\": {disabled}, \"bindings\": [{TRIGGER}]}}");
    let cases: &[(&str, &Settings<'_>, bool, &str)] = &[
        ("false", &[], true, "not disabled"),
        ("true", &[], false, "disabled"),
        ("null", &[], true, "null is absent"),
        ("\"True\"", &[], false, "a boolean in quotes"),
        ("\"OFF\"", &[], true, "a setting that is not there"),
        ("\"OFF\"", &[("off", "1")], false, "a setting that is true"),
        ("\"OFF\"", &[("OFF", "TRUE")], false, "in any case"),
        ("\"OFF\"", &[("OFF", "0")], true, "a setting that is false"),
        (
            "false",
            &[("AzureWebJobs.Hello.Disabled", "true")],
            false,
            "the setting of the function",
        ),
        (
            "false",
            &[("AzureWebJobs_Hello_Disabled", "1")],
            false,
            "where names have no dots",
        ),
        (
            "false",
            &[("AzureWebJobs.Hello.Disabled", "false")],
            true,
            "which is false",
        ),
        (
            "true",
            &[("AzureWebJobs.Hello.Disabled", "false")],
            false,
            "and then function.json decides",
        ),
        (
            "false",
            &[("AzureWebJobs.Other.Disabled", "true")],
            true,
            "the setting of another function",
        ),
    ];
    for (disabled, settings, enabled, reason) in cases {
        let function = read_hello(&json(disabled), settings).expect(reason);
        assert_eq!(function.is_some(), *enabled, "{disabled}: {reason}");
    }
    let broken = read_hello("{\"disabled\": true, \"bindings\": 1}", &[]);
    assert_eq!(broken, Ok(None), "what is disabled may be unfinished");
}

#[test]
fn what_is_wrong_with_a_function_is_said() {
    let with = |text: &str| format!("{{{text}, \"bindings\": [{TRIGGER}]}}");
    let cases = [
        (
            with("\"scriptFile\": 1"),
            "1: scriptFile: expected a string, found number",
            "no text",
        ),
        (
            with("\"scriptFile\": \"x.py\""),
            "1: scriptFile: there is no file Hello/x.py",
            "no such script",
        ),
        (
            with("\"scriptFile\": \"../../x.py\""),
            "1: scriptFile: \"../../x.py\" is outside of the app's folder; move the script into it",
            "outside of the app",
        ),
        (
            with("\"scriptFile\": \"/etc/passwd\""),
            "1: scriptFile: \"/etc/passwd\" is outside of the app's folder; move the script into it",
            "an absolute path",
        ),
        (
            with("\"entryPoint\": \"\""),
            "1: entryPoint: expected a string that is not empty, found \"\"",
            "no entry point",
        ),
        (
            with("\"disabled\": 1"),
            "1: disabled: expected a boolean or the name of an app setting, found number",
            "neither",
        ),
        (
            "{}".to_owned(),
            "1:1: expected a member \"bindings\" with a trigger",
            "no bindings",
        ),
        (
            "{\"bindings\": {}}".to_owned(),
            "1: bindings: expected an array, found object",
            "not a list",
        ),
        (
            "{".to_owned(),
            "1:1: invalid JSON: unterminated object",
            "not JSON",
        ),
    ];
    for (text, expected, reason) in cases {
        let problem = read_hello(&text, &[]).expect_err(reason);
        assert_eq!(problem, format!("Hello/function.json:{expected}"), "{reason}");
    }
}

#[test]
fn what_is_wrong_with_a_binding_is_said() {
    let trigger = |text: &str| format!(r#"{{"type": "httpTrigger", "name": "req", {text}}}"#);
    let also = |text: &str| format!("{TRIGGER}, {text}");
    let cases = [
        (
            String::new(),
            "bindings: expected exactly one trigger (a binding with a type that ends in \"Trigger\"), found none",
            "no bindings",
        ),
        (
            also(r#"{"type": "timerTrigger", "name": "timer", "schedule": "0 0 * * * *"}"#),
            "bindings: expected exactly one trigger (a binding with a type that ends in \"Trigger\"), found \
             req (httpTrigger), timer (timerTrigger)",
            "two triggers",
        ),
        (
            "5".to_owned(),
            "bindings[0]: expected an object, found number",
            "not a binding",
        ),
        (
            also(r#"{"name": "x"}"#),
            "bindings[1]: expected a member \"type\" in each binding",
            "no type",
        ),
        (
            also(r#"{"type": "blob"}"#),
            "bindings[1]: expected a member \"name\" in each binding",
            "no name",
        ),
        (
            also(r#"{"type": "", "name": "x"}"#),
            "bindings[1].type: expected a string that is not empty, found \"\"",
            "an empty type",
        ),
        (
            also(r#"{"type": "blob", "name": "my-blob"}"#),
            "bindings[1].name: expected the name of a parameter of the function, or \"$return\", found \"my-blob\"",
            "no name in Python",
        ),
        (
            also(r#"{"type": "table", "name": "req"}"#),
            "bindings[1].name: \"req\" is the name of bindings[0] already; each binding needs its own name",
            "the same name twice",
        ),
        (
            also(r#"{"type": "blob", "name": "x", "direction": "inn"}"#),
            "bindings[1].direction: expected one of \"in\", \"out\", \"inout\", found \"inn\"",
            "no direction",
        ),
        (
            also(r#"{"type": "blob", "name": "x", "dataType": "text"}"#),
            "bindings[1].dataType: expected one of \"string\", \"binary\", \"stream\", \"undefined\", found \"text\"",
            "no type of data",
        ),
        (
            also(r#"{"type": "http", "name": "$return"}"#),
            "bindings[1]: the binding \"$return\" needs \"direction\": \"out\"",
            "a return value that goes in by default",
        ),
        (
            also(r#"{"type": "http", "name": "$return", "direction": "in"}"#),
            "bindings[1].direction: the binding \"$return\" needs \"direction\": \"out\"",
            "a return value that goes in",
        ),
        (
            trigger(r#""direction": "out""#),
            "bindings[0].direction: the direction of a trigger is \"in\"",
            "a trigger that goes out",
        ),
        (
            trigger(r#""authLevel": "secret""#),
            "bindings[0].authLevel: expected one of \"anonymous\", \"function\", \"admin\", found \"secret\"",
            "no level",
        ),
        (
            trigger(r#""methods": "get""#),
            "bindings[0].methods: expected an array, found string",
            "no list",
        ),
        (
            trigger(r#""methods": ["get", "GTE"]"#),
            "bindings[0].methods[1]: expected one of \"GET\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", \
             \"HEAD\", \"OPTIONS\", \"TRACE\", \"CONNECT\", \"QUERY\", found \"GTE\"",
            "no method",
        ),
        (
            trigger(r#""route": 5"#),
            "bindings[0].route: expected a string, found number",
            "no text",
        ),
        (
            trigger(r#""route": "a/{id""#),
            "bindings[0].route: route \"a/{id\": a brace without its counterpart; write {{ or }} for a literal \
             brace",
            "no template",
        ),
    ];
    for (bindings, expected, reason) in cases {
        let problem = read_bindings(&bindings).expect_err(reason);
        assert_eq!(problem, format!("Hello/function.json:1: {expected}"), "{reason}");
    }
}

#[test]
fn the_default_script_is_the_only_one_or_has_a_known_name() {
    let cases: [(&[&str], Result<&str, &str>, &str); 6] = [
        (&["other.py"], Ok("other.py"), "the only Python file"),
        (&["main.py", "other.py"], Ok("main.py"), "main.py of several"),
        (
            &["__init__.py", "main.py"],
            Ok("__init__.py"),
            "__init__.py comes first",
        ),
        (
            &["helper.txt", "main.py"],
            Ok("main.py"),
            "other files do not count",
        ),
        (
            &["a.py", "b.py"],
            Err(
                "expected one Python file, __init__.py or main.py, found a.py, b.py; name the script as \"scriptFile\"",
            ),
            "several without a known name",
        ),
        (
            &[],
            Err("the folder has no Python file; create __init__.py, or name the script as \"scriptFile\""),
            "none",
        ),
    ];
    for (files, expected, reason) in cases {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("Bye");
        fs::create_dir(&folder).expect("created");
        fs::write(folder.join(FILE), format!("{{\"bindings\": [{TRIGGER}]}}")).expect("written");
        for file in files {
            fs::write(folder.join(file), "").expect("written");
        }
        let found = match read(
            root.path(),
            "Bye",
            &AppSettings::new([], []),
            Driver::Funcdock,
            &mut Vec::new(),
        ) {
            Ok(Read::Enabled(enabled)) => Ok(enabled.function.script_file),
            Ok(Read::Disabled) => panic!("{reason}: disabled"),
            Err(problem) => Err(problem.to_string()),
        };
        let expected = expected
            .map(|file| folder.join(file))
            .map_err(|message| format!("Bye/function.json:1:1: {message}"));
        assert_eq!(found, expected, "{reason}");
    }
}

#[test]
fn a_declaration_that_cannot_be_read_is_an_error() {
    let root = tempfile::tempdir().expect("a folder");
    for folder in ["Dangling", "Folder"] {
        fs::create_dir(root.path().join(folder)).expect("created");
    }
    std::os::unix::fs::symlink("nowhere.json", root.path().join("Dangling").join(FILE)).expect("a link");
    fs::create_dir(root.path().join("Folder").join(FILE)).expect("created");
    assert_eq!(names(root.path()).expect("listed"), ["Dangling", "Folder"]);
    for (name, expected) in [
        (
            "Dangling",
            "Dangling/function.json: is a link to a file that does not exist",
        ),
        (
            "Folder",
            "Folder/function.json: cannot be read: Is a directory (os error 21)",
        ),
    ] {
        let read = read(
            root.path(),
            name,
            &AppSettings::new([], []),
            Driver::Funcdock,
            &mut Vec::new(),
        );
        assert_eq!(
            read.err().map(|problem| problem.to_string()).as_deref(),
            Some(expected)
        );
    }
}

#[test]
fn names_of_functions_are_checked() {
    let cases = [
        ("A", true, "one letter"),
        ("get-item_2", true, "letters, digits, _ and -"),
        (&"a".repeat(128), true, "the longest"),
        (&"a".repeat(129), false, "too long"),
        ("2nd", false, "starts with a digit"),
        ("_x", false, "starts with _"),
        ("a b", false, "a space"),
        ("é", false, "not ASCII"),
        ("", false, "empty"),
    ];
    for (name, expected, reason) in cases {
        assert_eq!(is_function_name(name), expected, "{name:?}: {reason}");
    }
}
