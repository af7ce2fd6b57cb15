//! Checks the names of queues, containers and blobs before they become parts of URLs.

use crate::error::StorageError;

/// Containers whose names break the rules, as the service itself makes them.
const SPECIAL_CONTAINERS: [&str; 3] = ["$root", "$web", "$logs"];
const MAX_BLOB_NAME: usize = 1024;

/// Checks the name of a queue.
///
/// # Errors
///
/// [`StorageError::InvalidInput`] if the service does not allow it.
pub fn check_queue_name(name: &str) -> Result<(), StorageError> {
    check("queue", name)
}

/// Checks the name of a container.
pub(crate) fn check_container(name: &str) -> Result<(), StorageError> {
    if SPECIAL_CONTAINERS.contains(&name) {
        return Ok(());
    }
    check("container", name)
}

fn check(what: &str, name: &str) -> Result<(), StorageError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let valid = (3..=63).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    if valid {
        return Ok(());
    }
    Err(StorageError::InvalidInput(format!(
        "'{name}' is not a valid {what} name; expected 3 to 63 lower-case letters, digits and single hyphens, with a letter or digit at both ends"
    )))
}

/// Checks the name of a blob: 1 to 1024 characters. A lone `.` or `..` cannot be written in a URL.
pub(crate) fn check_blob(name: &str) -> Result<(), StorageError> {
    let length = name.chars().count();
    let reason = if length == 0 {
        "it is empty"
    } else if length > MAX_BLOB_NAME {
        "it has more than 1024 characters"
    } else if name == "." || name == ".." {
        "it would be a relative path"
    } else if name.chars().any(char::is_control) {
        "it has a control character"
    } else {
        return Ok(());
    };
    Err(StorageError::InvalidInput(format!(
        "{name:?} is not a valid blob name: {reason}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_queues_and_containers_follow_the_services_rules() {
        for name in ["abc", "a-b-c", "0ab", &"a".repeat(63)] {
            assert_eq!(check_queue_name(name), Ok(()), "{name}");
            assert_eq!(check_container(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "ab",
            "Abc",
            "a_b",
            "-ab",
            "ab-",
            "a--b",
            "a/b",
            "ä-b",
            &"a".repeat(64),
        ] {
            let error = check_queue_name(name).expect_err("it breaks a rule").to_string();
            assert!(
                error.starts_with(&format!("'{name}' is not a valid queue name")),
                "{error}"
            );
            assert!(check_container(name).is_err(), "{name}");
        }
        assert_eq!(check_container("$web"), Ok(()));
        assert!(check_queue_name("$web").is_err());
    }

    #[test]
    fn names_of_blobs_may_be_almost_anything() {
        for name in ["a", "a/b.txt", "ä ö?#%", "a/../b", "..a", &"ä".repeat(1024)] {
            assert_eq!(check_blob(name), Ok(()), "{name}");
        }
        for name in ["", ".", "..", "a\nb", &"a".repeat(1025)] {
            assert!(check_blob(name).is_err(), "{name}");
        }
    }
}
