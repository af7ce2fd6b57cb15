//! Splits Python source into the statements at its top level, without running it.

/// A statement that begins in the first column, or the first line of one with a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Its line, from 1.
    pub(super) line: usize,
    /// The text as one line, without comments.
    pub(super) text: String,
}

/// Returns the statements at the top level of `source`.
///
/// # Errors
/// The line of a bracket or a string that is not closed.
pub(super) fn top_level(source: &str) -> Result<Vec<Statement>, usize> {
    let mut scanner = Scanner {
        rest: source.strip_prefix('\u{feff}').unwrap_or(source),
        line: 1,
        start: 1,
        text: String::new(),
        brackets: Vec::new(),
        statements: Vec::new(),
    };
    while let Some(c) = scanner.rest.chars().next() {
        scanner.step(c)?;
    }
    scanner.end_line();
    scanner
        .brackets
        .last()
        .map_or(Ok(scanner.statements), |line| Err(*line))
}

struct Scanner<'s> {
    rest: &'s str,
    line: usize,
    /// Where the current statement begins, and its text so far.
    start: usize,
    text: String,
    /// The lines of the brackets that are open.
    brackets: Vec<usize>,
    statements: Vec<Statement>,
}

impl Scanner<'_> {
    fn step(&mut self, c: char) -> Result<(), usize> {
        match c {
            '#' => {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
                return Ok(());
            }
            '"' | '\'' => return self.string(c),
            '\n' if self.brackets.is_empty() => {
                self.skip(1);
                self.end_line();
                return Ok(());
            }
            '\\' => {
                // Joins two lines.
                for end in ["\\\r\n", "\\\n"] {
                    if self.rest.starts_with(end) {
                        self.skip(end.len());
                        self.text.push(' ');
                        return Ok(());
                    }
                }
            }
            '(' | '[' | '{' => self.brackets.push(self.line),
            ')' | ']' | '}' => {
                self.brackets.pop();
            }
            _ => {}
        }
        self.text.push(if c == '\n' { ' ' } else { c });
        self.skip(c.len_utf8());
        Ok(())
    }

    fn string(&mut self, quote: char) -> Result<(), usize> {
        let triple = quote.to_string().repeat(3);
        let is_triple = self.rest.starts_with(&triple);
        let quotes = if is_triple { 3 } else { 1 };
        let mut end = quotes;
        loop {
            match self.rest[end..].chars().next() {
                None if is_triple => return Err(self.line),
                None => break,
                // Python refuses it; the next line is read as usual.
                Some('\n') if !is_triple => break,
                Some('\\') => {
                    let escaped = self.rest[end + 1..].chars().next().map_or(0, char::len_utf8);
                    end += 1 + escaped;
                }
                Some(_) if self.rest[end..].starts_with(&triple[..quotes]) => {
                    end += quotes;
                    break;
                }
                Some(other) => end += other.len_utf8(),
            }
        }
        self.text.push_str(&self.rest[..end]);
        self.skip(end);
        Ok(())
    }

    /// Goes on by so many bytes, and counts the lines.
    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }

    fn end_line(&mut self) {
        let text = std::mem::take(&mut self.text);
        if text.starts_with(|c: char| !c.is_whitespace()) {
            self.statements.push(Statement {
                line: self.start,
                text: text.trim_end().to_owned(),
            });
        }
        self.start = self.line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<(usize, String)> {
        let statements = top_level(source).expect("closed");
        statements.into_iter().map(|it| (it.line, it.text)).collect()
    }

    #[test]
    fn statements_are_found_with_their_lines() {
        let source = "\u{feff}\"\"\"Text\nx = 1  # not code\n\"\"\"\r\n\nimport a  # why\nx = (\n    1,  # one )\n)\n\
                      @x(\n'a(')\ndef f():\n    y = '''\nz = 1\n'''\n\nlong = \\\n  2\nend = \"\\\"\"";
        let expected = [
            (1, "\"\"\"Text\nx = 1  # not code\n\"\"\""),
            (5, "import a"),
            (6, "x = (     1,   )"),
            (9, "@x( 'a(')"),
            (11, "def f():"),
            (16, "long =    2"),
            (18, "end = \"\\\"\""),
        ];
        let expected: Vec<_> = expected.map(|(line, text)| (line, text.to_owned())).into();
        assert_eq!(texts(source), expected);
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        for (source, expected) in [("x = 1\ny = (\n", 2), ("\n\n'''", 3), ("a[{}\nb", 1)] {
            assert_eq!(top_level(source), Err(expected), "{source}");
        }
        assert_eq!(
            texts("x = 'a\ny = 1"),
            [(1, "x = 'a".into()), (2, "y = 1".into())]
        );
        assert_eq!(texts("x = '\\"), [(1, "x = '\\".into())]);
        assert_eq!(texts(""), []);
    }
}
