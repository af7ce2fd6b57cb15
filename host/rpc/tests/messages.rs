//! The checked-in code of the messages is what their definition makes.

use std::path::Path;
use std::{env, fs};

#[test]
fn the_code_of_the_messages_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (proto, checked_in) = (
        root.join("proto/function_rpc.proto"),
        root.join("src/messages.rs"),
    );
    let definition = protox::compile([&proto], [root.join("proto")]).expect("a valid definition");
    let folder = tempfile::tempdir().expect("a folder");
    prost_build::Config::new()
        .bytes(["."])
        .out_dir(folder.path())
        .compile_fds(definition)
        .expect("compiled");
    let made = fs::read_to_string(folder.path().join("azure_functions_rpc_messages.rs")).expect("made");
    if env::var_os("FUNCDOCK_BLESS").is_some() {
        fs::write(&checked_in, &made).expect("written");
    }
    let found = fs::read_to_string(&checked_in).unwrap_or_default();
    assert!(
        found == made,
        "src/messages.rs is not what proto/function_rpc.proto makes: run this test with FUNCDOCK_BLESS=1"
    );
}
