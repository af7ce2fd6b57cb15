//! The templates of functions and their tests.
//!
//! Each is a Python file that linters read as it is. Code that is made has the function's own names in place of the
//! names that begin with `template`.

use clap::ValueEnum;

use super::names::{Identifier, is_importable};

/// What starts the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Template {
    /// An HTTP request
    Http,
    /// A schedule
    Timer,
    /// A message in a storage queue
    Queue,
    /// A new or changed blob in a storage container
    Blob,
}

/// Which key a caller of an HTTP function must send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum AuthLevel {
    /// None
    Anonymous,
    /// The function's or the host's
    Function,
    /// The master key
    Admin,
}

/// The files of one template.
struct Files {
    decorated: &'static str,
    decorated_test: &'static str,
    main: &'static str,
    main_test: &'static str,
    function_json: &'static str,
}

macro_rules! files {
    ($name:literal) => {
        Files {
            decorated: include_str!(concat!("../templates/v2/", $name, ".py")),
            decorated_test: include_str!(concat!("../templates/v2/test_", $name, ".py")),
            main: include_str!(concat!("../templates/v1/", $name, ".py")),
            main_test: include_str!(concat!("../templates/v1/test_", $name, ".py")),
            function_json: include_str!(concat!("../templates/v1/", $name, ".json")),
        }
    };
}

impl Template {
    fn files(self) -> Files {
        match self {
            Template::Http => files!("http"),
            Template::Timer => files!("timer"),
            Template::Queue => files!("queue"),
            Template::Blob => files!("blob"),
        }
    }
}

/// A function to make.
#[derive(Debug)]
pub(in crate::cli) struct NewFunction<'a> {
    pub(super) template: Template,
    /// A valid name.
    pub(super) name: &'a str,
    pub(super) identifier: Identifier,
    /// `None`: the app's, or that of its keys by default.
    pub(super) level: Option<AuthLevel>,
}

impl<'a> NewFunction<'a> {
    /// Returns a function of this template. The name must be valid.
    pub(in crate::cli) fn new(template: Template, name: &'a str, level: Option<AuthLevel>) -> Self {
        Self {
            template,
            name,
            identifier: Identifier::of(name),
            level,
        }
    }

    /// Returns the decorated function, for a script with these names of the function app and of azure.functions.
    pub(super) fn decorated(&self, app: &str, module: &str) -> String {
        let file = self.template.files().decorated;
        let (_, code) = file.split_once("\n\n\n").unwrap_or_default();
        let level = ", auth_level=func.AuthLevel.FUNCTION";
        let code = match self.level {
            None => code.replace(level, ""),
            Some(other) => code.replace(
                "AuthLevel.FUNCTION",
                &format!("AuthLevel.{}", word(other).to_uppercase()),
            ),
        };
        let code = if self.identifier.as_str() == self.name {
            // The function's name is that of the Python function.
            let is_decorator = |line: &str| line.contains(".function_name(");
            code.split_inclusive('\n')
                .filter(|line| !is_decorator(line))
                .collect()
        } else {
            code
        };
        let code = code.replace("func.", &format!("{module}."));
        self.named(&code.replace("template_app", app))
    }

    /// Returns the test of the decorated function in the script with this module name.
    pub(super) fn decorated_test(&self, module: &str) -> String {
        let test = self.named(self.template.files().decorated_test);
        importing(&test, module, self.identifier.as_str())
    }

    /// Returns the code of a function in a folder.
    pub(super) fn main(&self) -> String {
        self.named(self.template.files().main)
    }

    /// Returns the test of a function in a folder.
    pub(super) fn main_test(&self) -> String {
        importing(&self.named(self.template.files().main_test), self.name, "main")
    }

    /// Returns the function.json of a function in a folder.
    pub(super) fn function_json(&self) -> String {
        let level = self.level.map_or("function", word);
        let json = self.template.files().function_json;
        json.replace(
            "\"authLevel\": \"function\"",
            &format!("\"authLevel\": \"{level}\""),
        )
    }

    /// Returns the path of the test file in the app.
    pub(super) fn test_file(&self) -> String {
        format!("tests/test_{}.py", self.name.replace('-', "_"))
    }

    fn named(&self, text: &str) -> String {
        text.replace("template-name", self.name)
            .replace("template_def", self.identifier.as_str())
    }
}

/// Fills in the module that a test imports `name` from.
fn importing(test: &str, module: &str, name: &str) -> String {
    if is_importable(module) {
        return test.replace("template_module", module);
    }
    let test = test.replace(
        &format!("from template_module import {name}"),
        &format!("{name} = importlib.import_module(\"{module}\").{name}"),
    );
    let gap = if test.starts_with("import logging") {
        ""
    } else {
        "\n"
    };
    format!("import importlib\n{gap}{test}")
}

fn word(level: AuthLevel) -> &'static str {
    match level {
        AuthLevel::Anonymous => "anonymous",
        AuthLevel::Function => "function",
        AuthLevel::Admin => "admin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Template; 4] = [Template::Http, Template::Timer, Template::Queue, Template::Blob];

    #[test]
    fn all_placeholders_are_filled() {
        for template in ALL {
            for (name, module) in [
                ("hello", "function_app"),
                ("Send-Mail", "my-app"),
                ("class", "app"),
            ] {
                let function = NewFunction::new(template, name, Some(AuthLevel::Admin));
                for text in [
                    function.decorated("my_app", "azure.functions"),
                    function.decorated_test(module),
                    function.main(),
                    function.main_test(),
                    function.function_json(),
                ] {
                    assert!(!text.contains("template"), "{text}");
                    assert!(!text.to_lowercase().contains("auth_level=func"), "{text}");
                }
            }
        }
    }

    #[test]
    fn code_has_the_names_of_its_script() {
        let function = NewFunction::new(Template::Http, "send-mail", Some(AuthLevel::Anonymous));
        let code = function.decorated("api", "f");
        let expected = "@api.function_name(name=\"send-mail\")\n\
             @api.route(route=\"send-mail\", methods=[\"GET\"], auth_level=f.AuthLevel.ANONYMOUS)\n\
             def send_mail(req: f.HttpRequest) -> f.HttpResponse:\n";
        assert!(code.starts_with(expected), "{code}");
        let function = NewFunction::new(Template::Http, "hello", None);
        let code = function.decorated("app", "func");
        assert!(
            code.starts_with("@app.route(route=\"hello\", methods=[\"GET\"])\ndef hello("),
            "{code}"
        );
        let function = NewFunction::new(Template::Timer, "tick", None);
        let code = function.decorated("app", "func");
        assert!(code.starts_with("# Second, minute"), "{code}");
    }

    #[test]
    fn a_test_imports_any_folder() {
        let function = NewFunction::new(Template::Http, "send-mail", None);
        let test = function.main_test();
        assert!(
            test.starts_with("import importlib\n\nimport azure.functions as func\n\nmain = importlib.import_module(\"send-mail\").main\n"),
            "{test}"
        );
        let test = NewFunction::new(Template::Timer, "class", None).main_test();
        assert!(test.starts_with("import importlib\nimport logging\n\n"), "{test}");
        assert_eq!(function.test_file(), "tests/test_send_mail.py");
    }
}
