//! How an extension becomes visible: the export macro, the registrations it makes, and the one header.

use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{RResult, RStr, RVec};

use crate::abi::{Descriptor, DescriptorRef, HostServicesRef, Library, LibraryRef};
use crate::extension::{Extension, PythonModule};
use crate::{guard, log, shim};

/// Exports an extension, for the host that loads this library and for a host build that it is linked into.
///
/// ```ignore
/// export_extension!(Stopwatch);                          // app level
/// export_extension!(RateLimit, scope = function);        // function level
/// export_extension!(Stopwatch, name = "stopwatch");
/// ```
///
/// The name, which host.json uses under `workerExtensions`, is the crate's unless given, without a
/// `funcdock-` or `funcdock_` in front. The version is the crate's. One library may export several extensions.
#[macro_export]
macro_rules! export_extension {
    ($extension:ty $(, name = $name:literal)?) => {
        $crate::export_extension!(@ $crate::private::App<$extension> $(, $name)?);
    };
    ($extension:ty, scope = function $(, name = $name:literal)?) => {
        $crate::export_extension!(@ $crate::private::PerFunction<$extension> $(, $name)?);
    };
    (@ $extension:ty) => {
        $crate::export_extension!(@@ $extension, $crate::private::name_of(env!("CARGO_PKG_NAME")));
    };
    (@ $extension:ty, $name:literal) => {
        $crate::export_extension!(@@ $extension, $name);
    };
    // In this order: what begins like a form above and goes on wrongly, then the rest.
    ($extension:ty, scope = function, name = $($name:tt)+) => {
        ::core::compile_error!("`name` takes a string literal, such as `name = \"rate-limit\"`");
    };
    ($extension:ty, name = $name:literal, scope = $($rest:tt)+) => {
        ::core::compile_error!("`scope` comes before `name`: `export_extension!(RateLimit, scope = function, name = \"…\")`");
    };
    ($extension:ty, name = $($name:tt)+) => {
        ::core::compile_error!("`name` takes a string literal, such as `name = \"rate-limit\"`");
    };
    ($extension:ty, scope = app $($rest:tt)*) => {
        ::core::compile_error!("an app-level extension is exported without a `scope`: `export_extension!(Stopwatch)`");
    };
    ($extension:ty, scope = $($rest:tt)*) => {
        ::core::compile_error!("the one `scope` to name is `function`; without it an extension is app level");
    };
    (@@ $extension:ty, $name:expr) => {
        const _: () = {
            assert!(
                $crate::private::is_name($name),
                "the name of an extension is one or more letters, digits, `-` and `_`"
            );
            struct Export;
            impl $crate::private::Named for Export {
                type Extension = $extension;
                const NAME: &'static str = $name;
                const VERSION: &'static str = env!("CARGO_PKG_VERSION");
            }
            $crate::private::inventory::submit! { $crate::private::Registration::of::<Export>() }
        };
    };
    ($($anything:tt)*) => {
        ::core::compile_error!(
            "write one of `export_extension!(Type)`, `export_extension!(Type, scope = function)`, and either with \
             `, name = \"…\"` at the end"
        );
    };
}

/// Whether an extension may be called this.
pub const fn is_name(name: &str) -> bool {
    let mut rest = name.as_bytes();
    while let [first, others @ ..] = rest {
        if !matches!(first, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_') {
            return false;
        }
        rest = others;
    }
    !name.is_empty()
}

/// What [`export_extension!`] knows of an extension.
pub trait Named: 'static {
    /// The extension.
    type Extension: Extension;
    /// Its name in host.json.
    const NAME: &'static str;
    /// Its version.
    const VERSION: &'static str;
}

/// The extension's name for a crate of this name.
pub const fn name_of(package: &'static str) -> &'static str {
    match package.as_bytes() {
        [b'f', b'u', b'n', b'c', b'd', b'o', b'c', b'k', b'-' | b'_', ..] => package.split_at(9).1,
        _ => package,
    }
}

/// An extension that is linked into this library or executable.
pub struct Registration {
    descriptor: DescriptorRef,
    #[cfg(feature = "testing")]
    extension: std::any::TypeId,
}

inventory::collect!(Registration);

impl Registration {
    /// Registers an extension.
    pub const fn of<N: Named>() -> Self {
        Registration {
            descriptor: DescriptorRef(Table::<N>::TABLE.static_as_prefix()),
            #[cfg(feature = "testing")]
            extension: std::any::TypeId::of::<N::Extension>(),
        }
    }
}

struct Table<N>(N);

impl<N: Named> Table<N> {
    const TABLE: &'static WithMetadata<Descriptor> = &WithMetadata::new(Descriptor {
        name: RStr::from_str(N::NAME),
        version: RStr::from_str(N::VERSION),
        scope: <N::Extension as Extension>::SCOPE,
        hooks: <N::Extension as Extension>::HOOKS,
        configure: shim::configure::<N::Extension>,
        init: shim::init::<N::Extension>,
        post_function_load: shim::post_function_load::<N::Extension>,
        pre_invocation: shim::pre_invocation::<N::Extension>,
        post_invocation: shim::post_invocation::<N::Extension>,
        shutdown: shim::shutdown::<N::Extension>,
        drop: shim::drop_instance::<N::Extension>,
        flush: shim::flush::<N::Extension>,
        strict: <N::Extension as Extension>::STRICT,
        settings: shim::settings::<N::Extension>,
        attributes: shim::attributes::<N::Extension>,
        attribute: shim::attribute::<N::Extension>,
        companion: PythonModule::into_abi(<N::Extension as Extension>::COMPANION),
        native: shim::native::<N::Extension>,
    });
}

/// The extensions linked into this library or executable, in no particular order.
pub fn registrations() -> impl Iterator<Item = DescriptorRef> {
    inventory::iter::<Registration>
        .into_iter()
        .map(|registration| registration.descriptor)
}

/// The descriptor that an extension in this executable is exported with.
#[cfg(feature = "testing")]
pub(crate) fn exported(extension: std::any::TypeId) -> Option<DescriptorRef> {
    inventory::iter::<Registration>
        .into_iter()
        .find(|registration| registration.extension == extension)
        .map(|registration| registration.descriptor)
}

/// A descriptor of an extension that is not exported.
#[cfg(feature = "testing")]
pub(crate) fn descriptor<E: Extension>() -> DescriptorRef {
    struct Unnamed<E>(E);
    impl<E: Extension> Named for Unnamed<E> {
        type Extension = E;
        const NAME: &'static str = "unnamed";
        const VERSION: &'static str = "0.0.0";
    }
    DescriptorRef(Table::<Unnamed<E>>::TABLE.static_as_prefix())
}

/// The one symbol of an extension library. It is defined here, not by the export macro, so that any number
/// of extensions can be linked together.
#[expect(unreachable_pub, reason = "exported as a symbol")]
// SAFETY: the name is ours alone.
#[unsafe(export_name = "funcdock_extension_header")]
pub static HEADER: LibHeader = {
    // SAFETY: `root_module` returns a `LibraryRef` in its erased form.
    unsafe { LibHeader::from_constructor::<LibraryRef>(root_module, CheckTypeLayout::Yes) }
};

extern "C" fn root_module() -> RootModuleResult {
    const TABLE: &WithMetadata<Library> = &WithMetadata::new(Library { connect, extensions });
    // SAFETY: the caller casts it back to `LibraryRef`, whose layout the header carries.
    RResult::ROk(unsafe { TABLE.static_as_prefix().cast() })
}

pub(crate) unsafe extern "C" fn connect(host: HostServicesRef) {
    guard::install_panic_hook();
    log::connect(host);
}

unsafe extern "C" fn extensions() -> RVec<DescriptorRef> {
    registrations().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_our_prefix() {
        assert_eq!(name_of("funcdock-opencensus"), "opencensus");
        assert_eq!(name_of("funcdock_x"), "x");
        assert_eq!(name_of("rate-limit"), "rate-limit");
    }
}
