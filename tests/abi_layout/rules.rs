//! What a minor version may change, as `docs/src/abi.md` has it: the comparison of two layouts.

use std::collections::BTreeMap;

use crate::layout::{APPENDED, MAY_BE_MISSING};

/// The rules, in the words of the book.
const APPEND: &str = "A minor version appends functions; none is ever reordered, removed or changed.";
const OPTION: &str =
    "What is appended is declared with `#[sabi(missing_field(option))]`, as a peer may lack it.";
const PREFIX: &str = "`last_prefix_field` stays where it was in the table's first version.";
const FIXED: &str = "Enums, and structs that cross by value, never change within a major version.";
const CONSTANT: &str = "A constant keeps its value.";

/// What of `earlier` a peer relies on and `present` has not kept: a text each, which names the rule that is broken.
pub(crate) fn compare(earlier: &str, present: &str) -> Vec<String> {
    let present = items(present);
    let mut broken = Vec::new();
    for (name, was) in items(earlier) {
        let (kind, _) = name.split_once(' ').unwrap_or((name, ""));
        let Some(is) = present.get(name) else {
            broken.extend(match kind {
                "table" => Some(breaks(name, "it is gone", APPEND)),
                "const" => Some(breaks(name, "it is gone", CONSTANT)),
                // A type from elsewhere that nothing of ours has any more is missed where it was.
                "other" => None,
                _ => Some(breaks(name, "it is gone", FIXED)),
            });
            continue;
        };
        match kind {
            "table" => broken.extend(compare_tables(name, &Table::read(&was), &Table::read(is))),
            "const" => broken.extend(difference(&was, is).map(|what| breaks(name, &what, CONSTANT))),
            _ => broken.extend(difference(&was, is).map(|what| breaks(name, &what, FIXED))),
        }
    }
    broken
}

fn breaks(name: &str, what: &str, rule: &str) -> String {
    format!("{name}: {what}\n  the rule (\"Versions\" in docs/src/abi.md): {rule}")
}

/// What there is, by kind and name ("table Library"), with the rest of its first line and all further lines.
fn items(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut items = BTreeMap::<&str, Vec<&str>>::new();
    let mut last = "";
    for line in text.lines() {
        if line.starts_with(' ') {
            items.entry(last).or_default().push(line.trim());
        } else {
            let (name, rest) = line.split_once(": ").unwrap_or((line, ""));
            items.insert(name, vec![rest]);
            last = name;
        }
    }
    items
}

/// The first line in which two differ.
fn difference(was: &[&str], is: &[&str]) -> Option<String> {
    let index = (0..was.len().max(is.len())).find(|index| was.get(*index) != is.get(*index))?;
    Some(match (was.get(index), is.get(index)) {
        (Some(was), Some(is)) => format!("was `{was}`, and is `{is}`"),
        (Some(was), None) => format!("`{was}` is gone"),
        (None, is) => format!("`{}` is new", is.unwrap_or(&"")),
    })
}

#[derive(PartialEq)]
struct Field<'a> {
    name: &'a str,
    kind: &'a str,
}

struct Table<'a> {
    fields: Vec<Field<'a>>,
    /// How many of them every peer has.
    first: Option<usize>,
}

impl<'a> Table<'a> {
    fn read(lines: &[&'a str]) -> Self {
        let fields = lines.iter().filter_map(|line| {
            // "16 trigger: unsafe fn(…) -> RStr": where it begins follows from those before.
            let (_, field) = line
                .split_once(' ')
                .filter(|_| line.starts_with(char::is_numeric))?;
            let (name, kind) = field.split_once(": ")?;
            Some(Field { name, kind })
        });
        // The first line is the rest of the table's own.
        let first = lines
            .iter()
            .position(|line| *line == APPENDED.trim())
            .map(|at| at - 1);
        Table {
            fields: fields.collect(),
            first,
        }
    }
}

fn compare_tables(name: &str, was: &Table<'_>, is: &Table<'_>) -> Vec<String> {
    let changed = (0..was.fields.len()).find(|index| is.fields.get(*index) != was.fields.get(*index));
    if let Some(index) = changed {
        let field = &was.fields[index];
        let what = match is.fields.iter().position(|other| other.name == field.name) {
            None => format!("`{}` is gone", field.name),
            Some(now) if now == index => {
                let is = is.fields[now].kind;
                format!("`{}` was `{}`, and is `{is}`", field.name, field.kind)
            }
            Some(now) => format!(
                "`{}` was number {}, and is number {}",
                field.name,
                index + 1,
                now + 1
            ),
        };
        return vec![breaks(name, &what, APPEND)];
    }
    if was.first != is.first {
        return vec![breaks(
            name,
            "the fields that every peer has are others now",
            PREFIX,
        )];
    }
    let appended = is.fields.iter().skip(was.fields.len());
    appended
        .filter(|field| !field.kind.ends_with(MAY_BE_MISSING))
        .map(|field| {
            breaks(
                name,
                &format!("`{}` would be taken for granted", field.name),
                OPTION,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: &str = "\
table Fns
     0 name: unsafe fn() -> RStr
     8 route: unsafe fn() -> RStr
       -- appended by minor versions:
    16 body: unsafe fn() -> RStr (may be missing)
enum Result as Int(U8): size 24, alignment 8
       Ok
       Error(RBox<Error>)
struct Error: size 40, alignment 8
     0 kind: u8
     8 message: RString
other RString: size 32, alignment 8
const ERROR_TYPE: u8 = 1
";

    /// The one thing that is broken when this is changed in the text above.
    fn broken(old: &str, new: &str) -> String {
        assert_eq!(EARLIER.matches(old).count(), 1, "{old}");
        let broken = compare(EARLIER, &EARLIER.replace(old, new));
        let [one] = broken.as_slice() else {
            panic!("{broken:#?}")
        };
        one.clone()
    }

    #[test]
    fn what_a_minor_version_may_do() {
        assert_eq!(compare(EARLIER, EARLIER), [""; 0], "nothing");
        let appended = "(may be missing)\n    24 size: unsafe fn() -> u64 (may be missing)\n";
        let more = EARLIER.replace("(may be missing)\n", appended)
            + "table NewFns\n     0 name: unsafe fn() -> RStr\n       -- appended by minor versions:\n"
            + "struct New: size 1, alignment 1\n     0 kind: u8\nconst ERROR_NEW: u8 = 9\n";
        assert_eq!(
            compare(EARLIER, &more),
            [""; 0],
            "append functions, add types and constants"
        );
    }

    #[test]
    fn tables_only_grow_at_their_end() {
        let name = "     0 name: unsafe fn() -> RStr\n";
        let route = "     8 route: unsafe fn() -> RStr\n";
        let body = "    16 body: unsafe fn() -> RStr (may be missing)\n";
        let both = format!("{name}{route}");
        let swapped = "     0 route: unsafe fn() -> RStr\n     8 name: unsafe fn() -> RStr\n";
        for (old, new, what) in [
            (both.as_str(), swapped, "`name` was number 1, and is number 2"),
            (route, "", "`route` is gone"),
            (body, "", "`body` is gone"),
            (
                name,
                &format!("     0 new: unsafe fn()\n{name}"),
                "`name` was number 1, and is number 2",
            ),
            ("     8 route:", "     8 path:", "`route` is gone"),
            (
                route,
                "     8 route: unsafe fn() -> ROption<RStr>\n",
                "`route` was `unsafe fn() -> RStr`, and is `unsafe fn() -> ROption<RStr>`",
            ),
        ] {
            let found = broken(old, new);
            assert!(found.starts_with(&format!("table Fns: {what}\n")), "{found}");
            assert!(found.ends_with(APPEND), "{found}");
        }
    }

    #[test]
    fn what_is_appended_may_be_missing() {
        let taken = "(may be missing)\n    24 size: unsafe fn() -> u64\n";
        let found = broken("(may be missing)\n", taken);
        assert!(
            found.starts_with("table Fns: `size` would be taken for granted\n"),
            "{found}"
        );
        assert!(found.ends_with(OPTION), "{found}");

        let mark = "       -- appended by minor versions:\n";
        let body = "    16 body: unsafe fn() -> RStr (may be missing)\n";
        let found = broken(&format!("{mark}{body}"), &format!("{body}{mark}"));
        assert!(found.ends_with(PREFIX), "{found}");
    }

    #[test]
    fn types_by_value_stay_as_they_are() {
        for (old, new, what) in [
            (
                "       Ok\n",
                "       Ok\n       Later\n",
                "enum Result as Int(U8): was `Error(RBox<Error>)`, and is `Later`",
            ),
            (
                "(RBox<Error>)\n",
                "(RBox<Error>)\n       Later\n",
                "enum Result as Int(U8): `Later` is new",
            ),
            (
                "       Error(RBox<Error>)\n",
                "",
                "enum Result as Int(U8): `Error(RBox<Error>)` is gone",
            ),
            (
                "enum Result as Int(U8)",
                "enum Result as Int(U16)",
                "enum Result as Int(U8): it is gone",
            ),
            (
                "     8 message: RString\n",
                "     8 message: RStr\n",
                "struct Error: was `8 message: RString`",
            ),
            (
                "struct Error: size 40",
                "struct Error: size 48",
                "struct Error: was `size 40, alignment 8`",
            ),
            (
                "other RString: size 32",
                "other RString: size 24",
                "other RString: was `size 32, alignment 8`",
            ),
        ] {
            let found = broken(old, new);
            assert!(found.starts_with(what), "{found}");
            assert!(found.ends_with(FIXED), "{found}");
        }
    }

    #[test]
    fn constants_and_types_stay() {
        let found = broken("ERROR_TYPE: u8 = 1", "ERROR_TYPE: u8 = 2");
        assert!(
            found.starts_with("const ERROR_TYPE: was `u8 = 1`, and is `u8 = 2`"),
            "{found}"
        );
        assert!(found.ends_with(CONSTANT), "{found}");
        let found = broken("const ERROR_TYPE: u8 = 1\n", "");
        assert!(found.starts_with("const ERROR_TYPE: it is gone"), "{found}");

        let (table, _) = EARLIER.split_once("enum").expect("it is there");
        let found = broken(table, "");
        assert!(
            found.starts_with("table Fns: it is gone") && found.ends_with(APPEND),
            "{found}"
        );
    }

    #[test]
    fn the_rules_are_those_of_the_book() {
        let file = funcdock_tests::repository().join("docs/src/abi.md");
        let book = std::fs::read_to_string(file).expect("a page of the book");
        let book: Vec<&str> = book.split_whitespace().collect();
        let book = book.join(" ");
        for rule in [APPEND, OPTION, PREFIX, FIXED, CONSTANT] {
            assert!(book.contains(rule), "docs/src/abi.md has no such rule: {rule}");
        }
    }
}
