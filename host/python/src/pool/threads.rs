//! How many threads a pool has.

/// The most threads if no number is set. Each has a stack, and perhaps a connection to a database.
const MOST: usize = 256;

/// The numbers of threads that take calls at once. They are the same if the user has set one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Threads {
    /// So many calls run at once in any case.
    pub(super) usual: usize,
    /// So many calls run at once if the others wait for something else than the GIL.
    pub(super) most: usize,
}

impl Threads {
    /// Returns the number that the user has set, or by default from that of CPython's own `ThreadPoolExecutor` on, as many
    /// as the work needs.
    pub(crate) fn new(set: Option<u32>) -> Self {
        match set {
            Some(number) => Threads {
                usual: number as usize,
                most: number as usize,
            },
            None => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                Threads {
                    usual: (cores + 4).min(32),
                    most: MOST,
                }
            }
        }
    }

    /// Returns the number of threads that there are at most.
    pub(crate) fn most(self) -> usize {
        self.most
    }
}
