//! Data that goes by files in memory.

use std::fs;
use std::path::Path;

use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    CloseSharedMemoryResourcesRequest, InvocationRequest, ParameterBinding, RpcDataType, RpcSharedMemory,
};
use funcdock_tests::App;
use funcdock_tests::functions_host::{FunctionsHost, assert_success, call, failure};

const MIB: usize = 1 << 20;

/// A worker that shares the folder `AzureFunctions` in this one with the host.
fn host(folder: &Path) -> FunctionsHost {
    App::case("functions_host")
        .env("FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED", "1")
        .env("FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES", folder)
        .under_functions_host()
        .with_functions(&["mirror", "mirror_text"])
}

/// Writes a map as the host does.
fn write(folder: &Path, name: &str, content: &[u8]) {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
    bytes.extend_from_slice(content);
    fs::write(folder.join("AzureFunctions").join(name), bytes).expect("the folder is there");
}

/// A call whose blob is in this map.
fn call_with(name: &str, map: &str, count: usize, kind: RpcDataType) -> InvocationRequest {
    let blob = ParameterBinding {
        name: "blob".to_owned(),
        rpc_data: Some(RpcData::RpcSharedMemory(RpcSharedMemory {
            name: map.to_owned(),
            offset: 0,
            count: count as i64,
            r#type: kind.into(),
        })),
    };
    InvocationRequest {
        input_data: vec![blob],
        ..call(name, &[])
    }
}

#[test]
fn large_data_goes_by_maps_both_ways() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut host = host(folder.path());
    let text = "ä".repeat(MIB);
    // No two pages of these are the same.
    let bytes = |length: usize| -> Vec<u8> { (0..length).map(|index| (index / 251 + index) as u8).collect() };
    let cases = [
        ("mirror", RpcDataType::Bytes, bytes(MIB)),
        ("mirror", RpcDataType::Bytes, bytes(3 * MIB + 1)),
        ("mirror", RpcDataType::Bytes, bytes(11 * MIB + 4097)),
        ("mirror_text", RpcDataType::String, text.into_bytes()),
    ];
    for (name, kind, content) in cases {
        write(folder.path(), name, &content);
        let response = host.invoke(call_with(name, name, content.len(), kind));
        assert_success(response.result.as_ref(), &host);
        let [output] = &response.output_data[..] else {
            panic!("{response:?}");
        };
        let Some(RpcData::RpcSharedMemory(map)) = &output.rpc_data else {
            panic!("{name}: the output is in the message");
        };
        assert_eq!(
            (map.offset, map.count, map.r#type),
            (0, content.len() as i64, i32::from(kind))
        );
        let file = folder.path().join("AzureFunctions").join(&map.name);
        let written = fs::read(&file).expect("the map");
        assert_eq!(written[0], 1);
        assert_eq!(written[1..9], (content.len() as u64).to_le_bytes());
        assert!(written[9..] == content, "{name}: the content is another one");
        let names = vec![map.name.clone(), "unknown".to_owned()];
        let request = CloseSharedMemoryResourcesRequest { map_names: names };
        let Content::CloseSharedMemoryResourcesResponse(closed) =
            host.ask(Content::CloseSharedMemoryResourcesRequest(request))
        else {
            panic!("another message\n{}", host.output());
        };
        assert!(closed.close_map_results[&map.name]);
        assert!(!closed.close_map_results["unknown"]);
        assert!(!file.exists(), "{name}: the file is still there");
        assert!(
            folder.path().join("AzureFunctions").join(name).exists(),
            "the host's own"
        );
    }
}

#[test]
fn small_data_goes_by_messages() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut host = host(folder.path());
    let content = Data::Bytes(vec![7; MIB - 1].into());
    let response = host.invoke(call("mirror", &[("blob", content.clone())]));
    assert_success(response.result.as_ref(), &host);
    let output = response.output_data[0].rpc_data.clone();
    assert!(output == Some(RpcData::Data(funcdock_tests::functions_host::typed(content))));
}

#[test]
fn a_map_that_is_not_there_fails_the_call_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut host = host(folder.path());
    let response = host.invoke(call_with("mirror", "nowhere", 10, RpcDataType::Bytes));
    let reason = failure(response.result.as_ref());
    assert!(
        reason.starts_with("the input \"blob\": there is no shared memory map \"nowhere\" in "),
        "{reason}"
    );
    write(folder.path(), "short", b"abc");
    let response = host.invoke(call_with("mirror", "short", 10, RpcDataType::Bytes));
    assert!(
        failure(response.result.as_ref()).contains("short"),
        "{response:?}"
    );
    let response = host.invoke(call_with("mirror", "short", 3, RpcDataType::Bytes));
    assert_success(response.result.as_ref(), &host);
}

#[test]
fn the_capability_is_announced_where_it_is_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut on = App::case("functions_host")
        .env("FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED", "true")
        .env("FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES", folder.path())
        .under_functions_host();
    assert!(on.init().capabilities.contains_key("SharedMemoryDataTransfer"));
    let mut impossible = App::case("functions_host")
        .env("FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED", "true")
        .env("FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES", "/proc")
        .under_functions_host();
    assert!(
        !impossible
            .init()
            .capabilities
            .contains_key("SharedMemoryDataTransfer")
    );
    impossible.log("shared memory is enabled, but there is no directory for it: ");
    let mut off = App::case("functions_host").under_functions_host();
    assert!(!off.init().capabilities.contains_key("SharedMemoryDataTransfer"));
}
