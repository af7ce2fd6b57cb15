//! How much memory of the process is resident, as the kernel counts it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use nix::unistd::{SysconfVar, sysconf};

const PATH: &str = "/proc/self/statm";

/// Reads the resident set size of this process. It may be read from any thread.
///
/// The kernel adds up the pages of each thread in batches: a reading can be off by some hundred KiB.
#[derive(Debug)]
pub(crate) struct Resident {
    file: File,
    page_size: u64,
}

impl Resident {
    /// Opens the file that the kernel makes anew at each reading.
    pub(crate) fn open() -> io::Result<Self> {
        let page_size = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|size| u64::try_from(size).ok());
        Ok(Resident {
            file: File::open(PATH)?,
            page_size: page_size
                .ok_or_else(|| io::Error::other("the system does not say how large a page is"))?,
        })
    }

    /// The resident set size, in bytes.
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        // Seven numbers of up to 20 digits.
        let mut buffer = [0; 160];
        let length = self.file.read_at(&mut buffer, 0)?;
        let pages = resident_pages(&buffer[..length]).ok_or_else(|| {
            let text = String::from_utf8_lossy(&buffer[..length]);
            io::Error::other(format!("{PATH}: expected numbers of pages, found {text:?}"))
        })?;
        Ok(pages * self.page_size)
    }
}

/// The second number of `size resident shared text lib data dt`.
fn resident_pages(statm: &[u8]) -> Option<u64> {
    let resident = std::str::from_utf8(statm).ok()?.split_ascii_whitespace().nth(1);
    resident?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_number_is_read() {
        assert_eq!(resident_pages(b"2231 1012 876 5 0 130 0\n"), Some(1012));
        assert_eq!(resident_pages(b"2231"), None);
        assert_eq!(resident_pages(b"2231 many 876\n"), None);
    }

    #[test]
    fn memory_that_is_written_to_is_resident() {
        const SIZE: u64 = 64 << 20;
        let resident = Resident::open().expect("Linux has it");
        let before = resident.bytes().expect("it can be read");
        let block = vec![1_u8; SIZE as usize];
        let after = resident.bytes().expect("it can be read");
        // Other tests of this process take and give back far less meanwhile.
        assert!(
            after > before + SIZE / 2,
            "{before} to {after} with {} more",
            block.len()
        );
    }
}
