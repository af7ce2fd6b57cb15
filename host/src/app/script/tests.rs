//! Scripts of the decorator model: which file it is, and what its declarations are read as.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::app::{Declarations, ReadOptions, Reading};

const HTTP: &str = r#"{"bindings": [{"direction": "IN", "type": "httpTrigger", "name": "req",
    "authLevel": "ANONYMOUS", "route": "hello/{name}", "methods": ["GET"]},
    {"direction": "OUT", "type": "http", "name": "$return"}]}"#;

fn app(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    fs::write(root.path().join("host.json"), "{}").expect("written");
    for (file, text) in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("created");
        fs::write(path, text).expect("written");
    }
    root
}

fn read(root: &tempfile::TempDir, setting: Option<&str>, functions: &[&str]) -> Result<Reading, String> {
    let setting = setting.map(|value| (SETTING.to_owned(), value.to_owned()));
    let options = ReadOptions {
        environment: setting.into_iter().collect::<BTreeMap<_, _>>(),
        functions: functions.iter().map(|name| (*name).to_owned()).collect(),
        ..ReadOptions::default()
    };
    App::read(root.path(), &options).map_err(|error| error.to_string())
}

#[test]
fn the_script_is_the_default_one_or_the_one_of_the_setting() {
    let root = app(&[("function_app.py", ""), ("main_app.py", ""), ("src/x.py", "")]);
    let expected = |value: &str| {
        format!(
            "app setting PYTHON_SCRIPT_FILE_NAME: expected the name of a Python file in the app's folder, such as \
             \"function_app.py\", found {value:?} in the environment"
        )
    };
    let cases = [
        (None, Ok("function_app.py"), "the default"),
        (Some(""), Ok("function_app.py"), "an empty setting counts as none"),
        (Some("main_app.py"), Ok("main_app.py"), "the setting"),
        (
            Some("other.py"),
            Err("app setting PYTHON_SCRIPT_FILE_NAME: there is no file \"other.py\" in the app's folder; create it, or \
                 correct the setting in the environment"
                .to_owned()),
            "a file that does not exist",
        ),
        (Some("src/x.py"), Err(expected("src/x.py")), "in another folder"),
        (Some("function_app"), Err(expected("function_app")), "no Python file"),
        (Some(".py"), Err(expected(".py")), "no name"),
    ];
    for (setting, expected, reason) in cases {
        let found = read(&root, setting, &[]).map(|reading| match reading.app.declarations {
            Declarations::Script(script) => script
                .file
                .file_name()
                .map(|name| name.to_string_lossy().into_owned()),
            Declarations::Folders(_) => None,
        });
        assert_eq!(found, expected.map(|name| Some(name.to_owned())), "{reason}");
    }
}

#[test]
fn folders_beside_a_script_are_named() {
    let declaration = r#"{"bindings": [{"type": "httpTrigger", "name": "req"}]}"#;
    let root = app(&[
        ("function_app.py", ""),
        ("B/function.json", declaration),
        ("A/function.json", "not even JSON"),
    ]);
    let reading = read(&root, None, &[]).expect("valid");
    let warnings: Vec<_> = reading.warnings.iter().map(Problem::to_string).collect();
    assert_eq!(
        warnings,
        [
            "function_app.py: the folders A, B with a function.json are ignored, as this file declares the app's \
          functions; remove them, or move the file away"
        ]
    );
}

/// The names of the functions, those that are disabled, and the warnings.
type Names = (Vec<String>, Vec<String>, Vec<String>);

/// Names of functions, and their declarations.
type Texts<'a> = &'a [(&'a str, &'a str)];

/// Reads these declarations.
fn declared(
    host_json: &str,
    functions: &[&str],
    settings: &[(&str, &str)],
    declared: Texts<'_>,
) -> Result<Names, String> {
    let root = app(&[("function_app.py", ""), ("host.json", host_json)]);
    let app = read(&root, None, functions)?.app;
    let Declarations::Script(script) = &app.declarations else {
        panic!("the app has a script");
    };
    let declared: Vec<_> = declared
        .iter()
        .map(|(name, json)| Declared {
            name: (*name).to_owned(),
            json: (*json).to_owned(),
            file: app.root.join("blueprints/one.py"),
        })
        .collect();
    let settings: BTreeMap<_, _> = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let settings = AppSettings::new(&BTreeMap::new(), &settings);
    let read = app
        .read_declared(script, &declared, &settings)
        .map_err(|error| error.to_string())?;
    for (index, function) in &read.functions {
        assert_eq!(function.name, declared[*index].name);
        assert_eq!(function.directory, app.root);
        assert_eq!(function.script_file, declared[*index].file);
    }
    Ok((
        read.functions
            .into_iter()
            .map(|(_, function)| function.name)
            .collect(),
        read.disabled,
        read.warnings.iter().map(Problem::to_string).collect(),
    ))
}

#[test]
fn declarations_are_read_like_a_function_json() {
    let timer = r#"{"bindings": [{"type": "timerTrigger", "name": "t", "schedule": "0 * * * * *"}]}"#;
    let both = [("hello", HTTP), ("tick", timer)];
    let (names, disabled, warnings) = declared("{}", &[], &[], &both).expect("valid");
    assert_eq!(names, ["hello", "tick"]);
    assert!(disabled.is_empty() && warnings.is_empty());

    let (names, disabled, _) =
        declared("{}", &[], &[("AzureWebJobs.hello.Disabled", "true")], &both).expect("valid");
    assert_eq!(
        (names, disabled),
        (vec!["tick".to_owned()], vec!["hello".to_owned()])
    );

    let (names, _, _) = declared("{}", &["TICK"], &[], &both).expect("valid");
    assert_eq!(names, ["tick"], "--functions");

    let (names, _, warnings) =
        declared(r#"{"functions": ["hello", "tik"]}"#, &[], &[], &both).expect("valid");
    assert_eq!(names, ["hello"], "functions of host.json");
    assert_eq!(
        warnings,
        ["host.json: functions: no function is named \"tik\" (did you mean \"tick\"?)"]
    );
}

#[test]
fn a_retry_policy_of_an_http_function_is_named_as_it_has_no_effect() {
    let policy =
        r#"{"retry": {"strategy": "fixedDelay", "maxRetryCount": "2", "delayInterval": "00:00:05"}, "#;
    let retried = HTTP.replacen('{', policy, 1);
    let (names, _, warnings) = declared("{}", &[], &[], &[("hello", &retried)]).expect("valid");
    assert_eq!(names, ["hello"]);
    assert_eq!(
        warnings,
        [
            "blueprints/one.py: hello.retry: has no effect: calls of HTTP functions are never retried, as their clients \
             can do that"
        ]
    );
}

#[test]
fn a_wrong_declaration_is_named() {
    let changed = |from: &str, to: &str| {
        assert!(HTTP.contains(from));
        HTTP.replace(from, to)
    };
    let cases: [(&[&str], Texts<'_>, &str, &str); 6] = [
        (
            &[],
            &[("hello", HTTP), ("other", HTTP)],
            "blueprints/one.py: other.bindings[0].route: GET \"hello/{name}\" is served by the function \"hello\" \
             already; change the route or the methods of one of them",
            "a route twice",
        ),
        (
            &[],
            &[("hello", HTTP), ("Hello", HTTP)],
            "blueprints/one.py: two functions have the name \"Hello\"; rename one of them",
            "a name twice",
        ),
        (
            &[],
            &[("_hello", HTTP)],
            "blueprints/one.py: _hello: \"_hello\" cannot be the name of a function: expected a letter, then up to 127 \
             letters, digits, \"_\" and \"-\"; rename it",
            "a wrong name",
        ),
        (
            &[],
            &[("hello", "{}")],
            "blueprints/one.py: hello: expected a trigger: decorate the function with one",
            "no bindings",
        ),
        (
            &[],
            &[("hello", &changed("hello/{name}", "hello/{name"))],
            "blueprints/one.py: hello.bindings[0].route: route \"hello/{name\":",
            "a wrong route",
        ),
        (
            &["nope"],
            &[("hello", HTTP)],
            "--functions: no function is named \"nope\"; the app has: hello",
            "--functions with an unknown name",
        ),
    ];
    for (functions, declarations, expected, reason) in cases {
        let error = declared("{}", functions, &[], declarations).expect_err(reason);
        assert!(error.starts_with(expected), "{reason}: {error}");
    }
}

#[test]
fn what_the_functions_host_decides_is_left_to_it() {
    let root = app(&[("function_app.py", "")]);
    let options = ReadOptions {
        driver: Driver::FunctionsHost,
        ..ReadOptions::default()
    };
    let app = App::read(root.path(), &options).expect("valid").app;
    let Declarations::Script(script) = &app.declarations else {
        panic!("no script");
    };
    let declared = |name: &str, json: &str| Declared {
        name: name.to_owned(),
        json: json.to_owned(),
        file: root.path().join("function_app.py"),
    };
    let unknown = HTTP.replace("{name}", "{name:even}");
    let table = r#"{"bindings": [{"direction": "IN", "type": "queueTrigger", "name": "msg", "dataType": "UNDEFINED"},
        {"direction": "IN", "type": "table", "name": "rows"}]}"#;
    let functions = [
        declared("one", HTTP),
        declared("same", HTTP),
        declared("unknown", &unknown),
        declared("table", table),
    ];
    let disabled = ("AzureWebJobs.one.Disabled".to_owned(), "true".to_owned());
    let settings = AppSettings::new([], &BTreeMap::from([disabled]));
    let read = app.read_declared(script, &functions, &settings).expect("valid");
    let names: Vec<_> = read
        .functions
        .iter()
        .map(|(_, function)| function.name.as_str())
        .collect();
    assert_eq!(names, ["one", "same", "unknown", "table"]);
    assert_eq!(read.disabled, Vec::<String>::new());
    assert_eq!(read.functions[3].1.bindings[0].data_type, None);
}
