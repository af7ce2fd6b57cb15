//! What a key opens.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subtle::{Choice, ConstantTimeEq as _};

use super::file::{self, FunctionKeys, HostKeys, Keys};
use super::{Key, KeyFolder};
use crate::model::AuthLevel;

/// Answers what a key opens: of the host, or of one function besides. It reads a file of keys again when that has changed.
/// Clones share what they have read.
#[derive(Debug, Clone)]
pub struct KeyRing {
    folder: KeyFolder,
    host: Arc<Mutex<Cached<HostKeys>>>,
    function: Option<Arc<Mutex<Cached<FunctionKeys>>>>,
}

/// The keys of a file, as they were last read.
#[derive(Debug)]
struct Cached<T> {
    file: PathBuf,
    keys: T,
    stamp: Option<Stamp>,
}

/// What changes when a file does: its number if it is replaced, its size and time if it is written.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &Path) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        Some(Stamp {
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl KeyRing {
    /// Returns the keys of the host in this folder.
    pub fn of_host(folder: KeyFolder) -> Self {
        let host = Cached::new(folder.host_file());
        KeyRing {
            folder,
            host: Arc::new(Mutex::new(host)),
            function: None,
        }
    }

    /// Returns the keys of the host, and those of the function of this name.
    pub fn of_function(&self, name: &str) -> Self {
        // A function without a file of its own has no own keys.
        let file = self.folder.function_file(name).ok();
        KeyRing {
            folder: self.folder.clone(),
            host: Arc::clone(&self.host),
            function: file.map(|file| Arc::new(Mutex::new(Cached::new(file)))),
        }
    }

    /// Returns the folder with the files.
    pub fn folder(&self) -> &KeyFolder {
        &self.folder
    }

    /// Returns the level up to which this key opens; `None` if it opens nothing.
    ///
    /// Blocks for a moment on the file system. Takes as long for a wrong key as for one that is nearly right.
    pub fn level(&self, key: &str) -> Option<AuthLevel> {
        let opens = |keys: &[Key]| {
            let compared = keys.iter().map(|one| one.value.as_bytes().ct_eq(key.as_bytes()));
            compared.fold(Choice::from(0), |any, one| any | one)
        };
        let (is_master, mut is_function) = {
            let host = lock_fresh(&self.host);
            (
                opens(host.keys.master_key.as_slice()),
                opens(&host.keys.function_keys),
            )
        };
        if let Some(function) = &self.function {
            is_function |= opens(&lock_fresh(function).keys.keys);
        }
        if is_master.into() {
            Some(AuthLevel::Admin)
        } else {
            bool::from(is_function).then_some(AuthLevel::Function)
        }
    }
}

impl KeyRing {
    /// Whether this is the value of the host's system key with this name. Blocks and compares as [`KeyRing::level`] does.
    pub fn has_system_key(&self, name: &str, key: &str) -> bool {
        let host = lock_fresh(&self.host);
        let named = host.keys.system_keys.iter();
        let named = named.filter(|one| one.name.eq_ignore_ascii_case(name));
        named
            .fold(Choice::from(0), |any, one| {
                any | one.value.as_bytes().ct_eq(key.as_bytes())
            })
            .into()
    }
}

fn lock_fresh<T: Keys>(cached: &Mutex<Cached<T>>) -> MutexGuard<'_, Cached<T>> {
    let mut cached = cached.lock().unwrap_or_else(PoisonError::into_inner);
    cached.refresh();
    cached
}

impl<T: Keys> Cached<T> {
    /// Returns the keys that the file has now.
    fn new(file: PathBuf) -> Self {
        let mut cached = Cached {
            file,
            keys: T::default(),
            stamp: None,
        };
        cached.refresh();
        cached
    }

    /// Reads the file if it has changed. A file that is gone has no keys; one that cannot be read leaves them as they were.
    fn refresh(&mut self) {
        let stamp = Stamp::of(&self.file);
        if self.stamp == stamp {
            return;
        }
        match file::read(&self.file) {
            Ok(keys) => self.keys = keys.unwrap_or_default(),
            Err(error) => tracing::error!(
                "{error} (until then the keys are those from before, and none if there were none)"
            ),
        }
        self.stamp = stamp;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{KeyList, MASTER};
    use super::*;

    #[test]
    fn a_key_opens_what_it_is_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = KeyFolder::new(folder.path().to_owned());
        keys.prepare().expect("made");
        let set = |list, name: &str| keys.set(list, name, None).expect("set").key.value;
        let master = set(KeyList::Host, MASTER);
        let host = set(KeyList::Host, "all");
        let system = set(KeyList::System, "grid");
        let hello = set(KeyList::Function("Hello"), "one");
        let other = set(KeyList::Function("Other"), "one");
        let of_host = KeyRing::of_host(keys.clone());
        let of_hello = of_host.of_function("HELLO");
        let (admin, function) = (Some(AuthLevel::Admin), Some(AuthLevel::Function));
        for (key, hello_level, host_level) in [
            (&*master, admin, admin),
            (&*host, function, function),
            (&*system, None, None),
            (&*hello, function, None),
            (&*other, None, None),
            (&master[..63], None, None),
            ("", None, None),
        ] {
            assert_eq!(of_hello.level(key), hello_level, "{key}");
            assert_eq!(of_host.level(key), host_level, "{key}");
        }
        for (name, key, expected) in [
            ("Grid", &*system, true),
            ("grid", &system[..63], false),
            ("grid", "", false),
            ("grid", &*master, false),
            ("other", &*system, false),
        ] {
            assert_eq!(of_host.has_system_key(name, key), expected, "{name} {key}");
        }
    }

    #[test]
    fn a_change_of_a_file_counts_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = KeyFolder::new(folder.path().to_owned());
        let ring = KeyRing::of_host(keys.clone()).of_function("Hello");
        assert_eq!(ring.level("one"), None, "there are no files");
        let list = KeyList::Function("Hello");
        for (old, new) in [("zero", "one"), ("one", "two")] {
            keys.set(list, "key", Some(new.into())).expect("set");
            assert_eq!(ring.level(new), Some(AuthLevel::Function));
            assert_eq!(ring.level(old), None);
        }
        let file = keys.function_file("Hello").expect("a name");
        fs::write(&file, "{").expect("written");
        assert_eq!(
            ring.level("two"),
            Some(AuthLevel::Function),
            "half a file takes nobody's key"
        );
        fs::remove_file(file).expect("removed");
        assert_eq!(ring.level("two"), None, "gone");
    }
}
