//! One file of keys, in the layout of Azure Functions: `host.json` for the host, `<function>.json` for a function.

use std::io::{self, ErrorKind};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::KeysError;
use crate::sys;

/// A key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// What a request has to bring.
    pub value: String,
    /// Whether `value` is encrypted, which only Azure can read.
    #[serde(default)]
    encrypted: bool,
}

impl Key {
    /// Returns a key with this value, or a random one.
    pub(super) fn new(name: &str, value: Option<String>) -> io::Result<Self> {
        Ok(Key {
            name: name.to_owned(),
            value: value.map_or_else(random, Ok)?,
            encrypted: false,
        })
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?}, ***)", self.name)
    }
}

/// 256 random bits, in characters that need no escapes in URLs.
fn random() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The keys of the host. Members that only other hosts know stay as they are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostKeys {
    pub(super) master_key: Option<Key>,
    #[serde(default)]
    pub(super) function_keys: Vec<Key>,
    #[serde(default)]
    pub(super) system_keys: Vec<Key>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The keys of a function.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct FunctionKeys {
    #[serde(default)]
    pub(super) keys: Vec<Key>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The content of a file of keys.
pub(super) trait Keys: Default + Serialize + DeserializeOwned {
    /// All keys that it has.
    fn all(&self) -> impl Iterator<Item = &Key>;
}

impl Keys for HostKeys {
    fn all(&self) -> impl Iterator<Item = &Key> {
        self.master_key
            .iter()
            .chain(&self.function_keys)
            .chain(&self.system_keys)
    }
}

impl Keys for FunctionKeys {
    fn all(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }
}

/// Reads a file of keys; `None` if there is none.
pub(super) fn read<T: Keys>(file: &Path) -> Result<Option<T>, KeysError> {
    let bytes = match crate::sys::read_regular(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(reason) => {
            return Err(KeysError::Read {
                file: file.into(),
                reason,
            });
        }
    };
    let parse = |detail: String| KeysError::Parse {
        file: file.into(),
        detail,
    };
    // Some editors put a byte order mark in front.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let keys: T = serde_json::from_slice(text).map_err(|error| {
        parse(format!(
            "expected JSON with keys, each with a name and a value: {error}; correct the file, or delete it and start the host again for new keys"
        ))
    })?;
    for key in keys.all() {
        if key.encrypted {
            return Err(parse(format!(
                "the key {:?} is encrypted, and only Azure can read it; write its plain value and \"encrypted\": false, or \
                 delete the file and start the host again for new keys",
                key.name
            )));
        }
        // An empty one would let in everybody who sends an empty header.
        if key.value.is_empty() {
            return Err(parse(format!(
                "the key {:?} is empty; give it a value, or delete it",
                key.name
            )));
        }
    }
    Ok(Some(keys))
}

/// Writes a file of keys, for the user of this process alone. Whoever reads meanwhile gets the old one or the new one.
pub(super) fn write(file: &Path, keys: &impl Keys) -> io::Result<()> {
    sys::write_private(file, &serde_json::to_vec_pretty(keys)?)
}
