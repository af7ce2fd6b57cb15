//! Objects that an extension puts on the Python `context` for function code to call.

use std::ffi::c_void;
use std::sync::OnceLock;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RString, RVec, Tuple2};

use crate::guard::guarded;
use crate::{Error, ErrorKind, Exception, Result, Value, abi};

/// An object with methods that Python calls: `context.tracer.span("parent")`.
///
/// Every method may be called from any thread, several at once, and is called without the GIL held. An
/// `Err` is raised in Python as the exception of its [`ErrorKind`]; so is a panic, as `RuntimeError`.
pub trait ContextObject: Send + Sync + 'static {
    /// The class name that Python shows.
    fn class_name(&self) -> &str;

    /// Names that are methods. All other names are looked up with [`get`](Self::get).
    fn methods(&self) -> &'static [&'static str] {
        &[]
    }

    /// `object.method(...)`, for the names in [`methods`](Self::methods).
    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        let _ = arguments;
        Err(Error::new(
            ErrorKind::Attribute,
            format!("{} has no method {method}", self.class_name()),
        ))
    }

    /// `object.name`; `None` raises `AttributeError`.
    fn get(&self, name: &str) -> Result<Option<Value>> {
        let _ = name;
        Ok(None)
    }

    /// `object.name = value`.
    fn set(&self, name: &str, value: Value) -> Result<()> {
        let _ = value;
        Err(Error::new(
            ErrorKind::Attribute,
            format!("{} has no attribute {name} to set", self.class_name()),
        ))
    }

    /// `with object as x:` begins. `Ok(None)` makes `x` the object itself.
    fn enter(&self) -> Result<Option<Value>> {
        Err(Error::new(
            ErrorKind::Type,
            format!("{} is not a context manager", self.class_name()),
        ))
    }

    /// `with` ends, by `exception` if one was raised. `Ok(true)` swallows it.
    fn exit(&self, exception: Option<Exception<'_>>) -> Result<bool> {
        let _ = exception;
        Ok(false)
    }
}

/// The arguments of a method call from Python.
#[derive(Debug, Default)]
pub struct Arguments {
    /// Positional arguments, in order.
    pub positional: Vec<Value>,
    /// Keyword arguments, in order.
    pub keyword: Vec<(String, Value)>,
}

impl Arguments {
    /// Binds the arguments to these parameter names, in order, as Python would. `None` stands for one not given.
    ///
    /// # Errors
    /// [`ErrorKind::Type`] for too many arguments, an unknown keyword, or one given twice.
    pub fn bind<const N: usize>(self, names: [&str; N]) -> Result<[Option<Value>; N]> {
        if self.positional.len() > N {
            let given = self.positional.len();
            return Err(Error::new(
                ErrorKind::Type,
                format!(
                    "takes {N} argument{} but {given} were given",
                    if N == 1 { "" } else { "s" }
                ),
            ));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.keyword {
            let Some(index) = names.iter().position(|known| *known == name) else {
                let known = names.join(", ");
                return Err(Error::new(
                    ErrorKind::Type,
                    format!("unexpected keyword argument {name:?} (takes {known})"),
                ));
            };
            if bound[index].replace(value).is_some() {
                return Err(Error::new(
                    ErrorKind::Type,
                    format!("multiple values for argument {name:?}"),
                ));
            }
        }
        Ok(bound)
    }
}

type Boxed = Box<dyn ContextObject>;

/// What an `abi::Object` points to: the object, and its method names in the border's form, made on demand.
struct Exported {
    object: Boxed,
    methods: OnceLock<Box<[RStr<'static>]>>,
}

pub(crate) fn into_abi(object: Boxed) -> abi::Object {
    let exported = Box::new(Exported {
        object,
        methods: OnceLock::new(),
    });
    abi::Object {
        functions: FUNCTIONS,
        this: Box::into_raw(exported).cast(),
    }
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
/// `this` must come from [`into_abi`] and not be dropped yet.
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
    answer(|| {
        let value = object.object.get(name.as_str())?;
        Ok(value.map(Value::into_abi).into())
    })
}

unsafe extern "C" fn set(this: *const c_void, name: RStr<'_>, value: abi::Value) -> RResult<(), abi::Error> {
    // SAFETY: the host passes the pointer of a live object.
    let object = unsafe { exported(this) };
    answer(|| object.object.set(name.as_str(), Value::from_abi(value)))
}

unsafe extern "C" fn call(
    this: *const c_void,
    method: RStr<'_>,
    positional: RVec<abi::Value>,
    keyword: RVec<Tuple2<RString, abi::Value>>,
) -> RResult<abi::Value, abi::Error> {
    // SAFETY: the host passes the pointer of a live object.
    let object = unsafe { exported(this) };
    answer(|| {
        let arguments = Arguments {
            positional: positional.into_iter().map(Value::from_abi).collect(),
            keyword: keyword
                .into_iter()
                .map(|Tuple2(name, value)| (name.into(), Value::from_abi(value)))
                .collect(),
        };
        object
            .object
            .call(method.as_str(), arguments)
            .map(Value::into_abi)
    })
}

unsafe extern "C" fn enter(this: *const c_void) -> RResult<ROption<abi::Value>, abi::Error> {
    // SAFETY: the host passes the pointer of a live object.
    let object = unsafe { exported(this) };
    answer(|| Ok(object.object.enter()?.map(Value::into_abi).into()))
}

unsafe extern "C" fn exit(
    this: *const c_void,
    exception: ROption<abi::Exception<'_>>,
) -> RResult<bool, abi::Error> {
    // SAFETY: the host passes the pointer of a live object.
    let object = unsafe { exported(this) };
    answer(|| {
        object
            .object
            .exit(exception.into_option().map(Exception::from_abi))
    })
}

unsafe extern "C" fn drop_object(this: *mut c_void) {
    // SAFETY: the host drops each object once; `this` came from `Box::into_raw` in `into_abi`.
    let object = unsafe { Box::from_raw(this.cast::<Exported>()) };
    // A destructor that panics has nobody to tell; the rest of the process must not notice.
    let _ = guarded(|| drop(object));
}

fn answer<T>(f: impl FnOnce() -> Result<T>) -> RResult<T, abi::Error> {
    match guarded(f) {
        Ok(Ok(value)) => RResult::ROk(value),
        Ok(Err(error)) => RResult::RErr(error.into_abi()),
        Err(panic) => RResult::RErr(panic),
    }
}

#[cfg(test)]
mod tests;
