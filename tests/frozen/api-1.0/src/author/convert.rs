//! Values and objects in their C form: the table of functions behind an object, and conversions both ways.

use std::ffi::c_void;
use std::sync::OnceLock;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RString, RVec, Tuple2};

use super::error::Result;
use super::outcome::Exception;
use super::value::{Arguments, ContextObject, Value};
use crate::abi;
use crate::border::guard::{guarded, guarded_drop};

/// Runs an author's function: its error, or its panic, in the C form.
pub(crate) fn catch<T>(f: impl FnOnce() -> Result<T>) -> RResult<T, abi::Error> {
    match guarded(f) {
        Ok(Ok(value)) => RResult::ROk(value),
        Ok(Err(error)) => RResult::RErr(error.into_abi()),
        Err(panic) => RResult::RErr(panic),
    }
}

pub(crate) fn value_into_abi(value: Value) -> abi::Value {
    match value {
        Value::None => abi::Value::None,
        Value::Bool(value) => abi::Value::Bool(value),
        Value::Int(value) => abi::Value::Int(value),
        Value::Float(value) => abi::Value::Float(value),
        Value::Str(value) => abi::Value::Str(value.into()),
        Value::Bytes(value) => abi::Value::Bytes(value.into()),
        Value::List(values) => abi::Value::List(values.into_iter().map(value_into_abi).collect()),
        Value::Map(entries) => abi::Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| Tuple2(key.into(), value_into_abi(value)))
                .collect(),
        ),
        Value::Object(object) => abi::Value::Object(object_into_abi(object)),
    }
}

/// Objects do not travel from Python to an extension: the host never sends one, and one that a faulty host sent would
/// arrive as `None`.
pub(crate) fn value_from_abi(value: abi::Value) -> Value {
    match value {
        abi::Value::None | abi::Value::Object(_) => Value::None,
        abi::Value::Bool(value) => Value::Bool(value),
        abi::Value::Int(value) => Value::Int(value),
        abi::Value::Float(value) => Value::Float(value),
        abi::Value::Str(value) => Value::Str(value.into()),
        abi::Value::Bytes(value) => Value::Bytes(value.into()),
        abi::Value::List(values) => Value::List(values.into_iter().map(value_from_abi).collect()),
        abi::Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|Tuple2(key, value)| (key.into(), value_from_abi(value)))
                .collect(),
        ),
    }
}

/// What an `abi::Object` points to: the object, and its method names in the C form, made on demand.
struct Exported {
    object: Box<dyn ContextObject>,
    methods: OnceLock<Box<[RStr<'static>]>>,
}

fn object_into_abi(object: Box<dyn ContextObject>) -> abi::Object {
    let exported = Box::new(Exported {
        object,
        methods: OnceLock::new(),
    });
    // SAFETY: the functions expect an `Exported`, which they only read; a `ContextObject` is `Send + Sync`.
    unsafe { abi::Object::new(FUNCTIONS, Box::into_raw(exported).cast()) }
}

const FUNCTIONS: abi::ObjectFnsRef = {
    const TABLE: &WithMetadata<abi::ObjectFns> = &WithMetadata::new(abi::ObjectFns {
        class_name,
        methods,
        get,
        set,
        call,
        enter,
        exit,
        drop: drop_object,
    });
    abi::ObjectFnsRef(TABLE.static_as_prefix())
};

/// # Safety
/// `this` comes from [`object_into_abi`], and has not been dropped yet.
unsafe fn exported<'a>(this: *const c_void) -> &'a Exported {
    // SAFETY: by this function's contract.
    unsafe { &*this.cast::<Exported>() }
}

unsafe extern "C" fn class_name(this: *const c_void) -> RStr<'static> {
    // SAFETY: the host passes the pointer of a live object.
    let object = unsafe { exported(this) };
    guarded(|| RStr::from_str(object.object.class_name())).unwrap_or(RStr::from_str("object"))
}

unsafe extern "C" fn methods(this: *const c_void) -> RSlice<'static, RStr<'static>> {
    // SAFETY: the host passes the pointer of a live object.
    let object: &'static Exported = unsafe { exported(this) };
    let names = object.methods.get_or_init(|| {
        let names = guarded(|| object.object.methods()).unwrap_or_default();
        names.iter().map(|name| RStr::from_str(name)).collect()
    });
    RSlice::from_slice(names)
}

unsafe extern "C" fn get(this: *const c_void, name: RStr<'_>) -> RResult<ROption<abi::Value>, abi::Error> {
    // SAFETY: the host passes the pointer of a live object.
    let object = unsafe { exported(this) };
    catch(|| {
        let value = object.object.get(name.as_str())?;
        Ok(value.map(value_into_abi).into())
    })
}

unsafe extern "C" fn set(this: *const c_void, name: RStr<'_>, value: abi::Value) -> RResult<(), abi::Error> {
    // SAFETY: the host passes the pointer of a live object.
    let object = unsafe { exported(this) };
    catch(|| object.object.set(name.as_str(), value_from_abi(value)))
}

unsafe extern "C" fn call(
    this: *const c_void,
    method: RStr<'_>,
    positional: RVec<abi::Value>,
    keyword: RVec<Tuple2<RString, abi::Value>>,
) -> RResult<abi::Value, abi::Error> {
    // SAFETY: the host passes the pointer of a live object.
    let object = unsafe { exported(this) };
    catch(|| {
        let arguments = Arguments {
            positional: positional.into_iter().map(value_from_abi).collect(),
            keyword: keyword
                .into_iter()
                .map(|Tuple2(name, value)| (name.into(), value_from_abi(value)))
                .collect(),
        };
        object.object.call(method.as_str(), arguments).map(value_into_abi)
    })
}

unsafe extern "C" fn enter(this: *const c_void) -> RResult<ROption<abi::Value>, abi::Error> {
    // SAFETY: the host passes the pointer of a live object.
    let object = unsafe { exported(this) };
    catch(|| Ok(object.object.enter()?.map(value_into_abi).into()))
}

unsafe extern "C" fn exit(
    this: *const c_void,
    exception: ROption<abi::Exception<'_>>,
) -> RResult<bool, abi::Error> {
    // SAFETY: the host passes the pointer of a live object.
    let object = unsafe { exported(this) };
    catch(|| {
        object
            .object
            .exit(exception.into_option().map(Exception::from_abi))
    })
}

unsafe extern "C" fn drop_object(this: *mut c_void) {
    // SAFETY: the host drops each object once; `this` came from `Box::into_raw` in `object_into_abi`.
    let object = unsafe { Box::from_raw(this.cast::<Exported>()) };
    guarded_drop("an object", || drop(object));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Faulty;

    impl ContextObject for Faulty {
        fn class_name(&self) -> &str {
            "Faulty"
        }
        fn methods(&self) -> &'static [&'static str] {
            &["burst"]
        }
        fn call(&self, _method: &str, _arguments: Arguments) -> Result<Value> {
            panic!("on purpose")
        }
    }

    impl Drop for Faulty {
        fn drop(&mut self) {
            panic!("on purpose, in a destructor")
        }
    }

    #[test]
    fn a_panicking_method_and_destructor_stay_inside() {
        crate::border::guard::install_panic_hook();
        let object = object_into_abi(Box::new(Faulty));
        let result = object.call("burst".into(), RVec::new(), RVec::new());
        let error = result.into_result().err().expect("a panic is an error");
        assert_eq!(error.kind, abi::ERROR_PANIC);
        assert!(
            error.message.starts_with("panicked: on purpose (at "),
            "{}",
            error.message
        );
        drop(object);
    }
}
