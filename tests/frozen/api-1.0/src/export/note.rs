//! The names of a library's extensions, where a host reads them without running the library's code: one ELF note each.

/// The owner of our notes.
pub const NOTE_OWNER: &str = "Funcdock";

/// The kind of note whose text is the name of an extension.
pub const NOTE_NAME: u32 = 1;

/// The owner's bytes in a note: with a zero at the end, filled up to a multiple of four.
const OWNER: [u8; 12] = *b"Funcdock\0\0\0\0";

/// A note: its head, its owner, and the name filled up to `N` bytes.
#[repr(C, align(4))]
pub struct Note<const N: usize> {
    owner_size: u32,
    name_size: u32,
    kind: u32,
    owner: [u8; OWNER.len()],
    name: [u8; N],
}

impl<const N: usize> Note<N> {
    /// The note with this name; `N` is its [`padded`] length.
    pub const fn new(name: &str) -> Self {
        let (bytes, mut filled) = (name.as_bytes(), [0; N]);
        let mut index = 0;
        while index < bytes.len() {
            filled[index] = bytes[index];
            index += 1;
        }
        Note {
            owner_size: NOTE_OWNER.len() as u32 + 1,
            name_size: bytes.len() as u32,
            kind: NOTE_NAME,
            owner: OWNER,
            name: filled,
        }
    }
}

/// Returns the length of a name in its note.
pub const fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_filled_up_to_four_bytes() {
        for (length, expected) in [(1, 4), (4, 4), (5, 8)] {
            assert_eq!(padded(length), expected);
        }
        let note = Note::<8>::new("noop2");
        assert_eq!((note.owner_size, note.name_size, note.kind), (9, 5, 1));
        assert_eq!(
            (&note.owner[..9], &note.name),
            (&b"Funcdock\0"[..], b"noop2\0\0\0")
        );
    }
}
