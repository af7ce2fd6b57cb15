//! The documentation of settings, for those who write host.json and Python.

use std::marker::PhantomData;

/// A settings type whose doc comments reach its users. Derive it.
pub trait Documented {
    /// The keys and their documentation.
    #[doc(hidden)]
    const DOCUMENTATION: &'static [(&'static str, &'static str)];
}

/// Finds the documentation of a type whether it is [`Documented`] or not: on a reference to this, method look-up takes
/// [`ViaDocumented`] if it can, before [`ViaNothing`], which needs one more reference.
pub struct DocumentationOf<T>(PhantomData<fn() -> T>);

impl<T> DocumentationOf<T> {
    /// The only value.
    pub const NEW: Self = DocumentationOf(PhantomData);
}

/// For documented types.
pub trait ViaDocumented {
    /// The keys and their documentation.
    fn get(&self) -> &'static [(&'static str, &'static str)];
}

/// For all others.
pub trait ViaNothing {
    /// None.
    fn get(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

impl<T: Documented> ViaDocumented for DocumentationOf<T> {
    fn get(&self) -> &'static [(&'static str, &'static str)] {
        T::DOCUMENTATION
    }
}

impl<T> ViaNothing for &DocumentationOf<T> {}
