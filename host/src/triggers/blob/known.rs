//! Which versions of blobs need no look at their receipts: those that are done, and those in work.
//!
//! A version is a name with an etag. Up to [`MOST`] versions are remembered one by one. In a larger container, a time takes the
//! place of those that were written long ago: whatever was written before it is done. A sweep over the container takes a
//! while, and blobs may be written behind its back, so the time is never later than what the service had written before the
//! sweep went on from its first page: a blob written before was there to be listed.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use funcdock_storage::BlobItem;

/// The most versions that are remembered one by one: less than 4 MiB.
const MOST: usize = 50_000;

/// By how much the clocks of a service's machines may differ, in seconds. Times of blobs have whole seconds.
const MARGIN: u64 = 60;

/// A version of a blob. Two versions are the same with a probability of less than one in 10^14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Version(u64);

/// What is known of the versions in a container.
pub(super) struct Known {
    entries: HashMap<Version, Entry>,
    hasher: RandomState,
    most: usize,
    sweep: u32,
    /// What was written before is done, unless it has an entry. In seconds since 1970, as all times here.
    floor: u64,
    /// The last time at which a blob that was seen was written.
    newest: u64,
    /// What was written before this could be listed by the current sweep; none before the first page.
    bound: Option<u64>,
}

struct Entry {
    state: State,
    /// When it was written.
    written: u64,
    /// The last sweep that saw it.
    sweep: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Done,
    InWork,
    /// To be looked at again.
    Open,
}

impl Known {
    /// Returns that nothing is known.
    pub(super) fn new() -> Self {
        Self::with_most(MOST)
    }

    fn with_most(most: usize) -> Self {
        Known {
            entries: HashMap::new(),
            hasher: RandomState::new(),
            most,
            sweep: 0,
            floor: 0,
            newest: 0,
            bound: None,
        }
    }

    /// Forgets what is done, so that the next sweep looks at the receipts of all blobs.
    pub(super) fn forget(&mut self) {
        self.entries.retain(|_, entry| entry.state != State::Done);
        self.floor = 0;
    }

    /// Notes that a sweep begins, from the first page. What an unfinished sweep has seen stays known.
    pub(super) fn begin_sweep(&mut self) {
        self.sweep = self.sweep.wrapping_add(1);
        self.bound = (self.newest > 0).then_some(self.newest);
    }

    /// Notes a blob of the listing. Returns its version if it is to be handled, and whether it is new: it counts as in work
    /// until [`Known::finish`] or [`Known::leave`].
    pub(super) fn begin(&mut self, item: &BlobItem) -> Option<(Version, bool)> {
        let version = Version(self.hasher.hash_one((&item.name, &item.etag)));
        let written = seconds(item.last_modified);
        self.newest = self.newest.max(written);
        match self.entries.get_mut(&version) {
            Some(entry) => {
                entry.sweep = self.sweep;
                if entry.state != State::Open {
                    return None;
                }
                entry.state = State::InWork;
                Some((version, false))
            }
            None if written < self.floor => None,
            None => {
                let entry = Entry {
                    state: State::InWork,
                    written,
                    sweep: self.sweep,
                };
                self.entries.insert(version, entry);
                Some((version, true))
            }
        }
    }

    /// Notes that a version is done.
    pub(super) fn finish(&mut self, version: Version) {
        // One that is not remembered is found done by the next sweep again, by its receipt.
        let is_full = self.entries.len() > self.most;
        let floor = self.floor;
        let Some(entry) = self.entries.get_mut(&version) else {
            return;
        };
        if is_full || entry.written < floor {
            self.entries.remove(&version);
        } else {
            entry.state = State::Done;
        }
    }

    /// Notes that a version is to be looked at again by the next sweep.
    pub(super) fn leave(&mut self, version: Version) {
        if let Some(entry) = self.entries.get_mut(&version) {
            entry.state = State::Open;
        }
    }

    /// Notes that all blobs of a page were passed to [`Known::begin`].
    pub(super) fn end_page(&mut self) {
        self.bound.get_or_insert(self.newest);
    }

    /// Notes that the sweep is at its end. Forgets the versions that it has not seen, as they do not exist any more.
    pub(super) fn end_sweep(&mut self) {
        let sweep = self.sweep;
        self.entries
            .retain(|_, entry| entry.sweep == sweep || entry.state == State::InWork);
        if self.entries.len() >= self.most {
            let bound = self.bound.unwrap_or_default().saturating_sub(MARGIN);
            self.floor = self.floor.max(bound);
            let floor = self.floor;
            self.entries
                .retain(|_, entry| entry.state != State::Done || entry.written >= floor);
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(name: &str, etag: &str, written: u64) -> BlobItem {
        BlobItem {
            name: name.to_owned(),
            etag: etag.to_owned(),
            size: 1,
            last_modified: UNIX_EPOCH + Duration::from_secs(written),
            blob_type: "BlockBlob".to_owned(),
        }
    }

    /// Sweeps over these pages. Finishes what begins, and returns its names.
    fn sweep(known: &mut Known, pages: &[&[BlobItem]]) -> Vec<String> {
        let mut begun = Vec::new();
        known.begin_sweep();
        for page in pages {
            for item in *page {
                if let Some((version, _)) = known.begin(item) {
                    begun.push(item.name.clone());
                    known.finish(version);
                }
            }
            known.end_page();
        }
        known.end_sweep();
        begun
    }

    #[test]
    fn each_version_begins_once() {
        let mut known = Known::new();
        let first = [blob("a", "1", 1000), blob("b", "1", 1000)];
        assert_eq!(sweep(&mut known, &[&first]), ["a", "b"]);
        assert!(sweep(&mut known, &[&first]).is_empty());
        // Overwritten, and one that is older than all others but was not there.
        let second = [blob("a", "2", 1001), blob("b", "1", 1000), blob("c", "1", 1)];
        assert_eq!(sweep(&mut known, &[&second]), ["a", "c"]);
        // Deleted, and written again with an etag that it had.
        assert!(sweep(&mut known, &[&[]]).is_empty());
        assert!(known.entries.is_empty());
        assert_eq!(sweep(&mut known, &[&first]), ["a", "b"]);
        known.forget();
        assert_eq!(sweep(&mut known, &[&first]), ["a", "b"]);
    }

    #[test]
    fn what_is_in_work_or_left_is_not_forgotten() {
        let mut known = Known::new();
        let (a, b) = (blob("a", "1", 1000), blob("b", "1", 1000));
        known.begin_sweep();
        let (in_work, _) = known.begin(&a).expect("new");
        let (left, is_new) = known.begin(&b).expect("new");
        assert!(is_new);
        known.leave(left);
        known.end_sweep();
        known.forget();
        known.begin_sweep();
        assert_eq!(known.begin(&a), None, "it is in work");
        assert_eq!(known.begin(&b), Some((left, false)));
        known.finish(left);
        known.end_sweep();
        known.finish(in_work);
        assert!(sweep(&mut known, &[&[a, b]]).is_empty());
    }

    #[test]
    fn a_large_container_is_known_by_a_time() {
        let mut known = Known::with_most(10);
        let old: Vec<_> = (0..30)
            .map(|i| blob(&format!("old{i:02}"), "1", 1000 + 10 * i))
            .collect();
        let (left, right) = old.split_at(15);
        assert_eq!(sweep(&mut known, &[left, right]).len(), 30);
        // Those that did not fit are looked at again, until the time is known.
        let again = sweep(&mut known, &[left, right]);
        assert!(!again.is_empty() && again.len() < 30, "{again:?}");
        assert_eq!(known.floor, 1290 - MARGIN);
        let again = sweep(&mut known, &[left, right]);
        assert!(again.iter().all(|name| name.as_str() >= "old23"), "{again:?}");
        assert!(sweep(&mut known, &[left, right]).is_empty());
        assert!(known.entries.len() < 10, "{}", known.entries.len());

        let new = [blob("p", "1", 1250), blob("q", "1", 2000)];
        assert_eq!(sweep(&mut known, &[left, right, &new]), ["p", "q"]);
        assert!(sweep(&mut known, &[left, right, &new]).is_empty());
        known.forget();
        assert_eq!(sweep(&mut known, &[left, right, &new]).len(), 32);
    }

    #[test]
    fn what_is_left_in_a_large_container_is_looked_at_again() {
        let mut known = Known::with_most(10);
        let old: Vec<_> = (0..30)
            .map(|i| blob(&format!("old{i:02}"), "1", 1000 + 10 * i))
            .collect();
        for _ in 0..4 {
            known.begin_sweep();
            let mut begun = Vec::new();
            for item in &old {
                if let Some((version, _)) = known.begin(item) {
                    begun.push(version);
                    if item.name == "old00" {
                        known.leave(version);
                    } else {
                        known.finish(version);
                    }
                }
            }
            known.end_page();
            known.end_sweep();
            assert!(!begun.is_empty());
        }
        assert!(known.floor > 1000);
        assert_eq!(sweep(&mut known, &[&old]), ["old00"]);
        assert!(sweep(&mut known, &[&old]).is_empty());
    }

    #[test]
    fn a_blob_that_is_written_behind_a_sweep_is_found_by_the_next() {
        let mut known = Known::with_most(2);
        let front: Vec<_> = (0..5).map(|i| blob(&format!("a{i}"), "1", 1000)).collect();
        // While the second page is listed, b is written at the front, and z after it: z is seen, b is not.
        let back = [blob("z", "1", 9000)];
        sweep(&mut known, &[&front, &back]);
        assert!(known.floor <= 1000, "{}", known.floor);
        let with_b: Vec<_> = front.iter().cloned().chain([blob("b", "1", 8000)]).collect();
        assert!(sweep(&mut known, &[&with_b, &back]).contains(&"b".to_owned()));
    }
}
