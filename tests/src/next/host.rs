//! A host of the next minor version of the ABI, as far as it opens a library, checks it, and reads what its extensions say.

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
use abi_stable::library::AbiHeaderRef;
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::LoadedExtension;

fn main() {
    let file = std::env::args_os().nth(1).expect("the file of a library");
    // SAFETY: a library of the tests, whose initialisers may run.
    let library = unsafe { libloading::Library::new(file) }.expect("it can be opened");
    // SAFETY: an extension's symbol of this name is a header.
    let symbol = unsafe { library.get::<AbiHeaderRef>(abi::HEADER_SYMBOL.as_bytes()) };
    let header = symbol
        .expect("it has a header")
        .upgrade()
        .expect("it has the same abi_stable");
    std::mem::forget(library);
    let (ours, theirs) = (
        <abi::LibraryRef as StableAbi>::LAYOUT,
        header.layout().expect("it has a layout"),
    );
    check_layout_compatibility(ours, theirs)
        .or_else(|_| check_layout_compatibility(theirs, ours))
        .expect("the layouts agree but for what is appended");
    // SAFETY: checked in the line above.
    let root = unsafe { header.unchecked_layout::<abi::LibraryRef>() }.expect("it has a root module");
    let appended = |found: Option<extern "C" fn() -> u32>| found.map(|function| function());
    let version = header.version_strings().version;
    println!(
        "{version} in a host of {}: {:?}",
        abi::VERSION,
        appended(root.appended_by_next())
    );
    // SAFETY: a function of a library whose layout was checked, without arguments.
    for descriptor in unsafe { (root.extensions())() } {
        let found = appended(descriptor.appended_by_next());
        // SAFETY: the library has passed all steps above.
        let extension = unsafe { LoadedExtension::new(descriptor) };
        let settings: Vec<_> = extension
            .settings()
            .into_iter()
            .map(|setting| setting.name)
            .collect();
        let refused = extension.configure(r#"{"unknown": 1}"#).is_err();
        println!(
            "{} {settings:?} {:?} {refused} {found:?}",
            extension.name(),
            extension.made_attributes()
        );
    }
}
