//! How the functions of a table become methods of the context that it belongs to.

/// Declares methods of a context, each of which calls the function of that name in the context's table.
macro_rules! methods {
    ($(
        $(#[$doc:meta])*
        fn $name:ident(&self $(, $argument:ident: $type:ty)*) $(-> $result:ty)?;
    )*) => {
        $(
            $(#[$doc])*
            #[inline]
            pub fn $name(&self $(, $argument: $type)*) $(-> $result)? {
                // SAFETY: by the contract of `new`, the pointer is what the table's functions expect, and alive.
                unsafe { (self.functions.$name())(self.this $(, $argument)*) }
            }
        )*
    };
}

/// Declares the constructor of a context, and the accessor of its table.
macro_rules! context {
    ($table:ty) => {
        /// Makes a context of a table and the pointer that its functions get.
        ///
        /// # Safety
        /// `this` is what the functions of the table expect, and stays so for the lifetime of the context. What they
        /// return with a lifetime lives as long.
        #[inline]
        pub const unsafe fn new(functions: $table, this: *const c_void) -> Self {
            Self {
                functions,
                this,
                lifetime: PhantomData,
            }
        }

        /// The table of functions, for fields that only a newer minor version has.
        pub fn functions(&self) -> $table {
            self.functions
        }

        /// The pointer that the table's functions get: opaque to everybody but the host.
        #[inline]
        pub fn this(&self) -> *const c_void {
            self.this
        }
    };
}
