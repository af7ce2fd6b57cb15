//! Reads whole apps: what depends on more than one file.

use std::fs;

use super::*;

/// Names and texts of files.
type Files<'a> = [(&'a str, &'a str)];

const HTTP: &str = r#"{"bindings": [{"type": "httpTrigger", "name": "req"}]}"#;

fn http(extra: &str) -> String {
    format!("{{\"bindings\": [\n{{\"type\": \"httpTrigger\", \"name\": \"req\",\n{extra}}}]}}")
}

/// A folder with these files, and an `__init__.py` beside each function.json.
fn app(files: &Files<'_>) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for (file, text) in files {
        let path = root.path().join(file);
        let folder = path.parent().expect("in a folder");
        fs::create_dir_all(folder).expect("created");
        if file.ends_with("function.json") {
            fs::write(folder.join("__init__.py"), "").expect("written");
        }
        fs::write(path, text).expect("written");
    }
    root
}

fn options(environment: &[(&str, &str)], functions: &[&str]) -> ReadOptions {
    ReadOptions {
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        functions: functions.iter().map(|name| (*name).into()).collect(),
        ..ReadOptions::default()
    }
}

fn functions(app: &App) -> &[crate::model::FunctionDefinition] {
    app.declarations.known().expect("declared in folders")
}

fn names(reading: &Reading) -> Vec<&str> {
    let functions = functions(&reading.app).iter();
    functions.map(|function| function.name.as_str()).collect()
}

fn warnings(reading: &Reading) -> Vec<String> {
    reading.warnings.iter().map(Problem::to_string).collect()
}

#[test]
fn an_app_is_read_and_arrives_at_a_worker_unchanged() {
    let root = app(&[
        ("host.json", "{\"version\": \"2.0\"}"),
        ("local.settings.json", "{\"Values\": {\"A\": \"1\"}}"),
        ("Zulu/function.json", HTTP),
        ("Alpha/function.json", HTTP),
        ("shared_code/helper.py", ""),
        ("Alpha/deeper/function.json", "not looked at"),
    ]);
    let reading = App::read(root.path(), &ReadOptions::default()).expect("valid");
    assert_eq!(names(&reading), ["Alpha", "Zulu"]);
    assert!(reading.warnings.is_empty() && reading.disabled.is_empty());
    let app = reading.app;
    assert_eq!(app.root, root.path().canonicalize().expect("a folder"));
    assert_eq!(functions(&app)[0].directory, app.root.join("Alpha"));
    assert_eq!(app.settings.values.get("A"), Some("1"));
    let json = serde_json::to_string(&app).expect("serializable");
    assert_eq!(serde_json::from_str::<App>(&json).expect("as it was"), app);
}

#[test]
fn an_app_without_functions_is_valid() {
    let root = app(&[("host.json", "{}")]);
    let reading = App::read(root.path(), &ReadOptions::default()).expect("valid");
    assert!(functions(&reading.app).is_empty());
}

#[test]
fn folders_that_are_not_apps_are_refused() {
    let root = app(&[]);
    let error = App::read(root.path(), &ReadOptions::default())
        .expect_err("no host.json")
        .to_string();
    let shown = root
        .path()
        .canonicalize()
        .expect("a folder")
        .display()
        .to_string();
    assert_eq!(
        error,
        format!(
            "no host.json in {shown}: is this a function app? Name the folder that holds its host.json, \
             or make an app with: funcdock init"
        )
    );
    let file = root.path().join("file");
    fs::write(&file, "").expect("written");
    let error = App::read(&file, &ReadOptions::default())
        .expect_err("a file")
        .to_string();
    assert_eq!(
        error,
        format!(
            "cannot open the app's folder {}: it is a file; name the folder that holds its host.json",
            file.display()
        )
    );
    let missing = root.path().join("missing");
    let error = App::read(&missing, &ReadOptions::default())
        .expect_err("no folder")
        .to_string();
    let expected = format!(
        "cannot open the app's folder {}: No such file or directory (os error 2)",
        missing.display()
    );
    assert_eq!(error, expected);
}

#[test]
fn errors_come_from_the_file_at_fault() {
    let host = ("host.json", "{}");
    let cases: &[(&Files<'_>, &str, &str)] = &[
        (
            &[("host.json", "{")],
            "host.json:1:1: invalid JSON: unterminated object",
            "host.json",
        ),
        (
            &[host, ("local.settings.json", "[]")],
            "local.settings.json:1:1: expected an object, found array",
            "local.settings.json",
        ),
        (
            &[
                host,
                (
                    "local.settings.json",
                    r#"{"Values": {"AzureFunctionsJobHost__functionTimeout": "x"}}"#,
                ),
            ],
            "app setting AzureFunctionsJobHost__functionTimeout: expected a time \"hh:mm:ss\" or \
             \"d.hh:mm:ss\" of at least a second, or \"-1\" for no limit, found \"x\"",
            "a value that overrides host.json",
        ),
        (
            &[
                host,
                ("B/function.json", "{}"),
                ("A/function.json", "{"),
                ("C/function.json", HTTP),
            ],
            "A/function.json:1:1: invalid JSON: unterminated object\n\
             B/function.json:1:1: expected a member \"bindings\" with a trigger",
            "all functions that have a problem",
        ),
        (
            &[host, ("2nd/function.json", HTTP)],
            "2nd/function.json:1:1: \"2nd\" cannot be the name of a function: expected a letter, then up to 127 \
             letters, digits, \"_\" and \"-\"; rename the folder",
            "a folder's name",
        ),
    ];
    for (files, expected, reason) in cases {
        let error = App::read(app(files).path(), &ReadOptions::default()).expect_err(reason);
        assert_eq!(error.to_string(), *expected, "{reason}");
    }
}

#[test]
fn environment_variables_win_over_values() {
    let root = app(&[
        ("host.json", "{}"),
        (
            "local.settings.json",
            r#"{"Values": {
                "AzureFunctionsJobHost__extensions__http__routePrefix": "values",
                "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests": 3,
                "AzureWebJobs.A.Disabled": true
            }}"#,
        ),
        ("A/function.json", HTTP),
        ("B/function.json", HTTP),
    ]);
    let variables = [(
        "azurefunctionsjobhost__extensions__http__routeprefix",
        "environment",
    )];
    let reading = App::read(root.path(), &options(&variables, &[])).expect("valid");
    assert_eq!(reading.app.host.http.route_prefix, "environment");
    assert_eq!(reading.app.host.http.max_concurrent_requests, Some(3));
    assert_eq!(
        (names(&reading), reading.disabled.as_slice()),
        (vec!["B"], &["A".to_owned()][..])
    );
}

#[test]
fn a_switch_with_a_bad_value_is_warned_of() {
    let root = app(&[
        ("host.json", "{}"),
        (
            "local.settings.json",
            r#"{"Values": {"AzureWebJobs.A.Disabled": "on", "MAINTENANCE": "enabled"}}"#,
        ),
        ("A/function.json", HTTP),
        (
            "B/function.json",
            r#"{"disabled": "MAINTENANCE", "bindings": [{"type": "httpTrigger", "name": "req"}]}"#,
        ),
    ]);
    let reading = App::read(root.path(), &ReadOptions::default()).expect("valid");
    assert_eq!(names(&reading), ["A", "B"]);
    let expected = "expected a boolean (1, true, t, yes or y; 0, false, f, no or n), found";
    assert_eq!(
        warnings(&reading),
        [
            format!(
                "app setting AzureWebJobs.A.Disabled: {expected} \"on\" in local.settings.json (Values); it counts as \
                 false"
            ),
            format!(
                "app setting MAINTENANCE: {expected} \"enabled\" in local.settings.json (Values); it counts as false"
            ),
        ]
    );
}

#[test]
fn functions_are_filtered() {
    let files = |host: &'static str| {
        app(&[
            ("host.json", host),
            ("A/function.json", HTTP),
            ("B/function.json", HTTP),
            ("Broken/function.json", ""),
        ])
    };
    let listed = files("{\"functions\": [\"a\",\n \"Brokn\", \"C\"]}");
    let reading = App::read(listed.path(), &ReadOptions::default()).expect("valid");
    assert_eq!(
        names(&reading),
        ["A"],
        "the list of host.json, in any case; what is not wanted may be broken"
    );
    assert_eq!(
        warnings(&reading),
        [
            "host.json:2: functions[1]: no function is named \"Brokn\" (did you mean \"Broken\"?)",
            "host.json:2: functions[2]: no function is named \"C\"",
        ]
    );
    let reading = App::read(listed.path(), &options(&[], &["B"])).expect("valid");
    assert_eq!(
        names(&reading),
        ["B"],
        "--functions takes the place of host.json's list"
    );
    assert!(reading.warnings.is_empty(), "without a warning of that list");
    let error = App::read(listed.path(), &options(&[], &["A", "Broke"]))
        .expect_err("unknown")
        .to_string();
    assert_eq!(
        error,
        "--functions: no function is named \"Broke\"; the app has: A, B, Broken (did you mean \"Broken\"?)"
    );
    let empty = files("{\"functions\": []}");
    let error = App::read(empty.path(), &ReadOptions::default())
        .expect_err("broken")
        .to_string();
    assert_eq!(
        error, "Broken/function.json:1:1: the file is empty; expected an object: {}",
        "an empty list is none"
    );
    let none = app(&[("host.json", "{}")]);
    let error = App::read(none.path(), &options(&[], &["A"]))
        .expect_err("unknown")
        .to_string();
    assert_eq!(
        error,
        "--functions: no function is named \"A\"; the app has no functions"
    );
}

#[test]
fn routes_that_clash_are_refused() {
    let (get, post) = (r#""methods": ["get"]"#, r#""methods": ["post", "get"]"#);
    let cases = [
        (
            "{}",
            r#""route": "x""#.to_owned(),
            r#""route": "y""#.to_owned(),
            None,
            "two routes",
        ),
        (
            "{}",
            r#""route": "x/{a}""#.to_owned(),
            r#""route": "X/{b}/""#.to_owned(),
            Some(
                "3: bindings[0].route: any method of \"X/{b}\" is served by the function \"A\" already; change the route \
                  or the methods of one of them",
            ),
            "one route in two spellings",
        ),
        (
            "{}",
            format!(r#""route": "x", {get}"#),
            format!(r#""route": "x", {post}"#),
            Some(
                "3: bindings[0].route: GET \"x\" is served by the function \"A\" already; change the route or the \
                  methods of one of them",
            ),
            "one method in common",
        ),
        (
            "{}",
            format!(r#""route": "x", {get}"#),
            r#""route": "x", "methods": ["post"]"#.to_owned(),
            None,
            "other methods",
        ),
        (
            "{}",
            format!(r#""route": "B", {get}"#),
            r#""authLevel": "admin""#.to_owned(),
            Some(
                "2: bindings[0]: GET \"B\" is served by the function \"A\" already; change the route or the methods of \
                  one of them",
            ),
            "the default route",
        ),
        (
            "{}",
            r#""route": "x""#.to_owned(),
            r#""route": "admin/x""#.to_owned(),
            None,
            "reserved only without a prefix",
        ),
        (
            r#"{"extensions": {"http": {"routePrefix": ""}}}"#,
            r#""route": "x""#.to_owned(),
            r#""route": "Admin/{x}""#.to_owned(),
            Some(
                "3: bindings[0].route: \"Admin\" is reserved for the host; take another route, or a routePrefix",
            ),
            "the host's own paths",
        ),
    ];
    for (host, one, other, expected, reason) in cases {
        let root = app(&[
            ("host.json", host),
            ("A/function.json", &http(&one)),
            ("B/function.json", &http(&other)),
        ]);
        let error = App::read(root.path(), &ReadOptions::default())
            .err()
            .map(|error| error.to_string());
        assert_eq!(
            error,
            expected.map(|text| format!("B/function.json:{text}")),
            "{reason}"
        );
    }
}

#[test]
fn keys_that_are_given_twice_are_warned_of() {
    let root = app(&[
        ("host.json", "{\"version\": \"1.0\", \"version\": \"2.0\"}"),
        ("local.settings.json", "{\"Values\": {\"A\": 1, \"A\": 2}}"),
        (
            "A/function.json",
            "{\"entryPoint\": \"x\", \"entryPoint\": \"main\", \"bindings\": [{\"type\": \"t_trigger\", \"name\": \"t\"}]}",
        ),
    ]);
    let reading = App::read(root.path(), &ReadOptions::default()).expect("valid");
    let twice = "this key occurs twice in the object; only the last one counts";
    assert_eq!(
        warnings(&reading),
        [
            format!("host.json:1: version: {twice}"),
            format!("local.settings.json:1: Values.A: {twice}"),
            format!("A/function.json:1: entryPoint: {twice}"),
        ]
    );
    assert_eq!(reading.app.settings.values.get("A"), Some("2"));
}
