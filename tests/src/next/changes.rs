//! The number of the next version, and its tables, which have a function more.

use std::collections::BTreeSet;

use super::replaced;

/// What is appended, by name.
pub(super) const APPENDED: &str = "appended_by_next";

/// The manifest with the next minor version.
pub(super) fn bumped_manifest(text: &str, bumped: &mut Option<String>) -> String {
    let line = text.lines().find(|line| line.starts_with("version = \""));
    let line = line.expect("extension-api/abi/Cargo.toml has a version of its own");
    let parts: Vec<u32> = line
        .trim_start_matches("version = \"")
        .trim_end_matches('"')
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    let [major, minor, _] = parts.as_slice() else {
        panic!("extension-api/abi/Cargo.toml: {line}: expected three numbers")
    };
    let version = bumped.insert(format!("{major}.{}.0", minor + 1));
    replaced("Cargo.toml", text, line, &format!("version = \"{version}\""))
}

/// The source with a field after the last of each struct that is a table.
pub(super) fn with_appended_fields(text: &str, tables: &mut BTreeSet<String>) -> String {
    let mut appended = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("#[sabi(kind(Prefix(") {
        let (before, table) = rest.split_at(start);
        let (_, declared) = table
            .split_once("pub struct ")
            .expect("a table is a public struct");
        tables.insert(identifier(declared).to_owned());
        let end = table.find("\n}").expect("a struct ends at the start of a line") + 1;
        let field = format!(
            "    /// What the next minor version appends.\n    #[sabi(missing_field(option))]\n    \
             pub {APPENDED}: extern \"C\" fn() -> u32,\n"
        );
        appended += before;
        appended += &table[..end];
        appended += &field;
        rest = &table[end..];
    }
    appended + rest
}

/// The source with that field in each value of a table: `WithMetadata::new(Name {`, `WithMetadata::new(abi::Name {`,
/// `WithMetadata::new($crate::abi::$fns {`.
pub(super) fn with_filled_tables(text: &str, made: &mut BTreeSet<String>) -> String {
    const NEW: &str = "WithMetadata::new(";
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(NEW) {
        let (before, value) = rest.split_at(start + NEW.len());
        filled += before;
        rest = value;
        let (path, _) = value.split_once('{').expect("a table is written as it stands");
        let name = path.trim().rsplit("::").next().unwrap_or_default();
        // A host's tables are made by a macro, of which the name is a parameter.
        let root = if name == "$fns" { "$crate" } else { "crate" };
        if name == "$fns" || (identifier(name) == name && !name.is_empty()) {
            made.insert(name.to_owned());
            filled += &format!("{path}{{ {APPENDED}: {root}::abi::{APPENDED}, ");
            rest = &value[path.len() + 1..];
        }
    }
    filled + rest
}

/// What else the next version needs: its number, what it appends, and ways for a test to get at the tables.
pub(super) fn with_extras(path: &str, mut text: String) -> String {
    match path {
        "abi/src/lib.rs" => {
            const MINOR: &str = "pub const MINOR: u32 = ";
            let (_, minor) = text.split_once(MINOR).expect("abi/src/lib.rs has MINOR");
            let digits = minor.split(';').next().unwrap_or_default();
            let next = digits.parse::<u32>().expect("MINOR is a number") + 1;
            text = replaced(
                path,
                &text,
                &format!("{MINOR}{digits};"),
                &format!("{MINOR}{next};"),
            );
            text += &format!(
                "\n/// In every table.\npub extern \"C\" fn {APPENDED}() -> u32 {{\n    {next}\n}}\n"
            );
        }
        "src/author/context.rs" => {
            text += &table_accessor("AppInfo", "InitFns");
            text += &table_accessor("Function", "FunctionFns");
        }
        "src/author/invocation.rs" => text += &table_accessor("Invocation", "InvocationFns"),
        "src/author/request.rs" => text += &table_accessor("HttpRequest", "HttpRequestFns"),
        "src/author/response.rs" => text += &table_accessor("HttpResponse", "HttpResponseFns"),
        "src/author/outcome.rs" => text += &table_accessor("Outcome", "OutcomeFns"),
        "src/author/stream_end.rs" => text += &table_accessor("StreamEnd", "StreamEndFns"),
        "src/border/log.rs" => {
            text += "\n/// The host's services.\npub fn services() -> Option<abi::HostServicesRef> {\n    \
                     HOST.get().copied()\n}\n";
        }
        "src/lib.rs" => text += "\npub use border::log::services;\n",
        _ => {}
    }
    text
}

fn table_accessor(context: &str, table: &str) -> String {
    format!(
        "\nimpl {context}<'_> {{\n    /// The table behind it.\n    pub fn table(&self) -> abi::{table}Ref {{\n        \
         self.raw.functions()\n    }}\n}}\n"
    )
}

/// The identifier that the text begins with.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}
