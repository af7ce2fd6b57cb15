//! The app's folder never hides the standard library or a package, and all of its modules are found.

use funcdock_tests::{App, python};

/// Names of modules of the standard library and of a package that the host, its worker or the functions import.
const TAKEN: [&str; 20] = [
    "asyncio",
    "azure",
    "collections",
    "email",
    "encodings",
    "flask",
    "http",
    "importlib",
    "json",
    "linecache",
    "logging",
    "platform",
    "queue",
    "select",
    "signal",
    "threading",
    "tokenize",
    "traceback",
    "types",
    "uuid",
];

/// Returns the environments of all versions, as each starts in its own way.
fn all_versions() -> Vec<std::path::PathBuf> {
    let found = python::SUPPORTED
        .iter()
        .filter_map(|version| python::with_packages(version));
    found.collect()
}

#[test]
fn a_functions_folder_hides_no_module_of_its_name() {
    for python in all_versions() {
        let mut app = App::without_functions().python(&python);
        for name in TAKEN {
            let code = "
import asyncio, email, http, json, queue, select, signal, types, uuid
from email.message import Message
from http.client import HTTPConnection
from . import helper
import azure.functions as func


def main(req: func.HttpRequest):
    return json.dumps([__name__, helper.HERE, str(uuid.uuid4())[8]])
";
            app = app
                .function(name, code)
                .file(&format!("{name}/helper.py"), "HERE = __name__\n");
        }
        // Read before the first line of a worker's code in 3.13, and by the modules that are.
        for name in ["token", "tokenize", "abc", "re", "enum", "string"] {
            app = app.file(
                &format!("{name}.py"),
                "raise RuntimeError('the app hides a module')\n",
            );
        }
        let host = app.start();
        for name in TAKEN {
            let seen = host.get(&format!("/api/{name}"));
            assert_eq!(seen.status, 200, "{name}\n{}", host.output());
            let expected = format!(r#"["__app__.{name}", "__app__.{name}.helper", "-"]"#);
            assert_eq!(seen.text(), expected, "{}", python.display());
        }
        let output = host.output();
        assert!(!output.contains("the app hides a module"), "{output}");
        assert!(
            output.contains("the app's module 'token' is hidden: import token finds "),
            "{output}"
        );
        assert!(
            !output.contains("'uuid' is hidden"),
            "its folder is a function's\n{output}"
        );
        host.stop().assert_clean();
    }
}

#[test]
fn the_working_directory_is_not_on_the_path() {
    let code = "
import importlib, json, os, sys, tempfile

IMPORTED = list(sys.path)


def main(req):
    os.chdir(tempfile.mkdtemp())
    with open('late.py', 'w') as file:
        file.write('')
    importlib.invalidate_caches()
    try:
        import late
    except ImportError:
        found = False
    else:
        found = True
    import shared_code.things
    return json.dumps({
        'found': found,
        'absolute': all(os.path.isabs(path) for path in sys.path),
        'path': IMPORTED,
        'variable': os.environ.get('PYTHONSAFEPATH') or os.environ.get('FUNCDOCK_BOOTSTRAP'),
        'own': os.environ.get('PYTHONPATH'),
    })
";
    for python in all_versions() {
        let app = App::without_functions()
            .function("look", code)
            .file("shared_code/things.py", "")
            .file(".python_packages/lib/site-packages/vendored.py", "");
        let elsewhere = app.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).expect("a folder in the copy");
        // The empty entry is the working directory.
        let variable = format!("{}:", elsewhere.display());
        let host = app.python(&python).env("PYTHONPATH", &variable).start();
        let seen = host.get("/api/look").json();
        assert_eq!(seen["found"], false, "{}", python.display());
        assert_eq!(seen["absolute"], true);
        assert_eq!(seen["variable"], serde_json::Value::Null);
        assert_eq!(seen["own"], variable);
        let path: Vec<_> = seen["path"].as_array().expect("a list").iter().collect();
        let place = |end: &str| {
            let is_it = |path: &&serde_json::Value| path.as_str().expect("a text").ends_with(end);
            let found = path.iter().position(is_it);
            found.unwrap_or_else(|| panic!("{end} is not in {path:?}"))
        };
        let root = host.app().path().canonicalize().expect("the app");
        let root = root.to_str().expect("UTF-8");
        let last = path.len() - 1;
        let order = [
            place("/elsewhere"),
            place("/lib-dynload"),
            place("/.python_packages/lib/site-packages"),
            last - 1,
            last,
        ];
        assert!(order.is_sorted(), "{path:?}");
        assert_eq!(path[last], root);
        assert_eq!(path.iter().filter(|path| **path == root).count(), 1, "{path:?}");
        host.stop().assert_clean();
    }
}

#[test]
fn a_script_with_the_name_of_another_module_declares_the_functions() {
    let code = "
import azure.functions as func
import types
import besides

app = func.FunctionApp()


@app.route('name', auth_level='anonymous')
def name(req: func.HttpRequest) -> str:
    return f'{__name__} {besides.HERE} {types.ModuleType.__name__}'
";
    for (script, expected) in [
        ("types.py", "__app__.types besides module"),
        ("code.py", "__app__.code besides module"),
        ("my_app.py", "my_app besides module"),
    ] {
        let host = App::without_functions()
            .file(script, code)
            .file("besides.py", "HERE = __name__\n")
            .env("PYTHON_SCRIPT_FILE_NAME", script)
            .start();
        assert_eq!(host.get("/api/name").text(), expected, "{}", host.output());
        host.stop().assert_clean();
    }
}

/// The environment is made in the app's folder, by programs that import much.
#[test]
fn an_environment_is_made_beside_folders_with_taken_names() {
    let mut app = App::without_functions().file("requirements.txt", "# nothing yet\n");
    for name in ["venv", "pip", "email", "ensurepip", "logging"] {
        app = app.function(name, "def main(req):\n    return __name__\n");
    }
    let host = app.bare().arg("--port").arg("0").start();
    assert_eq!(host.get("/api/venv").text(), "__app__.venv");
    host.stop().assert_clean();
}
