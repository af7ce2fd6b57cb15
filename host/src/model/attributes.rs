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

/// Most invocations have no attribute or one.
type Entries = SmallVec<[(Box<str>, Attribute); 1]>;

impl Attributes {
    /// Sets an attribute. Replaces one with the same name.
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

    /// Sets an attribute unless there is one with this name. Returns the one that is now set: if several threads make the
    /// same attribute, all get that of the first.
    pub fn get_or_set(&self, name: &str, value: Attribute) -> Attribute {
        let mut entries = self.lock();
        if let Some(known) = entry(&mut entries, name).cloned() {
            // As in `set`: releases the lock before it drops the value that came too late.
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

    /// Locks the entries. No code that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry<'a>(entries: &'a mut Entries, name: &str) -> Option<&'a mut Attribute> {
    let found = entries.iter_mut().find(|(known, _)| **known == *name);
    found.map(|(_, value)| value)
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
            assert!(attributes.0.try_lock().is_ok(), "the lock is held");
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
