//! The folder with the files of keys.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::{self, FunctionKeys, HostKeys, Keys};
use super::{Key, KeysError, MASTER};

/// The key that hosts and functions have from the beginning.
const DEFAULT: &str = "default";

/// The folder with the files of keys. Its methods block on the file system; those of several processes take turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFolder(PathBuf);

/// One list of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyList<'a> {
    /// The keys that open every function: those of the host.
    Host,
    /// The keys for what services send: `blobs_extension` opens the webhook for events of blobs.
    System,
    /// The keys of the function of this name.
    Function(&'a str),
}

/// A key that was set.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed {
    /// The key.
    pub key: Key,
    /// Whether there was none of this name.
    pub is_new: bool,
}

impl KeyFolder {
    /// Returns the folder at this path, which need not be there.
    pub fn new(path: PathBuf) -> Self {
        KeyFolder(path)
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder and the host's keys, unless there are any. Returns the file with them, and whether it is new.
    ///
    /// # Errors
    /// The file cannot be read, is not valid, or cannot be written.
    pub fn prepare(&self) -> Result<(PathBuf, bool), KeysError> {
        let file = self.host_file();
        let is_complete = |keys: &HostKeys| keys.master_key.is_some();
        if file::read::<HostKeys>(&file)?.is_some_and(|keys| is_complete(&keys)) {
            return Ok((file, false));
        }
        let _turn = self.take_turn()?;
        let mut keys: HostKeys = file::read(&file)?.unwrap_or_default();
        // Another process may have made it meanwhile.
        let is_new = !is_complete(&keys);
        if is_new {
            let make = |name| Key::new(name, None).map_err(|reason| write_error(&file, reason));
            keys.master_key = Some(make("master")?);
            if keys.function_keys.is_empty() {
                keys.function_keys.push(make(DEFAULT)?);
            }
            write(&file, &keys)?;
        }
        Ok((file, is_new))
    }

    /// Returns the files that every user of this machine can read. The folder may keep them from it.
    pub fn readable_by_all(&self) -> Vec<PathBuf> {
        let is_open = |path: &Path| fs::metadata(path).is_ok_and(|found| found.mode() & 0o004 != 0);
        // To reach a file, one must be allowed to pass its folder.
        if !fs::metadata(&self.0).is_ok_and(|folder| folder.mode() & 0o001 != 0) {
            return Vec::new();
        }
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let files = entries.map(|entry| entry.path());
        let mut open: Vec<_> = files
            .filter(|file| file.extension().is_some_and(|kind| kind == "json") && is_open(file))
            .collect();
        open.sort();
        open
    }

    /// Returns the keys of a list. A function that has none gets a first one, if the folder can be written.
    ///
    /// # Errors
    /// The file cannot be read, or is not valid; a function named "host" has none.
    pub fn list(&self, list: KeyList<'_>) -> Result<Vec<Key>, KeysError> {
        let host = || Ok(file::read::<HostKeys>(&self.host_file())?.unwrap_or_default());
        match list {
            KeyList::Host => Ok(host()?.function_keys),
            KeyList::System => Ok(host()?.system_keys),
            KeyList::Function(name) => {
                let file = self.function_file(name)?;
                if let Some(keys) = file::read::<FunctionKeys>(&file)? {
                    return Ok(keys.keys);
                }
                match self.make_first(&file) {
                    // Whoever mounts keys for reading has made all that there are to be.
                    Err(KeysError::Write { .. }) => Ok(Vec::new()),
                    made => made,
                }
            }
        }
    }

    /// Makes the first key of a function, unless another process was faster.
    fn make_first(&self, file: &Path) -> Result<Vec<Key>, KeysError> {
        let _turn = self.take_turn()?;
        let mut keys: FunctionKeys = file::read(file)?.unwrap_or_default();
        if keys.keys.is_empty() {
            let key = Key::new(DEFAULT, None).map_err(|reason| write_error(file, reason))?;
            keys.keys.push(key);
            write(file, &keys)?;
        }
        Ok(keys.keys)
    }

    /// Returns the master key, if there is one.
    ///
    /// # Errors
    /// The file cannot be read, or is not valid.
    pub fn master(&self) -> Result<Option<Key>, KeysError> {
        let keys: Option<HostKeys> = file::read(&self.host_file())?;
        Ok(keys.and_then(|keys| keys.master_key))
    }

    /// Sets a key, to a random value if none is given. Its name is compared without case. `_master` of the host is the master
    /// key.
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare); a function named "host" has no keys.
    pub fn set(&self, list: KeyList<'_>, name: &str, value: Option<String>) -> Result<Changed, KeysError> {
        let is_master = list == KeyList::Host && name.eq_ignore_ascii_case(MASTER);
        self.change(list, |keys, master, file| {
            let name = if is_master { "master" } else { name };
            let key = Key::new(name, value).map_err(|reason| write_error(file, reason))?;
            if is_master {
                let is_new = master.replace(key.clone()).is_none();
                return Ok(Changed { key, is_new });
            }
            let old = position(keys, name);
            match old {
                Some(index) => keys[index] = key.clone(),
                None => keys.push(key.clone()),
            }
            Ok(Changed {
                key,
                is_new: old.is_none(),
            })
        })
    }

    /// Makes the system key of this name, unless it exists. Returns whether it is new.
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare).
    pub fn make_system_key(&self, name: &str) -> Result<bool, KeysError> {
        if position(&self.list(KeyList::System)?, name).is_some() {
            return Ok(false);
        }
        self.change(KeyList::System, |keys, _, file| {
            // Another process may have made it meanwhile.
            if position(keys, name).is_some() {
                return Ok(false);
            }
            keys.push(Key::new(name, None).map_err(|reason| write_error(file, reason))?);
            Ok(true)
        })
    }

    /// Deletes a key. Returns whether there was one.
    ///
    /// # Errors
    /// Those of [`set`](Self::set), and [`KeysError::DeleteMaster`].
    pub fn delete(&self, list: KeyList<'_>, name: &str) -> Result<bool, KeysError> {
        if list == KeyList::Host && name.eq_ignore_ascii_case(MASTER) {
            return Err(KeysError::DeleteMaster);
        }
        if position(&self.list(list)?, name).is_none() {
            return Ok(false);
        }
        self.change(list, |keys, _, _| {
            let found = position(keys, name);
            Ok(found.map(|index| keys.remove(index)).is_some())
        })
    }

    /// Changes a list of keys, and the master key if it is in the same file.
    fn change<T>(
        &self,
        list: KeyList<'_>,
        change: impl FnOnce(&mut Vec<Key>, &mut Option<Key>, &Path) -> Result<T, KeysError>,
    ) -> Result<T, KeysError> {
        let _turn = self.take_turn()?;
        match list {
            KeyList::Host | KeyList::System => {
                let file = self.host_file();
                let mut keys: HostKeys = file::read(&file)?.unwrap_or_default();
                let changed = match list {
                    KeyList::System => change(&mut keys.system_keys, &mut None, &file)?,
                    _ => change(&mut keys.function_keys, &mut keys.master_key, &file)?,
                };
                write(&file, &keys)?;
                Ok(changed)
            }
            KeyList::Function(name) => {
                let file = self.function_file(name)?;
                let mut keys: FunctionKeys = file::read(&file)?.unwrap_or_default();
                let changed = change(&mut keys.keys, &mut None, &file)?;
                write(&file, &keys)?;
                Ok(changed)
            }
        }
    }

    pub(super) fn host_file(&self) -> PathBuf {
        self.0.join("host.json")
    }

    /// Returns the file with the keys of a function, whose name has letters, digits, `_` and `-` only.
    pub(super) fn function_file(&self, name: &str) -> Result<PathBuf, KeysError> {
        let name = name.to_ascii_lowercase();
        if name == "host" {
            return Err(KeysError::HostName);
        }
        Ok(self.0.join(format!("{name}.json")))
    }

    /// Waits for other processes and threads that change keys, until the result is dropped. Makes the folder.
    fn take_turn(&self) -> Result<File, KeysError> {
        let error = |reason| write_error(&self.0, reason);
        if !self.0.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.0)
                .map_err(error)?;
            // Keys do not belong in version control.
            fs::write(self.0.join(".gitignore"), "*\n").map_err(error)?;
        }
        let lock = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.0.join(".lock"))
            .map_err(error)?;
        lock.lock().map_err(error)?;
        Ok(lock)
    }
}

fn position(keys: &[Key], name: &str) -> Option<usize> {
    keys.iter().position(|key| key.name.eq_ignore_ascii_case(name))
}

fn write(file: &Path, keys: &impl Keys) -> Result<(), KeysError> {
    file::write(file, keys).map_err(|reason| write_error(file, reason))
}

fn write_error(file: &Path, reason: std::io::Error) -> KeysError {
    KeysError::Write {
        file: file.into(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folder() -> (tempfile::TempDir, KeyFolder) {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = KeyFolder::new(folder.path().join("secrets"));
        (folder, keys)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn the_first_keys_are_random_and_private() {
        let (_folder, keys) = folder();
        let (file, is_new) = keys.prepare().expect("made");
        assert!(is_new);
        assert_eq!((mode(keys.path()), mode(&file)), (0o700, 0o600));
        let master = keys.master().expect("read").expect("there is one");
        let host = keys.list(KeyList::Host).expect("read");
        assert_eq!((host.len(), host[0].name.as_str()), (1, "default"));
        assert_eq!((master.value.len(), host[0].value.len()), (64, 64));
        assert_ne!(master.value, host[0].value);
        let (_, is_new) = keys.prepare().expect("read");
        assert!(!is_new);
        assert_eq!(keys.master().expect("read"), Some(master), "they stay");
    }

    #[test]
    fn files_that_everybody_can_read_are_named() {
        let (_folder, keys) = folder();
        let (file, _) = keys.prepare().expect("made");
        let open = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
        };
        open(&file, 0o644);
        assert!(keys.readable_by_all().is_empty(), "nobody passes the folder");
        open(keys.path(), 0o755);
        assert_eq!(keys.readable_by_all(), std::slice::from_ref(&file));
        open(&file, 0o640);
        assert!(keys.readable_by_all().is_empty());
    }

    #[test]
    fn keys_are_set_renewed_and_deleted_by_name() {
        let (_folder, keys) = folder();
        keys.prepare().expect("made");
        for list in [KeyList::Host, KeyList::System, KeyList::Function("Hello")] {
            let new = keys.set(list, "shop", Some("secret".into())).expect("set");
            assert!(new.is_new && new.key.value == "secret", "{list:?}");
            let renewed = keys.set(list, "SHOP", None).expect("set");
            assert!(!renewed.is_new && renewed.key.value.len() == 64, "{list:?}");
            let listed = keys.list(list).expect("read");
            assert_eq!(listed.last(), Some(&renewed.key), "{list:?}");
            assert!(keys.delete(list, "Shop").expect("deleted"), "{list:?}");
            assert!(!keys.delete(list, "shop").expect("read"), "{list:?}");
        }
        let master = keys.set(KeyList::Host, MASTER, None).expect("set");
        assert_eq!(keys.master().expect("read"), Some(master.key));
        let refused = keys.delete(KeyList::Host, "_MASTER").expect_err("refused");
        assert!(matches!(refused, KeysError::DeleteMaster));
    }

    #[test]
    fn a_system_key_is_made_once() {
        let (_folder, keys) = folder();
        keys.prepare().expect("made");
        assert!(keys.make_system_key("grid").expect("made"));
        let made = keys.list(KeyList::System).expect("read");
        assert_eq!((made.len(), &*made[0].name, made[0].value.len()), (1, "grid", 64));
        assert!(!keys.make_system_key("Grid").expect("read"));
        assert_eq!(keys.list(KeyList::System).expect("read"), made);
    }

    #[test]
    fn a_function_gets_a_first_key_when_somebody_asks() {
        let (_folder, keys) = folder();
        let first = keys.list(KeyList::Function("Hello")).expect("made");
        assert_eq!(first[0].name, "default");
        assert_eq!(keys.list(KeyList::Function("hello")).expect("read"), first);
        let refused = keys.list(KeyList::Function("Host")).expect_err("no file for it");
        assert!(matches!(refused, KeysError::HostName));
    }

    #[test]
    fn files_of_azure_are_read_and_keep_what_only_azure_knows() {
        let (_folder, keys) = folder();
        fs::create_dir_all(keys.path()).expect("made");
        let file = keys.host_file();
        let azure = r#"{
            "masterKey": { "name": "master", "value": "m/+==", "encrypted": false },
            "functionKeys": [{ "name": "default", "value": "f", "encrypted": false }],
            "hostName": "shop.example", "decryptionKeyId": ""
        }"#;
        fs::write(&file, azure).expect("written");
        assert!(!keys.prepare().expect("read").1);
        keys.set(KeyList::System, "grid", Some("g".into())).expect("set");
        let text = fs::read_to_string(&file).expect("read");
        assert!(
            text.contains("shop.example") && text.contains("decryptionKeyId") && text.contains("m/+=="),
            "{text}"
        );
    }

    #[test]
    fn a_bad_file_is_named_and_stays() {
        for (content, expected) in [
            ("{", "expected JSON with keys"),
            (r#"{"functionKeys": [{"name": "a"}]}"#, "missing field `value`"),
            (
                r#"{"masterKey": {"name": "a", "value": "b", "encrypted": true}}"#,
                "the key \"a\" is encrypted",
            ),
            (
                r#"{"functionKeys": [{"name": "a", "value": ""}]}"#,
                "the key \"a\" is empty",
            ),
        ] {
            let (_folder, keys) = folder();
            fs::create_dir_all(keys.path()).expect("made");
            fs::write(keys.host_file(), content).expect("written");
            for error in [
                keys.prepare().map(drop),
                keys.set(KeyList::Host, "new", None).map(drop),
            ] {
                let error = error.expect_err("refused").to_string();
                assert!(error.contains(expected) && error.contains("host.json"), "{error}");
            }
            assert_eq!(fs::read_to_string(keys.host_file()).expect("read"), content);
        }
    }
}
