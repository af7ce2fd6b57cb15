//! The names of new functions: in the app and in Python.

use std::fmt;

use anyhow::{Result, bail};

use crate::app::{is_function_name, wrong_name};

/// Python's keywords, its built-in functions and types, and the names that the templates use: no good name of a function
/// in Python code.
const TAKEN: &str = "False None True and as assert async await break class continue def del elif else except finally \
    for from global if import in is lambda nonlocal not or pass raise return try while with yield \
    abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex delattr \
    dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals hasattr hash help hex id \
    input int isinstance issubclass iter len list locals map max memoryview min next object oct open ord pow print \
    property quit range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip \
    azure caplog func function importlib logging pytest";

/// Modules of Python's standard library, in 3.9 to 3.13, and others that a test must be able to import.
const MODULES: &str = "abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb \
    binascii binhex bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections \
    colorsys compileall concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes curses \
    dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum errno faulthandler \
    fcntl filecmp fileinput fnmatch formatter fractions ftplib functools gc genericpath getopt getpass gettext glob \
    graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress \
    itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap \
    modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator \
    optparse os ossaudiodev parser pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix \
    posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re \
    readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site \
    smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics \
    string stringprep struct subprocess sunau symbol symtable sys sysconfig syslog tabnanny tarfile telnetlib \
    tempfile termios test textwrap this threading time timeit tkinter token tokenize tomllib trace traceback \
    tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave weakref \
    webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo \
    azure conftest pip pluggy pytest tests";

/// A name in Python code that stands for a function's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identifier(String);

impl Identifier {
    /// Returns the identifier of a valid name: `-` becomes `_`, and a name that Python code uses gets a `_` at its end.
    pub(super) fn of(name: &str) -> Self {
        let mut identifier = name.replace('-', "_");
        if contains(TAKEN, &identifier) {
            identifier.push('_');
        }
        Self(identifier)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks the name by the host's rule.
pub(super) fn check(name: &str) -> Result<()> {
    if !is_function_name(name) {
        bail!("--name: {}; choose a name such as send-mail", wrong_name(name));
    }
    Ok(())
}

/// Checks that a test can import the function's folder, by a name that is not another module's.
pub(super) fn check_folder(name: &str) -> Result<()> {
    if contains(MODULES, name) {
        bail!(
            "--name: a folder {name} cannot be tested, because Python or its tests have a module of that name; choose \
             another name, such as {name}-function"
        );
    }
    Ok(())
}

/// Whether `import` can name this module.
pub(super) fn is_importable(module: &str) -> bool {
    let keyword = |word: &&str| *word == module;
    identifier_at(module).is_some_and(|(_, rest)| rest.is_empty())
        // The keywords come first.
        && !TAKEN.split_whitespace().take_while(|word| *word != "abs").any(|word| keyword(&word))
}

/// Splits the identifier at the start of `text` from the rest.
pub(super) fn identifier_at(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let starts = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts.then(|| text.split_at(end))
}

fn contains(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|known| known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers() {
        for (name, expected) in [
            ("hello", "hello"),
            ("Send-Mail", "Send_Mail"),
            ("class", "class_"),
            ("list", "list_"),
            ("func", "func_"),
        ] {
            assert_eq!(Identifier::of(name).as_str(), expected);
        }
    }

    #[test]
    fn wrong_names_are_refused() {
        check("a-1_B").expect("valid");
        for name in ["", "1a", "-a", "a b", "größe", "a.b", &"x".repeat(129)] {
            let error = check(name).expect_err("not valid").to_string();
            assert!(
                error.starts_with(&format!("--name: {name:?} cannot be")),
                "{error}"
            );
        }
        check_folder("queue-orders").expect("no module");
        for name in ["queue", "tests", "http"] {
            let error = check_folder(name).expect_err("a module").to_string();
            assert!(error.contains("a module of that name"), "{error}");
        }
    }

    #[test]
    fn modules_with_other_names_need_importlib() {
        for (module, expected) in [
            ("function_app", true),
            ("abs", true),
            ("my-app", false),
            ("1st", false),
            ("class", false),
        ] {
            assert_eq!(is_importable(module), expected, "{module}");
        }
    }
}
