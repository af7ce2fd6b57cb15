//! The layout of a map: a file with a header of nine bytes, then the content. No I/O, so that it can be fuzzed.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | 1 when the map is in use, 0 when it is new |
//! | 1 to 8 | the content's length in bytes: `int64`, little-endian |
//! | from 9 | the content |

use std::ops::Range;

#[cfg(test)]
mod tests;

/// The length of the header in bytes.
pub const HEADER_LENGTH: usize = 9;

/// The longest content in bytes that the host reads: it counts with `int32`.
pub const MAX_CONTENT_LENGTH: usize = (1 << 31) - 1;

/// The first byte of a map that is in use.
const IN_USE: u8 = 1;

/// The longest name of a file that Linux allows, in bytes.
const MAX_NAME_LENGTH: usize = 255;

/// A map's file does not have what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The file ends within the header.
    #[error("it has {size} bytes, which is less than the header's {HEADER_LENGTH}")]
    Truncated {
        /// The file's size in bytes.
        size: u64,
    },
    /// The flag in the header is not set: whoever makes the map has not finished.
    #[error("its first byte is {flag} instead of {IN_USE}: the writer has not finished it")]
    NotInUse {
        /// The first byte.
        flag: u8,
    },
    /// The header has a length that the file cannot hold.
    #[error("its header announces {length} bytes of content, but the file has {available} after the header")]
    Length {
        /// The length in the header, in bytes.
        length: i64,
        /// The bytes after the header.
        available: u64,
    },
    /// The reference is to bytes that are not content.
    #[error("the host refers to {count} bytes from offset {offset}, but the content has {length} bytes")]
    Range {
        /// The reference's offset in bytes.
        offset: i64,
        /// The reference's count of bytes.
        count: i64,
        /// The content's length in bytes.
        length: u64,
    },
}

/// Returns the header of a map that is in use and has `length` bytes of content.
#[must_use]
pub fn header(length: u64) -> [u8; HEADER_LENGTH] {
    let mut header = [IN_USE; HEADER_LENGTH];
    header[1..].copy_from_slice(&length.to_le_bytes());
    header
}

/// Returns where in the file `count` bytes of content from `offset` are. `start` is the first [`HEADER_LENGTH`] bytes of the
/// file, or all of a shorter one, and `file_size` its size in bytes. The range ends within the file.
///
/// # Errors
/// What of the file or the reference is not valid.
pub fn content_range(
    start: &[u8],
    file_size: u64,
    offset: i64,
    count: i64,
) -> Result<Range<u64>, LayoutError> {
    let truncated = LayoutError::Truncated {
        size: file_size.min(start.len() as u64),
    };
    let Some(&[flag, ref length @ ..]) = start.first_chunk::<HEADER_LENGTH>() else {
        return Err(truncated);
    };
    let Some(available) = file_size.checked_sub(HEADER_LENGTH as u64) else {
        return Err(truncated);
    };
    if flag != IN_USE {
        return Err(LayoutError::NotInUse { flag });
    }
    let announced = i64::from_le_bytes(*length);
    let length = u64::try_from(announced)
        .ok()
        .filter(|length| *length <= available);
    let length = length.ok_or(LayoutError::Length {
        length: announced,
        available,
    })?;
    content_part(offset, count, length).ok_or(LayoutError::Range {
        offset,
        count,
        length,
    })
}

/// Returns where in the file a part of the content is, if it is in the content's `length` bytes.
fn content_part(offset: i64, count: i64, length: u64) -> Option<Range<u64>> {
    let offset = u64::try_from(offset).ok()?;
    let end = offset.checked_add(u64::try_from(count).ok()?)?;
    let in_file = |position: u64| position.checked_add(HEADER_LENGTH as u64);
    (end <= length).then_some(in_file(offset)?..in_file(end)?)
}

/// Returns why a map cannot have this name, if it cannot: a name is that of a file, never a path.
#[must_use]
pub fn name_problem(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        "." | ".." => Some("it is a directory's"),
        _ if name.len() > MAX_NAME_LENGTH => Some("it is longer than 255 bytes"),
        _ if name.contains('/') => Some("it contains a slash"),
        _ if name.contains('\0') => Some("it contains a null character"),
        _ => None,
    }
}
