//! Names of Kubernetes: what may be one, and the one of an app's folder.

/// The longest name: KEDA puts `keda-hpa-` before it, and labels have at most 63 characters.
const LONGEST: usize = 50;

/// Returns a valid name that is as much like this text as one can be. It begins with a letter, as that of a Service does.
pub(super) fn of_folder(text: &str) -> String {
    let mut name = valid_part(text);
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name = match name.as_str() {
            "" => "app".to_owned(),
            rest => format!("app-{rest}"),
        };
    }
    name.truncate(LONGEST);
    name.trim_end_matches('-').to_owned()
}

/// Returns the lower-case letters and digits of a text, with single hyphens for all else between them; may be empty.
pub(super) fn valid_part(text: &str) -> String {
    let mut part = String::new();
    for char in text.chars().map(|char| char.to_ascii_lowercase()) {
        if char.is_ascii_lowercase() || char.is_ascii_digit() {
            part.push(char);
        } else if !(part.is_empty() || part.ends_with('-')) {
            part.push('-');
        }
    }
    part.trim_end_matches('-').to_owned()
}

/// Parses a name.
pub(super) fn parse(value: &str) -> Result<String, String> {
    if value.len() <= LONGEST && is_label(value) && value.starts_with(|c: char| c.is_ascii_lowercase()) {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "expected a name of Kubernetes: at most {LONGEST} lower-case letters, digits and hyphens, with a letter at its \
             beginning and no hyphen at its end"
        ))
    }
}

/// Parses the name of a namespace.
pub(super) fn parse_namespace(value: &str) -> Result<String, String> {
    if is_label(value) {
        Ok(value.to_owned())
    } else {
        Err(
            "expected a namespace: at most 63 lower-case letters, digits and hyphens, with no hyphen at an end"
                .to_owned(),
        )
    }
}

/// Parses the name of a host in URLs. Its first label may be `*`.
pub(super) fn parse_host(value: &str) -> Result<String, String> {
    let labels = value.strip_prefix("*.").unwrap_or(value);
    if value.len() <= 253 && labels.split('.').all(is_label) {
        Ok(value.to_owned())
    } else {
        Err(
            "expected the name of a host without a port, such as shop.example.org or *.example.org"
                .to_owned(),
        )
    }
}

/// Whether this is a label of DNS (RFC 1123), in lower case.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .chars()
            .all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_a_valid_name() {
        for (folder, expected) in [
            ("shop", "shop"),
            ("My_Shop 2.0", "my-shop-2-0"),
            ("--a--b--", "a-b"),
            ("2nd", "app-2nd"),
            ("", "app"),
            ("кафе", "app"),
            ("café", "caf"),
            (
                "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvw-xyz",
                "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvw",
            ),
            ("x".repeat(80).as_str(), "x".repeat(50).as_str()),
        ] {
            let name = of_folder(folder);
            assert_eq!(name, expected, "{folder:?}");
            assert_eq!(parse(&name), Ok(name.clone()), "{folder:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_valid_is_refused() {
        let long = "x".repeat(51);
        for name in ["", "Shop", "a_b", "-a", "a-", "2a", "a.b", &long] {
            let error = parse(name).expect_err(name);
            assert!(error.starts_with("expected a name of Kubernetes"), "{error}");
        }
        assert_eq!(parse_namespace("2a-b").as_deref(), Ok("2a-b"));
        parse_namespace("a.b").expect_err("a dot");
    }

    #[test]
    fn hosts_are_names_without_ports() {
        for host in ["shop", "shop.example.org", "*.example.org", "2.example.org"] {
            assert_eq!(parse_host(host).as_deref(), Ok(host));
        }
        for host in ["", "*", "a..b", "shop:80", "https://shop", "a.*.b", "Shop", "a b"] {
            parse_host(host).expect_err(host);
        }
    }
}
