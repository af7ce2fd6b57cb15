//! Reads local.settings.json: the app settings on a developer's machine.

use std::path::Path;

use super::error::Problem;
use super::json::{Document, Item};
use super::{LocalSettings, Variables};
use crate::model::OriginError;

/// The file, relative to the app's folder.
pub(super) const FILE: &str = "local.settings.json";

/// Reads local.settings.json of the app in the folder `root`; `None` if it does not exist.
pub(super) fn open(root: &Path, warnings: &mut Vec<Problem>) -> Result<Option<LocalSettings>, Problem> {
    let Some(document) = Document::open(root, FILE)? else {
        return Ok(None);
    };
    warnings.extend_from_slice(&document.duplicates);
    read(&document, warnings).map(Some)
}

/// Reads local.settings.json. Ignores unknown keys, which other tools may know.
fn read(document: &Document, warnings: &mut Vec<Problem>) -> Result<LocalSettings, Problem> {
    let top = document.item();
    let mut settings = LocalSettings::default();
    refuse_encrypted(&top)?;
    if let Some(values) = top.get("Values")? {
        settings.values = variables(&values, Item::scalar_text, warnings)?;
    }
    if let Some(strings) = top.get("ConnectionStrings")? {
        settings.connection_strings = variables(&strings, connection_string, warnings)?;
    }
    let Some(host) = top.get("Host")? else {
        return Ok(settings);
    };
    if let Some(port) = host.get("LocalHttpPort")? {
        settings.local_http_port = Some(local_port(&port)?);
    }
    if let Some(origins) = host.get("CORS")? {
        // An empty text is in many files of people who want none.
        let text = Some(origins.string()?).filter(|text| !text.trim().is_empty());
        let parsed = text.map(|text| text.parse()).transpose();
        settings.cors = parsed.map_err(|error: OriginError| origins.problem(error.to_string()))?;
    }
    if let Some(credentials) = host.get("CORSCredentials")? {
        settings.cors_credentials = credentials.boolean()?;
    }
    Ok(settings)
}

/// Returns an error if the settings are encrypted. `top` is the whole file.
pub(super) fn refuse_encrypted(top: &Item<'_>) -> Result<(), Problem> {
    match top.get("IsEncrypted")? {
        Some(encrypted) if encrypted.boolean()? => Err(encrypted.problem(
            "the settings are encrypted and cannot be read here; decrypt them with `func settings decrypt` \
             in the app's folder",
        )),
        _ => Ok(()),
    }
}

/// Reads an object of environment variables. `text` reads the value of one. Skips those that are null.
fn variables<'a>(
    object: &Item<'a>,
    text: impl Fn(&Item<'a>) -> Result<&'a str, Problem>,
    warnings: &mut Vec<Problem>,
) -> Result<Variables, Problem> {
    let mut variables = Variables::default();
    for (name, item) in object.entries()? {
        if item.is_null() {
            warnings.push(item.problem("is null, so it is not set; write \"\" for an empty value"));
            continue;
        }
        variables
            .insert(name, text(&item)?)
            .map_err(|error| item.problem(error.to_string()))?;
    }
    Ok(variables)
}

/// Reads a connection string: text, or an object with the text and the name of a provider.
fn connection_string<'a>(item: &Item<'a>) -> Result<&'a str, Problem> {
    if !item.is_object() {
        return item.string();
    }
    let text = item.get("ConnectionString")?;
    text.ok_or_else(|| item.problem("expected a member \"ConnectionString\""))?
        .string()
}

fn local_port(item: &Item<'_>) -> Result<u16, Problem> {
    const EXPECTED: &str = "a port from 1 to 65535";
    let text = item.scalar_text().map_err(|_| item.wrong_type(EXPECTED))?;
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| item.wrong_value(EXPECTED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Origins;

    fn parse(text: &str) -> Result<LocalSettings, Problem> {
        read(
            &Document::parse("local.settings.json".into(), text)?,
            &mut Vec::new(),
        )
    }

    fn valid(entries: &[(&str, &str)]) -> Variables {
        let mut variables = Variables::default();
        for (name, value) in entries {
            variables.insert(name, value).expect("valid");
        }
        variables
    }

    #[test]
    fn settings_are_read() {
        let text = r#"{
            "IsEncrypted": false,
            "Values": {"TEXT": "a", "EMPTY": "", "NUMBER": 1.50, "FLAG": true,},
            "ConnectionStrings": {"Plain": "Server=a", "Full": {"ConnectionString": "b", "ProviderName": "p"}},
            "Host": {"LocalHttpPort": 7072, "CORS": "*", "CORSCredentials": true, "Other": []},
            "Unknown": 1 // for other tools
        }"#;
        let expected = LocalSettings {
            values: valid(&[("TEXT", "a"), ("EMPTY", ""), ("NUMBER", "1.50"), ("FLAG", "true")]),
            connection_strings: valid(&[("Plain", "Server=a"), ("Full", "b")]),
            local_http_port: Some(7072),
            cors: Some(Origins::Any),
            cors_credentials: true,
        };
        assert_eq!(parse(text), Ok(expected));
        assert_eq!(
            parse("{}"),
            Ok(LocalSettings::default()),
            "everything may be left out"
        );
        let port = parse(r#"{"host": {"localHttpPort": "7073"}}"#).map(|settings| settings.local_http_port);
        assert_eq!(port, Ok(Some(7073)), "a port in quotes, and keys in another case");
    }

    #[test]
    fn null_is_not_set_and_a_warning() {
        let text = r#"{"Values": {"A": null, "B": ""}}"#;
        let document = Document::parse("local.settings.json".into(), text).expect("valid");
        let mut warnings = Vec::new();
        let settings = read(&document, &mut warnings).expect("valid");
        assert_eq!(settings.values, valid(&[("B", "")]));
        let warnings: Vec<_> = warnings.iter().map(Problem::to_string).collect();
        let expected =
            "local.settings.json:1: Values.A: is null, so it is not set; write \"\" for an empty value";
        assert_eq!(warnings, [expected]);
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        let cases = [
            (
                r#"{"IsEncrypted": true}"#,
                "IsEncrypted: the settings are encrypted and cannot be read here; decrypt them with \
                 `func settings decrypt` in the app's folder",
                "encrypted",
            ),
            (
                r#"{"IsEncrypted": 1}"#,
                "IsEncrypted: expected a boolean, found number",
                "not a boolean",
            ),
            (
                r#"{"Values": []}"#,
                "Values: expected an object, found array",
                "not an object",
            ),
            (
                r#"{"Values": {"A": {}}}"#,
                "Values.A: expected a string, found object",
                "an object as value",
            ),
            (
                r#"{"Values": {"A=B": ""}}"#,
                "Values.A=B: \"A=B\" is not a valid name of an environment variable; expected at least one character, \
                 without \"=\" and NUL",
                "a name that the system refuses",
            ),
            (
                r#"{"Values": {"A": "\u0000"}}"#,
                "Values.A: the value of an environment variable cannot contain a NUL character; remove it",
                "a value that the system refuses",
            ),
            (
                r#"{"Values": {"": "x"}}"#,
                "Values.: \"\" is not a valid name of an environment variable; expected at least one character, \
                 without \"=\" and NUL",
                "an empty name",
            ),
            (
                r#"{"ConnectionStrings": {"A=B": "x"}}"#,
                "ConnectionStrings.A=B: \"A=B\" is not a valid name of an environment variable; expected at least \
                 one character, without \"=\" and NUL",
                "the name of a connection string is part of a variable's",
            ),
            (
                r#"{"ConnectionStrings": {"A": {"Provider": "p"}}}"#,
                "ConnectionStrings.A: expected a member \"ConnectionString\"",
                "a provider without the string",
            ),
            (
                r#"{"ConnectionStrings": {"A": 1}}"#,
                "ConnectionStrings.A: expected a string, found number",
                "a number as connection string",
            ),
            (
                r#"{"Host": {"LocalHttpPort": 70000}}"#,
                "Host.LocalHttpPort: expected a port from 1 to 65535, found 70000",
                "too large",
            ),
            (
                r#"{"Host": {"LocalHttpPort": "http"}}"#,
                "Host.LocalHttpPort: expected a port from 1 to 65535, found \"http\"",
                "not a number",
            ),
            (
                r#"{"Host": {"LocalHttpPort": []}}"#,
                "Host.LocalHttpPort: expected a port from 1 to 65535, found array",
                "not even text",
            ),
            (
                r#"{"Host": {"CORS": ["*"]}}"#,
                "Host.CORS: expected a string, found array",
                "a list of origins",
            ),
            (
                r#"{"Host": {"CORS": "https://a.example, shop"}}"#,
                "Host.CORS: \"shop\" is not an origin; expected a list such as \"https://shop.example,http://localhost:3000\" \
                 (scheme, host and port, without a path), or \"*\" for all",
                "not an origin",
            ),
            (
                r#"{"Host": {"CORSCredentials": "yes"}}"#,
                "Host.CORSCredentials: expected a boolean, found string",
                "not a boolean",
            ),
        ];
        for (text, expected, reason) in cases {
            let problem = parse(text).expect_err(reason).to_string();
            assert_eq!(problem, format!("local.settings.json:1: {expected}"), "{reason}");
        }
    }
}
