//! A host of the next minor version of the ABI, as far as it opens a library, checks it, and reads what its extensions say.
//! Calls of the mock host end in ways that only the next version has.

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
use abi_stable::library::AbiHeaderRef;
use funcdock_extension_api::driver::LoadedExtension;
use funcdock_extension_api::testing::{Request, Returned, TestData, TestHost, TestStreamEnd};
use funcdock_extension_api::{Response, abi};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("the file of a library");
    let record = arguments.next().expect("the file that its extensions write to");
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
        assert_eq!(extension.unknown(), None, "a newer host knows all hooks");
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
        if ["everything", "rest"].contains(&extension.name()) {
            calls_end_in_new_ways(extension, &record);
        }
    }
}

fn calls_end_in_new_ways(extension: LoadedExtension, record: &str) {
    let settings = serde_json::json!({ "file": record, "label": extension.name() });
    let host = TestHost::of(extension, &settings).expect("it starts");
    let appended = TestData::Appended(b"appended".to_vec());
    drop(host.call(Request::get("/")).ended_as_appended(appended));
    let streamed = host.call(Request::get("/")).returning(Returned::streaming(Response::new(200)));
    drop(streamed.stream_ended(TestStreamEnd::appended()));
}
