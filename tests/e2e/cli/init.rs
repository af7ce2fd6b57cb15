//! `funcdock init` and `funcdock new`: what they make starts, answers and passes its tests, as the book says.

use std::fs;

use funcdock_tests::App;

use crate::cli::made::{both, next_command, pythons, refused, run, shell};
use crate::cli::support::on_the_page;

const PAGE: &str = "first-app.md";

/// Functions to add: template, name, the module of its test.
const FUNCTIONS: [(&str, &str, &str); 4] = [
    ("http", "send-mail", "test_send_mail"),
    ("timer", "clean_up", "test_clean_up"),
    ("queue", "Work", "test_Work"),
    ("blob", "class", "test_class"),
];

/// Makes an app with a function of each template, runs its tests and calls it, in each environment.
fn works(model: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let made = run(folder.path(), &format!("init shop {model}"));
    let tests = next_command(&made, "pytest shop");
    let start = next_command(&made, "funcdock start shop");
    assert!(start.ends_with("/api/hello?name=Ada"), "{start}");
    for (template, name, module) in FUNCTIONS {
        let made = run(
            folder.path(),
            &format!("new --template {template} --name {name} shop"),
        );
        assert!(
            made.stdout.contains(&format!("  tests/{module}.py\n")),
            "{}",
            made.output()
        );
        assert_eq!(
            made.stdout.contains(&format!(
                "does not call it: it has no trigger for {template}s yet"
            )),
            template != "http",
            "{}",
            made.output()
        );
        assert_eq!(
            next_command(&made, "pytest"),
            format!("pytest shop/tests/{module}.py")
        );
    }
    for (version, python) in pythons() {
        let tested = shell(folder.path(), &python, &tests);
        assert!(
            tested.stdout.contains("5 passed"),
            "{version}\n{}",
            tested.output()
        );
        let host = App::copy_of(&folder.path().join("shop")).python(&python).start();
        for (path, expected) in [
            ("/api/hello?name=Ada", "Hello, Ada!"),
            ("/api/send-mail", "Hello, world!"),
        ] {
            let answer = host.get(path);
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, expected),
                "{version}\n{}",
                host.output()
            );
        }
        for (_, name, _) in FUNCTIONS {
            host.wait_for_stdout(&format!("\t{name}: "));
        }
        host.stop().assert_clean();
    }
}

#[test]
fn a_new_app_of_the_decorator_model_works() {
    works("");
}

#[test]
fn a_new_app_of_the_v1_model_works() {
    works("--v1");
}

#[test]
fn the_books_page_leads_from_an_empty_folder_to_an_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in on_the_page(PAGE, "commands: make").lines() {
        run(folder.path(), command.strip_prefix("funcdock ").expect("ours"));
    }
    let shop = folder.path().join("shop");
    let test = fs::read_to_string(shop.join("tests/test_hello.py")).expect("init made it");
    assert_eq!(on_the_page(PAGE, "test"), test.trim_end());

    let (_, python) = pythons().pop().expect("at least one");
    let tested = shell(folder.path(), &python, &on_the_page(PAGE, "commands: test"));
    assert!(tested.stdout.contains("2 passed"), "{}", tested.output());

    let host = App::copy_of(&shop).start();
    let calls = on_the_page(PAGE, "commands: call");
    let answers = calls.lines().map(|line| {
        let path = line.strip_prefix("curl 'http://127.0.0.1:7071");
        host.get(path.expect("a request").trim_end_matches('\'')).text()
    });
    assert_eq!(answers.collect::<Vec<_>>(), ["Hello, Ada!", "Hello, Grace!"]);
    host.stop().assert_clean();
}

#[test]
fn init_overwrites_nothing() {
    let folder = both();
    let folder = folder.path();
    let app = "v1 has a host.json, so it is a function app already; add a function with funcdock new";
    refused(folder, "init v1", app);
    fs::create_dir(folder.join("new")).expect("a folder");
    fs::write(folder.join("new/.gitignore"), "mine").expect("a file");
    let one =
        "new/.gitignore exists already, and nothing is overwritten; move it away, or choose another folder";
    refused(folder, "init new", one);
    fs::write(folder.join("new/function_app.py"), "").expect("a file");
    let two = "new/.gitignore, new/function_app.py exist already, and nothing is overwritten";
    refused(folder, "init new", two);
    fs::write(folder.join("file"), "").expect("a file");
    refused(folder, "init file", "file is not a folder");
    refused(folder, "init file/app", "file is not a folder");
}
