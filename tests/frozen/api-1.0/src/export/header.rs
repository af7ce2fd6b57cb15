//! The one symbol of an extension library, and the root module behind it.

use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{RResult, RVec};

use super::registration::registrations;
use crate::abi::{DescriptorRef, HostServicesRef, Library, LibraryRef};
use crate::border::{guard, log};

/// The header. It is defined here, not by `#[extension]`, so that any number of extensions can be linked together.
#[expect(unreachable_pub, reason = "exported as a symbol")]
// SAFETY: the name is ours alone.
#[unsafe(export_name = "funcdock_extension_header")]
pub static HEADER: LibHeader = {
    // SAFETY: `root_module` returns a `LibraryRef` in its erased form.
    unsafe { LibHeader::from_constructor::<LibraryRef>(root_module, CheckTypeLayout::Yes) }
};

extern "C" fn root_module() -> RootModuleResult {
    const TABLE: &WithMetadata<Library> = &WithMetadata::new(Library {
        connect: connect_library,
        extensions,
    });
    // SAFETY: the caller casts it back to `LibraryRef`, whose layout the header carries.
    RResult::ROk(unsafe { TABLE.static_as_prefix().cast() })
}

unsafe extern "C" fn connect_library(host: HostServicesRef) {
    connect(host);
    guard::log_panics();
}

/// Connects this library's `tracing` and its panics with the host.
pub(crate) fn connect(host: HostServicesRef) {
    guard::install_panic_hook();
    log::connect(host);
}

unsafe extern "C" fn extensions() -> RVec<DescriptorRef> {
    registrations().collect()
}
