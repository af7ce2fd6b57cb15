use super::*;

const PLAIN: &str = "import azure.functions as func\n\napp = func.FunctionApp()\n";

fn error(text: &str) -> String {
    Script::read("app.py", text).expect_err(text).to_string()
}

#[test]
fn a_function_app_is_found() {
    for (text, app, module) in [
        (PLAIN, "app", "func"),
        (
            "import azure.functions\nmy_app: azure.functions.FunctionApp = azure.functions.FunctionApp(\n)\n",
            "my_app",
            "azure.functions",
        ),
        (
            "from azure import functions as f, identity\nimport azure.durable_functions as df\napp=df.DFApp (f.X)\n",
            "app",
            "f",
        ),
        (
            "\u{feff}'''\nother = func.FunctionApp()\n'''\r\nimport azure.functions as func\r\napp = func.FunctionApp()\r\n",
            "app",
            "func",
        ),
    ] {
        let script = Script::read("app.py", text).expect(text);
        assert_eq!((script.app(), script.module()), (app, module), "{text}");
    }
}

#[test]
fn a_script_without_one_function_app_is_refused() {
    let none = "app.py: there is no function app at the top level; expected a line such as `app = func.FunctionApp()`";
    for (text, expected) in [
        ("", none),
        (
            "import azure.functions as func\nif True:\n    app = func.FunctionApp()\n",
            none,
        ),
        (
            "import azure.functions as func\napp == func.FunctionApp()\n",
            none,
        ),
        ("app = func.Blueprint()\n", none),
        ("app = func.FunctionApp\n", none),
        (
            "app = func.FunctionApp()\n",
            "app.py: azure.functions is not imported as a module",
        ),
        (
            "a = func.FunctionApp()\n\nb = func.FunctionApp()\n",
            "app.py:3: this is a second function app beside the one in line 1",
        ),
        (
            "app = func.FunctionApp(\n",
            "app.py:1: this bracket or string is never closed",
        ),
    ] {
        let error = error(text);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_name_that_exists_is_refused() {
    let text = format!(
        "import os, json as js\nfrom x import (\n    y as z,\n)\n{PLAIN}\n\n@app.function_name(name='Send-Mail')\n\
         @app.route()\nasync def mail(req): ...\n\n\nclass Order:\n    inner = 1\n\n\nLIMIT: int = 3\n"
    );
    let script = Script::read("app.py", &text).expect("one app");
    let check = |name: &str| script.check(name, &Identifier::of(name), true);
    for (name, line) in [
        ("send-mail", 10),
        ("Mail", 12),
        ("order", 15),
        ("limit", 19),
        ("os", 1),
        ("js", 1),
        ("z", 2),
        ("app", 7),
    ] {
        let error = check(name).expect_err(name).to_string();
        assert!(error.starts_with(&format!("app.py:{line}: ")), "{name}: {error}");
    }
    for name in ["json", "x", "y", "inner", "func", "new"] {
        assert!(check(name).is_ok(), "{name}");
    }
}

#[test]
fn an_app_of_a_web_framework_takes_no_route() {
    let text = "import azure.functions as func\nfrom x import web\napp = func.AsgiFunctionApp(app=web)\n";
    let script = Script::read("app.py", text).expect("one app");
    let check = |has_route| script.check("new", &Identifier::of("new"), has_route);
    let error = check(true).expect_err("no routes").to_string();
    assert!(
        error.starts_with("app.py:3: app is of class AsgiFunctionApp, "),
        "{error}"
    );
    check(false).expect("a timer, for example");
}

#[test]
fn code_is_added_at_the_end() {
    let added = |text: &str, code| Script::read("app.py", text).expect("one app").with(code);
    assert_eq!(
        added(&format!("{PLAIN}\n\n# end"), "x()\ny()\n"),
        format!("{PLAIN}\n\n# end\n\n\nx()\ny()\n")
    );
    let (rest, code) = (
        "import azure.functions as func\napp = func.FunctionApp()",
        "logging.x\n",
    );
    for (before, expected) in [
        ("", "import logging\n\n"),
        ("\u{feff}", "\u{feff}import logging\n\n"),
        ("import json\n\n", "import json\nimport logging\n\n"),
        ("import logging\n", "import logging\n"),
        (
            "from __future__ import annotations\n\n",
            "from __future__ import annotations\n\nimport logging\n\n",
        ),
        ("'''Text'''\n\n", "'''Text'''\n\nimport logging\n\n"),
    ] {
        let text = added(&format!("{before}{rest}"), code);
        assert_eq!(text, format!("{expected}{rest}\n\n\nlogging.x\n"));
        let crlf = added(&format!("{before}{rest}").replace('\n', "\r\n"), code);
        assert_eq!(crlf, text.replace('\n', "\r\n"));
    }
}
