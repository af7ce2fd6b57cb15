//! The attributes that extensions set on an invocation, for the language's `context` object.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
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

impl Attribute {
    /// Returns a copy of a plain value; `None` of an object. Objects in collections become `None`.
    pub(crate) fn to_plain(&self) -> Option<abi::Value> {
        let or_none = |value: &Attribute| value.to_plain().unwrap_or(abi::Value::None);
        match self {
            Attribute::Value(value) => Some(match &**value {
                abi::Value::Bool(value) => abi::Value::Bool(*value),
                abi::Value::Int(value) => abi::Value::Int(*value),
                abi::Value::Float(value) => abi::Value::Float(*value),
                abi::Value::Str(value) => abi::Value::Str(value.clone()),
                abi::Value::Bytes(value) => abi::Value::Bytes(value.clone()),
                // The others are no plain values.
                abi::Value::None | abi::Value::List(_) | abi::Value::Map(_) | abi::Value::Object(_) => {
                    abi::Value::None
                }
            }),
            Attribute::Object(_) => None,
            Attribute::List(values) => Some(abi::Value::List(values.iter().map(or_none).collect())),
            Attribute::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| Tuple2((&**key).into(), or_none(value)));
                Some(abi::Value::Map(entries.collect()))
            }
        }
    }
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
pub struct Attributes {
    entries: Mutex<Entries>,
    /// Who sets attributes now.
    setter: AtomicU16,
    has_conflicts: AtomicBool,
}

/// Most invocations have no attribute or one.
type Entries = SmallVec<[Entry; 1]>;

struct Entry {
    name: Box<str>,
    value: Attribute,
    setter: u16,
    /// Whoever set it before.
    replaced: Option<u16>,
}

/// An attribute that two have set. They are known by the numbers of [`Attributes::begin`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) name: Box<str>,
    pub(crate) loser: u16,
    pub(crate) winner: u16,
}

impl Attributes {
    /// From now on the setter of attributes has this number.
    #[inline]
    pub(crate) fn begin(&self, setter: u16) {
        self.setter.store(setter, Ordering::Relaxed);
    }

    /// Takes the conflicts that are new.
    #[inline]
    pub(crate) fn take_conflicts(&self) -> Vec<Conflict> {
        match self.has_conflicts.load(Ordering::Relaxed) {
            true => self.take_all_conflicts(),
            false => Vec::new(),
        }
    }

    #[cold]
    fn take_all_conflicts(&self) -> Vec<Conflict> {
        let mut entries = self.lock();
        self.has_conflicts.store(false, Ordering::Relaxed);
        let conflicts = entries.iter_mut().filter_map(|entry| {
            Some(Conflict {
                name: entry.name.clone(),
                loser: entry.replaced.take()?,
                winner: entry.setter,
            })
        });
        conflicts.collect()
    }

    /// Sets an attribute. Replaces one with the same name.
    pub fn set(&self, name: &str, value: impl Into<Attribute>) {
        let value = value.into();
        let setter = self.setter.load(Ordering::Relaxed);
        let mut entries = self.lock();
        let replaced = match entry(&mut entries, name) {
            Some(entry) => {
                if entry.setter != setter {
                    entry.replaced = Some(entry.setter);
                    entry.setter = setter;
                    self.has_conflicts.store(true, Ordering::Relaxed);
                }
                Some(std::mem::replace(&mut entry.value, value))
            }
            None => {
                entries.push(Entry {
                    name: name.into(),
                    value,
                    setter,
                    replaced: None,
                });
                None
            }
        };
        // The destructor of an extension's object must not run under our lock.
        drop(entries);
        drop(replaced);
    }

    /// Returns the attribute of this name.
    pub fn get(&self, name: &str) -> Option<Attribute> {
        entry(&mut self.lock(), name).map(|entry| entry.value.clone())
    }

    /// Sets an attribute unless there is one with this name. Returns the one that is now set: if several threads make the
    /// same attribute, all get that of the first.
    pub fn get_or_set(&self, name: &str, value: Attribute) -> Attribute {
        let mut entries = self.lock();
        if let Some(known) = entry(&mut entries, name).map(|entry| entry.value.clone()) {
            // As in `set`: releases the lock before it drops the value that came too late.
            drop(entries);
            drop(value);
            return known;
        }
        entries.push(Entry {
            name: name.into(),
            value: value.clone(),
            setter: self.setter.load(Ordering::Relaxed),
            replaced: None,
        });
        value
    }

    /// Returns the names of all attributes.
    pub fn names(&self) -> Vec<String> {
        self.lock().iter().map(|entry| entry.name.to_string()).collect()
    }

    /// Locks the entries. No code that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry<'a>(entries: &'a mut Entries, name: &str) -> Option<&'a mut Entry> {
    entries.iter_mut().find(|entry| *entry.name == *name)
}

#[cfg(test)]
mod tests {
    use std::ffi::c_void;
    use std::sync::OnceLock;

    use abi_stable::prefix_type::WithMetadata;
    use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RVec};

    use super::*;

    /// The attributes that the destructor of the test's objects reads.
    static ATTRIBUTES: OnceLock<Attributes> = OnceLock::new();

    /// An object whose destructor sets an attribute of the same invocation.
    fn object() -> Attribute {
        type Keyword = RVec<Tuple2<RString, abi::Value>>;
        unsafe extern "C" fn class_name(_: *const c_void) -> RStr<'static> {
            "Object".into()
        }
        unsafe extern "C" fn methods(_: *const c_void) -> RSlice<'static, RStr<'static>> {
            RSlice::EMPTY
        }
        unsafe extern "C" fn get(_: *const c_void, _: RStr<'_>) -> RResult<ROption<abi::Value>, abi::Error> {
            RResult::ROk(ROption::RNone)
        }
        unsafe extern "C" fn set(_: *const c_void, _: RStr<'_>, _: abi::Value) -> RResult<(), abi::Error> {
            RResult::ROk(())
        }
        unsafe extern "C" fn call(
            _: *const c_void,
            _: RStr<'_>,
            _: RVec<abi::Value>,
            _: Keyword,
        ) -> RResult<abi::Value, abi::Error> {
            RResult::ROk(abi::Value::None)
        }
        unsafe extern "C" fn enter(_: *const c_void) -> RResult<ROption<abi::Value>, abi::Error> {
            RResult::ROk(ROption::RNone)
        }
        unsafe extern "C" fn exit(
            _: *const c_void,
            _: ROption<abi::Exception<'_>>,
        ) -> RResult<bool, abi::Error> {
            RResult::ROk(false)
        }
        unsafe extern "C" fn drop(_: *mut c_void) {
            let attributes = ATTRIBUTES.get_or_init(Attributes::default);
            // `lock` would hang if this thread held the lock: fail instead.
            assert!(attributes.entries.try_lock().is_ok(), "the lock is held");
        }
        const TABLE: &WithMetadata<abi::ObjectFns> = &WithMetadata::new(abi::ObjectFns {
            class_name,
            methods,
            get,
            set,
            call,
            enter,
            exit,
            drop,
        });
        let functions = abi::ObjectFnsRef(TABLE.static_as_prefix());
        // SAFETY: the functions do not use the pointer.
        let object = unsafe { abi::Object::new(functions, std::ptr::null_mut()) };
        Attribute::from(abi::Value::Object(object))
    }

    #[test]
    fn an_attribute_that_another_one_sets_is_a_conflict_once() {
        let attributes = Attributes::default();
        attributes.begin(1);
        attributes.set("own", abi::Value::Int(1));
        attributes.set("own", abi::Value::Int(2));
        attributes.set("user", abi::Value::Int(3));
        assert!(attributes.take_conflicts().is_empty());
        attributes.begin(2);
        attributes.set("user", abi::Value::Int(4));
        let conflict = Conflict {
            name: "user".into(),
            loser: 1,
            winner: 2,
        };
        assert_eq!(attributes.take_conflicts(), [conflict]);
        attributes.set("user", abi::Value::Int(5));
        assert!(attributes.take_conflicts().is_empty());
    }

    /// A panic in the destructor aborts the process, as it must not cross the ABI: the test cannot pass then.
    #[test]
    fn destructors_run_outside_of_the_lock() {
        let attributes = ATTRIBUTES.get_or_init(Attributes::default);
        attributes.set("tool", object());
        attributes.set("tool", object());
        let known = attributes.get("tool").expect("the attribute was set");
        let late = attributes.get_or_set("tool", object());
        let (Attribute::Object(known), Attribute::Object(late)) = (known, late) else {
            panic!("an object was set");
        };
        assert!(Arc::ptr_eq(&known, &late), "the first attribute stays");
        assert_eq!(attributes.names(), ["tool"]);
    }
}
