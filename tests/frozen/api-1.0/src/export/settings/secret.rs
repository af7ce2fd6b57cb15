//! Which settings are secret, by their names: for hosts that show settings, and errors that quote them.

/// What the name of a secret setting contains.
const PARTS: [&str; 7] = [
    "connection",
    "credential",
    "header",
    "key",
    "password",
    "secret",
    "token",
];

/// Whether the name of a setting, or a path of names, says that its value is secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // "key" alone most often is one of a map. Else a text too many is hidden rather than one too few.
    name != "key" && PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whether_a_setting_is_secret() {
        let secret = [
            "api_key",
            "accountKey",
            "api_keys",
            "signingKeyPem",
            "connection_string",
            "Headers",
            "auth.token",
            "PASSWORD",
        ];
        assert!(secret.into_iter().all(is_secret_name));
        let others = ["key", "keep", "endpoint", ""];
        assert!(!others.into_iter().any(is_secret_name));
    }
}
