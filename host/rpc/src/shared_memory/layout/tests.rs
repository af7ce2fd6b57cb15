use super::*;

#[test]
fn the_header_is_a_flag_and_the_length_in_little_endian() {
    assert_eq!(header(0x0102_0304_0506), [1, 6, 5, 4, 3, 2, 1, 0, 0]);
}

#[test]
fn all_or_a_part_of_the_content_is_found_after_the_header() {
    assert_eq!(content_range(&header(10), 19, 0, 10), Ok(9..19));
    assert_eq!(content_range(&header(10), 19, 3, 4), Ok(12..16));
    assert_eq!(content_range(&header(10), 19, 10, 0), Ok(19..19));
    // The file may be longer than its content.
    assert_eq!(content_range(&header(10), 4096, 0, 10), Ok(9..19));
}

#[test]
fn files_shorter_than_the_header_are_truncated() {
    for size in 0..9_usize {
        let start = &header(0)[..size];
        let size = size as u64;
        assert_eq!(
            content_range(start, size, 0, 0),
            Err(LayoutError::Truncated { size })
        );
    }
    // The file has shrunk since its start was read, or grown.
    assert!(content_range(&header(0), 8, 0, 0).is_err());
    assert!(content_range(&header(0)[..8], 20, 0, 0).is_err());
}

#[test]
fn a_map_that_is_new_is_not_read() {
    let mut start = header(10);
    for flag in [0, 2, 255] {
        start[0] = flag;
        assert_eq!(
            content_range(&start, 19, 0, 10),
            Err(LayoutError::NotInUse { flag })
        );
    }
}

#[test]
fn the_length_fits_into_the_file() {
    for length in [11, i64::MAX, -1, i64::MIN] {
        let start = header(length.cast_unsigned());
        let error = LayoutError::Length {
            length,
            available: 10,
        };
        assert_eq!(content_range(&start, 19, 0, 0), Err(error));
    }
}

#[test]
fn references_stay_within_the_content() {
    let cases = [
        (0, 11),
        (1, 10),
        (10, 1),
        (11, 0),
        (-1, 5),
        (0, -1),
        (i64::MAX, i64::MAX),
        (i64::MAX, 1),
    ];
    for (offset, count) in cases {
        let error = LayoutError::Range {
            offset,
            count,
            length: 10,
        };
        assert_eq!(content_range(&header(10), 4096, offset, count), Err(error));
    }
    // Even where the file ends with the address space.
    assert!(content_range(&header(i64::MAX as u64), u64::MAX, i64::MAX, 0).is_ok());
    assert!(content_range(&header(i64::MAX as u64), u64::MAX, i64::MAX, 1).is_err());
}

#[test]
fn names_are_names_of_files() {
    for name in ["5f1d2c3e-6a8b-4c0d-9e7f-0123456789ab", "a..b", "...", ".a", "ä"] {
        assert_eq!(name_problem(name), None, "{name:?}");
    }
    let long = "a".repeat(256);
    for name in [
        "",
        ".",
        "..",
        "/",
        "/etc/passwd",
        "../a",
        "a/..",
        "a/",
        "a\0",
        "\0",
        &long,
    ] {
        assert!(name_problem(name).is_some(), "{name:?}");
    }
    assert_eq!(name_problem(&long[1..]), None);
}
