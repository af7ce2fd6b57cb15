//! Which type of Python a type of Rust is, for type checkers.

mod stub;

use std::collections::{BTreeMap, HashMap};

use super::value::Value;
pub use stub::Classes;

/// A type whose values Python code gets or gives, as type checkers see it. `#[methods]` implements it for an object.
#[diagnostic::on_unimplemented(
    message = "nothing says which type `{Self}` is in Python",
    label = "not a type that Python code can be given",
    note = "use a type that converts into a `Value`: a bool, a number, text, `Option`, `Vec`, a map with text as its keys, or an \
            object whose methods have `#[methods]`; `Value` itself is `Any`"
)]
pub trait Typed {
    /// Returns the type as an annotation of Python: `str | None`, `list[int]`, `Laps`.
    fn annotation() -> String;

    /// Adds the classes that the annotation names.
    fn classes(found: &mut Classes) {
        let _ = found;
    }
}

macro_rules! plain {
    ($($annotation:literal: $($type:ty)*;)*) => {
        $($(impl Typed for $type {
            fn annotation() -> String {
                $annotation.to_owned()
            }
        })*)*
    };
}

plain! {
    "None": ();
    "bool": bool;
    "int": i8 i16 i32 i64 u16 u32 u64 usize;
    "float": f64;
    "str": String &str;
    "bytes": Vec<u8>;
    "Any": Value serde_json::Value;
}

impl<T: Typed> Typed for Option<T> {
    fn annotation() -> String {
        match T::annotation().as_str() {
            "Any" => "Any".to_owned(),
            some => format!("{some} | None"),
        }
    }

    fn classes(found: &mut Classes) {
        T::classes(found);
    }
}

macro_rules! collections {
    ($($annotation:literal: $type:ty;)*) => {
        $(impl<T: Typed> Typed for $type {
            fn annotation() -> String {
                format!($annotation, T::annotation())
            }

            fn classes(found: &mut Classes) {
                T::classes(found);
            }
        })*
    };
}

collections! {
    "list[{}]": Vec<T>;
    "dict[str, {}]": BTreeMap<String, T>;
    "dict[str, {}]": HashMap<String, T>;
}
