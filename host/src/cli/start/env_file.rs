//! `--env-file`: variables for the host and everything that it starts.
//!
//! They must also count for options that have a variable, and a program cannot safely change its own environment. So it
//! starts itself again, with the same process id and arguments, and a larger environment.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context as _, Result, anyhow, bail};

/// Set to the id of the process that has read its files. Others inherit the variable, and have other ids.
const READ_BY: &str = "FUNCDOCK_ENV_FILE_READ_BY";

/// Starts this program again with the variables of these files, of which the later ones win. Variables that are set already
/// stay. Returns if it has done so, or if there is nothing to add.
pub(super) fn apply(files: &[PathBuf]) -> Result<()> {
    let own = std::process::id().to_string();
    if std::env::var_os(READ_BY).is_some_and(|pid| pid == OsString::from(&own)) {
        return Ok(());
    }
    let mut variables = BTreeMap::new();
    for file in files {
        variables.extend(read(file)?);
    }
    variables.retain(|name, _| std::env::var_os(name).is_none());
    if variables.is_empty() {
        return Ok(());
    }
    let program = std::env::current_exe().context("cannot find the funcdock binary")?;
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let error = command.args(arguments).envs(variables).env(READ_BY, own).exec();
    // It returns only if it fails.
    Err(error).context("cannot start the host again with the variables of --env-file")
}

/// Reads a file. Errors do not show its text: it may have secrets.
fn read(path: &Path) -> Result<Vec<(String, String)>> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown} of --env-file"))?;
    let text = String::from_utf8(bytes).map_err(|_| anyhow!("{shown} of --env-file is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = LineByLine::new(text);
    let line = Rc::clone(&lines.read);
    let mut variables = Vec::new();
    for variable in dotenvy::from_read_iter(lines) {
        match variable {
            Ok((name, value)) if value.contains('\0') => {
                bail!(
                    "{shown} of --env-file, line {}: {name} has a NUL character",
                    line.get()
                )
            }
            Ok(variable) => variables.push(variable),
            Err(dotenvy::Error::LineParse(text, _)) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let first = line.get() - text.matches('\n').count();
                bail!(
                    "{shown} of --env-file, line {first}: expected NAME=value; put a value with spaces, quotes or $ in \
                     single quotes, and end each quote"
                )
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {shown} of --env-file")),
        }
    }
    Ok(variables)
}

/// Reads a text, at most one line at a time: so that it is known how many the parser has had. The parser does not count.
struct LineByLine<'a> {
    rest: &'a [u8],
    read: Rc<Cell<usize>>,
    /// A line break for a last line without one, whose trailing spaces the parser would not accept.
    end: &'static [u8],
}

impl<'a> LineByLine<'a> {
    fn new(text: &'a str) -> Self {
        LineByLine {
            rest: text.as_bytes(),
            read: Rc::default(),
            end: if text.is_empty() || text.ends_with('\n') {
                b""
            } else {
                b"\n"
            },
        }
    }
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = std::mem::take(&mut self.end);
        }
        let end = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |end| end + 1);
        let length = end.min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest = &self.rest[length..];
        if buffer[..length].ends_with(b"\n") {
            self.read.set(self.read.get() + 1);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &[u8]) -> Result<Vec<(String, String)>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".env");
        std::fs::write(&path, text).expect("written");
        read(&path).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn comments_quotes_and_the_end_of_the_file_are_as_people_write_them() {
        let long = "x".repeat(20_000);
        let text = format!(
            "\u{feff}# a comment: it's one\n\nA=1\r\nexport B = two # more\nC='$A \"x\"'\nD=\"a\nb\"\nE=$A\nLONG={long}\nF=end "
        );
        let variables = read_text(text.as_bytes()).expect("valid");
        let expected = [
            ("A", "1"),
            ("B", "two"),
            ("C", "$A \"x\""),
            ("D", "a\nb"),
            ("E", "1"),
            ("LONG", &long),
            ("F", "end"),
        ];
        let found: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(read_text(b""), Ok(Vec::new()));
    }

    #[test]
    fn errors_name_the_line_and_not_its_text() {
        let long = format!("A={}\nsecret", "x".repeat(20_000));
        for (text, line) in [
            ("A=1\nsecret\n", "line 2:"),
            ("# c\n\nA='x\ny'\nB=secret word\n", "line 5:"),
            ("A=1\nB='secret\nC=2\nD=3\n", "line 2:"),
            ("A=1\nB='secret\nC=2\nD=3", "line 2:"),
            ("=secret", "line 1:"),
            ("1=secret", "line 1:"),
            ("A=1\nsecret\0=1", "line 2:"),
            ("A=1\nB=secret\0", "line 2:"),
            (&long, "line 2:"),
        ] {
            let error = read_text(text.as_bytes()).expect_err("refused");
            assert!(
                error.contains(".env of --env-file, ") && error.contains(line),
                "{text:?}: {error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
        let error = read_text(b"A=\xff").expect_err("refused");
        assert!(error.contains("not UTF-8"), "{error}");
    }
}
