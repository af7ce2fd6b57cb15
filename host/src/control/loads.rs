//! The load of each worker, in a file in memory that all processes of a host share. A worker that has more than others leaves
//! new connections to them.
//!
//! Each worker process has a cell of its own, which only it writes while it lives. A cell that is read while it is written
//! may be old: then one connection more or less goes to a worker.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use crate::sys::memory_file;

/// The number of worker processes that may live at once: a worker has predecessors while these finish their calls.
const CELLS: usize = 64;

/// The size of a cell: a u32 of this machine. 0 is a worker that takes no connections, as in a new file.
const SIZE: usize = 4;

/// The connections of all workers.
#[derive(Debug)]
pub struct Loads {
    file: File,
    /// The cells in use, as the supervisor has given them away.
    used: Mutex<[bool; CELLS]>,
}

impl Loads {
    /// Makes the file. In the supervisor.
    pub(crate) fn new() -> io::Result<Self> {
        let file = memory_file(c"funcdock-loads")?;
        file.set_len((CELLS * SIZE) as u64)?;
        Ok(Loads {
            file,
            used: Mutex::new([false; CELLS]),
        })
    }

    /// Gives a cell to a new worker process.
    pub(crate) fn give(self: &Arc<Self>) -> io::Result<Cell> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let free = used.iter().position(|used| !used);
        let index = free.ok_or_else(|| io::Error::other("too many workers finish their calls"))?;
        used[index] = true;
        Ok(Cell {
            loads: Arc::clone(self),
            index,
        })
    }

    /// Returns a descriptor of the file for a worker.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.file.try_clone()?.into())
    }
}

/// The cell of a worker process, in the supervisor. The next worker may have it when this is dropped.
#[derive(Debug)]
pub(crate) struct Cell {
    loads: Arc<Loads>,
    index: usize,
}

impl Cell {
    pub(crate) fn index(&self) -> u32 {
        self.index as u32
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // The process has ended, and may have been killed.
        let _ = write(&self.loads.file, self.index, None);
        let mut used = self.loads.used.lock().unwrap_or_else(PoisonError::into_inner);
        used[self.index] = false;
    }
}

/// The cell of this process, in a worker, beside those of the others.
#[derive(Debug)]
pub struct OwnLoad {
    file: File,
    index: usize,
}

impl OwnLoad {
    /// Returns the cell with this index in a file that the supervisor has made.
    pub(crate) fn new(file: OwnedFd, index: u32) -> Self {
        OwnLoad {
            file: file.into(),
            index: index as usize,
        }
    }

    /// Says what load this worker has; `None` if it takes no connections.
    pub(crate) fn set(&self, load: Option<Load>) {
        // Without it the load is uneven, and nothing is wrong.
        let _ = write(&self.file, self.index, load);
    }

    /// Returns the least load among the other workers that take connections; `None` if no other does.
    pub(crate) fn least_of_others(&self) -> Option<Load> {
        let mut all = [0; CELLS * SIZE];
        self.file.read_exact_at(&mut all, 0).ok()?;
        let (cells, _) = all.as_chunks::<SIZE>();
        let others = cells.iter().enumerate().filter(|(index, _)| *index != self.index);
        others
            .filter_map(|(_, cell)| Load::read(u32::from_ne_bytes(*cell)))
            .min()
    }
}

/// The load of a worker. One that is full has more than any that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Load {
    /// Whether no thread is left for a call. It is said when there is a connection to leave to others, and may be old.
    pub(crate) is_full: bool,
    pub(crate) connections: u32,
}

impl Load {
    const FULL: u32 = 1 << 31;

    fn read(cell: u32) -> Option<Self> {
        let connections = (cell & !Self::FULL).checked_sub(1)?;
        Some(Load {
            is_full: cell & Self::FULL != 0,
            connections,
        })
    }

    fn cell(self) -> u32 {
        let full = if self.is_full { Self::FULL } else { 0 };
        (self.connections.saturating_add(1) & !Self::FULL) | full
    }
}

fn write(file: &File, index: usize, load: Option<Load>) -> io::Result<()> {
    let value = load.map_or(0, Load::cell);
    file.write_all_at(&value.to_ne_bytes(), (index * SIZE) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_see_the_least_of_the_others_that_take_connections() {
        let loads = Arc::new(Loads::new().expect("a file"));
        let cells: Vec<_> = (0..3).map(|_| loads.give().expect("free")).collect();
        let own = |cell: &Cell| OwnLoad::new(loads.descriptor().expect("open"), cell.index());
        let workers: Vec<_> = cells.iter().map(own).collect();
        assert_eq!(workers[0].least_of_others(), None, "nobody serves yet");
        for (worker, connections) in workers.iter().zip([2, 7, 0]) {
            worker.set(Some(idle(connections)));
        }
        let least = || workers.iter().map(OwnLoad::least_of_others).collect::<Vec<_>>();
        assert_eq!(least(), [idle(0), idle(0), idle(2)].map(Some));
        let full = Load {
            is_full: true,
            connections: 0,
        };
        workers[2].set(Some(full));
        assert_eq!(least(), [idle(7), idle(2), idle(2)].map(Some));
        workers[1].set(None);
        assert_eq!(least(), [Some(full), Some(idle(2)), Some(idle(2))]);
    }

    fn idle(connections: u32) -> Load {
        Load {
            is_full: false,
            connections,
        }
    }

    #[test]
    fn the_cell_of_a_worker_that_was_killed_is_given_away_as_new() {
        let loads = Arc::new(Loads::new().expect("a file"));
        let (first, second) = (loads.give().expect("free"), loads.give().expect("free"));
        let own = OwnLoad::new(loads.descriptor().expect("open"), first.index());
        let other = OwnLoad::new(loads.descriptor().expect("open"), second.index());
        own.set(Some(idle(3)));
        assert_eq!(other.least_of_others(), Some(idle(3)));
        let index = first.index();
        drop(first);
        assert_eq!(other.least_of_others(), None);
        assert_eq!(loads.give().expect("free").index(), index);
    }
}
