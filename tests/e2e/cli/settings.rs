//! `funcdock settings`: lists and changes local.settings.json.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use funcdock_tests::App;
use tempfile::TempDir;

use crate::cli::made::{refused, run};
use crate::cli::support::on_the_page;

const FILE: &str = "shop/local.settings.json";

/// Returns a folder with the app `shop`, whose local.settings.json has this text.
fn app(text: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), "init shop");
    fs::write(folder.path().join(FILE), text).expect("a file");
    folder
}

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join(FILE)).expect("a file")
}

#[test]
fn a_setting_is_changed_in_place() {
    let before = "\u{feff}{\n    // Not for git\n    \"Values\": {\n        \"SENDER\": \"a\", // who\n        \"Level\": 1\n    \
                  }\n}\n";
    let folder = app(before);
    let folder = folder.path();
    let file = folder.join(FILE);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("our file");

    let done = run(folder, "settings add sender b --app shop");
    assert_eq!(done.stdout, "Set sender in Values of shop/local.settings.json.\n");
    assert_eq!(text(folder), before.replace("\"a\"", "\"b\""));
    run(folder, "settings --app shop delete SENDER");
    run(folder, "settings --app shop add Level -1");
    run(
        folder,
        "settings --app shop add Orders Server=db;Encrypt=true --connectionString",
    );
    let after = "\u{feff}{\n    // Not for git\n    \"Values\": {\n        \"Level\": \"-1\"\n    },\n    \
                 \"ConnectionStrings\": {\n        \"Orders\": \"Server=db;Encrypt=true\"\n    }\n}\n";
    assert_eq!(text(folder), after);
    let mode = file.metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    App::copy_of(&folder.join("shop")).start().stop().assert_clean();

    let hidden = run(folder, "settings list --app shop").stdout;
    assert_eq!(
        hidden,
        "Values:\n  Level  ***\n\nConnectionStrings:\n  Orders  ***\n"
    );
    let shown = run(folder, "settings list --app shop --showValue").stdout;
    let expected = "Values:\n  Level  -1\n\nConnectionStrings:\n  Orders  Server=db;Encrypt=true\n";
    assert_eq!(shown, expected);
    run(folder, "settings --app shop delete orders --connection-string");
    assert!(text(folder).ends_with("\"ConnectionStrings\": {}\n}\n"));
}

#[test]
fn an_app_without_the_file_gets_one() {
    let folder = app("");
    fs::remove_file(folder.path().join(FILE)).expect("our file");
    let shop = folder.path().join("shop");
    let listed = run(&shop, "settings list").stdout;
    assert_eq!(
        listed,
        ". has no local.settings.json. Make it with: funcdock settings add NAME VALUE\n"
    );
    run(&shop, "settings add SENDER a");
    let expected = "{\n  \"IsEncrypted\": false,\n  \"Values\": {\n    \"FUNCTIONS_WORKER_RUNTIME\": \"python\",\n    \
                    \"SENDER\": \"a\"\n  }\n}\n";
    assert_eq!(text(folder.path()), expected);
}

#[test]
fn what_cannot_be_done_changes_nothing() {
    let folder = app("{\"Values\": {\"SENDER\": \"a\"}}");
    let folder = folder.path();
    for (words, expected) in [
        (
            "settings add A b",
            "is this a function app? Name the folder that holds its host.json",
        ),
        ("settings list", "no host.json in"),
        (
            "settings delete SENDR --app shop",
            "local.settings.json: Values: has no \"SENDR\" (did you mean \"SENDER\"?)",
        ),
        (
            "settings delete SENDER --connection-string --app shop",
            "local.settings.json: ConnectionStrings: has no \"SENDER\"",
        ),
        (
            "settings add A=B c --app shop",
            "\"A=B\" is not a valid name of an environment variable",
        ),
    ] {
        refused(folder, words, expected);
    }
    fs::write(
        folder.join(FILE),
        "{\"IsEncrypted\": true, \"Values\": {\"A\": \"x\"}}",
    )
    .expect("a file");
    for words in ["list", "add A b", "delete A"] {
        let expected = "local.settings.json:1: IsEncrypted: the settings are encrypted";
        refused(folder, &format!("settings {words} --app shop"), expected);
    }
}

#[test]
fn the_books_commands_work() {
    let folder = app("{}");
    let mut shown = String::new();
    for command in on_the_page("first-app.md", "commands: settings").lines() {
        let words = command.strip_prefix("funcdock ").expect("ours");
        shown += &run(folder.path(), words).stdout;
    }
    assert!(shown.contains("\n  SENDER  shop@example.org\n"), "{shown}");
    assert!(!text(folder.path()).contains("SENDER"));
}
