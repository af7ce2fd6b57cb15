//! What a response of an extension may have, the same for all hosts.

/// Checks that a status can be the last of a response.
///
/// # Errors
/// The number is not from 200 to 999: those below are not final.
pub fn check_status(status: u16) -> Result<(), String> {
    match status {
        200..1000 => Ok(()),
        _ => Err(format!("{status} is not a final HTTP status")),
    }
}

/// Checks the name and the value of a header.
///
/// # Errors
/// One of them is not valid in HTTP.
pub fn check_header(name: &str, value: &str) -> Result<(), String> {
    let in_name = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    if name.is_empty() || !name.bytes().all(in_name) {
        return Err(format!("{name:?} is not a valid header name"));
    }
    if !value.bytes().all(|c| c == b'\t' || (c >= b' ' && c != 0x7f)) {
        return Err(format!("the value of header {name:?} is not valid"));
    }
    Ok(())
}
