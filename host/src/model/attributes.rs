//! The attributes that extensions set on an invocation, for the language's `context` object.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use abi_stable::std_types::{RString, Tuple2};
use funcdock_extension_api::abi;
use smallvec::SmallVec;

/// An attribute that an extension set on the invocation, for the language's `context` object. Cheap to clone.
#[derive(Clone)]
pub enum Attribute {
    /// A plain value: neither a collection nor an object.
    Value(Arc<abi::Value>),
    /// An object with methods.
    Object(Arc<abi::Object>),
    /// A list.
    List(Arc<[Attribute]>),
    /// A map, in insertion order.
    Map(Arc<[(Box<str>, Attribute)]>),
}

impl From<abi::Value> for Attribute {
    fn from(value: abi::Value) -> Self {
        match value {
            abi::Value::Object(object) => Attribute::Object(Arc::new(object)),
            abi::Value::List(values) => Attribute::List(values.into_iter().map(Attribute::from).collect()),
            abi::Value::Map(entries) => {
                let entry = |Tuple2(key, value): Tuple2<RString, abi::Value>| {
                    (key.as_str().into(), Attribute::from(value))
                };
                Attribute::Map(entries.into_iter().map(entry).collect())
            }
            value => Attribute::Value(Arc::new(value)),
        }
    }
}

/// The attributes of one invocation, by name. For any thread.
#[derive(Default)]
pub struct Attributes(Mutex<Entries>);

/// Mostly there is none, or one.
type Entries = SmallVec<[(Box<str>, Attribute); 1]>;

impl Attributes {
    /// Sets an attribute, replacing one of that name.
    pub fn set(&self, name: &str, value: impl Into<Attribute>) {
        let value = value.into();
        let mut entries = self.lock();
        let replaced = match entry(&mut entries, name) {
            Some(slot) => Some(std::mem::replace(slot, value)),
            None => {
                entries.push((name.into(), value));
                None
            }
        };
        // The destructor of an extension's object must not run under our lock.
        drop(entries);
        drop(replaced);
    }

    /// Returns the attribute of this name.
    pub fn get(&self, name: &str) -> Option<Attribute> {
        entry(&mut self.lock(), name).cloned()
    }

    /// Sets an attribute unless there is one of that name; returns the one that there is then. Where several threads
    /// make the same attribute, all get the first one's.
    pub fn get_or_set(&self, name: &str, value: Attribute) -> Attribute {
        let mut entries = self.lock();
        if let Some(known) = entry(&mut entries, name).cloned() {
            // As in `set`: first the lock goes, then the value that came too late.
            drop(entries);
            drop(value);
            return known;
        }
        entries.push((name.into(), value.clone()));
        value
    }

    /// Returns the names of all attributes.
    pub fn names(&self) -> Vec<String> {
        self.lock().iter().map(|(name, _)| name.to_string()).collect()
    }

    /// Nothing that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry<'a>(entries: &'a mut Entries, name: &str) -> Option<&'a mut Attribute> {
    let found = entries.iter_mut().find(|(known, _)| **known == *name);
    found.map(|(_, value)| value)
}
