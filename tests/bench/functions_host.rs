//! Measures workers under the mock of Microsoft's Functions host, one after the other, in turns: calls a second, latency, and
//! the worker's processor time for each call, which other programs on the machine change least.
//!
//! ```text
//! cargo build --release
//! cargo bench -p funcdock-tests --bench functions_host -- [--rounds N] [--seconds S] [--python FILE] [--only TEXT] [NAME=PROGRAM ...]
//! ```
//!
//! Funcdock's worker is measured in any case. Each PROGRAM is another worker, called with the word `worker` and the host's
//! options: a script that drops that word and runs Microsoft's worker, for example.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    BindingInfo, CloseSharedMemoryResourcesRequest, FunctionLoadRequest, InvocationRequest,
    InvocationResponse, ParameterBinding, RpcDataType, RpcFunctionMetadata, RpcHttp, RpcSharedMemory,
    binding_info,
};
use funcdock_tests::App;
use funcdock_tests::functions_host::{FunctionsHost, assert_success, call, get, host_arguments};

/// A row of the result.
#[derive(Clone, Copy)]
struct Work {
    name: &'static str,
    function: &'static str,
    in_flight: usize,
    /// The bytes of a blob that the function puts out again; 0 for a request.
    payload: usize,
    is_shared: bool,
}

const WORK: [Work; 8] = [
    row("hello, sync, 64 in flight", "hello", 64, 0, false),
    row("hello, async, 64 in flight", "hello_async", 64, 0, false),
    row("hello, sync, 1 in flight", "hello", 1, 0, false),
    row("hello, async, 1 in flight", "hello_async", 1, 0, false),
    row("1 MiB in and out, messages", "mirror", 4, 1 << 20, false),
    row("1 MiB in and out, shared memory", "mirror", 4, 1 << 20, true),
    row("64 MiB in and out, messages", "mirror", 2, 64 << 20, false),
    row("64 MiB in and out, shared memory", "mirror", 2, 64 << 20, true),
];

const fn row(
    name: &'static str,
    function: &'static str,
    in_flight: usize,
    payload: usize,
    is_shared: bool,
) -> Work {
    Work {
        name,
        function,
        in_flight,
        payload,
        is_shared,
    }
}

/// What was measured of one worker and one row.
#[derive(Default)]
struct Measured {
    per_second: Vec<f64>,
    p50: Vec<Duration>,
    p99: Vec<Duration>,
    processor: Vec<Duration>,
}

struct Options {
    rounds: usize,
    time: Duration,
    python: Option<PathBuf>,
    only: Option<String>,
    others: Vec<(String, PathBuf)>,
}

fn main() {
    let options = options();
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let mut workers = vec![("Funcdock".to_owned(), None)];
    workers.extend(
        options
            .others
            .iter()
            .map(|(name, program)| (name.clone(), Some(program.clone()))),
    );
    let mut results: Vec<Vec<Measured>> = workers
        .iter()
        .map(|_| WORK.iter().map(|_| Measured::default()).collect())
        .collect();
    for round in 0..options.rounds {
        for ((name, program), results) in workers.iter().zip(&mut results) {
            let mut host = start(program.as_deref(), options.python.as_deref(), folder.path());
            for (work, measured) in WORK.iter().zip(results) {
                if options
                    .only
                    .as_ref()
                    .is_some_and(|only| !work.name.contains(only.as_str()))
                {
                    continue;
                }
                match measure(&mut host, *work, options.time, folder.path()) {
                    Ok(()) => {}
                    Err(reason) => {
                        eprintln!("{name}, {}: {reason}", work.name);
                        continue;
                    }
                }
                let before = processor_time(&host);
                let Ok(latencies) = measure_into(&mut host, *work, options.time, folder.path()) else {
                    continue;
                };
                measured.add(latencies, options.time, processor_time(&host) - before);
            }
            eprintln!("round {}: {name}", round + 1);
        }
    }
    for (index, work) in WORK.iter().enumerate() {
        println!("{}", work.name);
        for ((name, _), results) in workers.iter().zip(&results) {
            println!("  {name:<20} {}", results[index]);
        }
    }
}

impl Measured {
    fn add(&mut self, mut latencies: Vec<Duration>, time: Duration, processor: Duration) {
        latencies.sort_unstable();
        let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
        self.per_second.push(latencies.len() as f64 / time.as_secs_f64());
        self.p50.push(at(0.5));
        self.p99.push(at(0.99));
        self.processor.push(processor / latencies.len() as u32);
    }
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rates = self.per_second.clone();
        rates.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (rates.first(), rates.last()) else {
            return f.write_str("not measured");
        };
        let median = |times: &[Duration]| {
            let mut times = times.to_vec();
            times.sort_unstable();
            times[times.len() / 2].as_micros()
        };
        write!(
            f,
            "{:>9.1}/s ({least:.1} to {most:.1}), p50 {} us, p99 {} us, processor {} us",
            rates[rates.len() / 2],
            median(&self.p50),
            median(&self.p99),
            median(&self.processor)
        )
    }
}

/// Returns the processor time that the worker has used.
fn processor_time(host: &FunctionsHost) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", host.pid())).expect("it runs");
    // The name of the program may have spaces.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks = ticks
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .sum::<u64>();
    // There are 100 a second on Linux, for programs.
    Duration::from_millis(ticks * 10)
}

/// Calls for a while, so that what follows is measured warm. Returns why that is not possible.
fn measure(host: &mut FunctionsHost, work: Work, time: Duration, folder: &Path) -> Result<(), String> {
    measure_into(host, work, time / 4, folder).map(drop)
}

/// Has so many calls in flight for this time; returns the latencies of those that ended within it.
fn measure_into(
    host: &mut FunctionsHost,
    work: Work,
    time: Duration,
    folder: &Path,
) -> Result<Vec<Duration>, String> {
    let request = request(work, folder);
    let mut begun: HashMap<String, Instant> = HashMap::with_capacity(work.in_flight);
    let mut number = 0_u64;
    let mut begin = |host: &FunctionsHost, begun: &mut HashMap<String, Instant>| {
        number += 1;
        let id = number.to_string();
        begun.insert(id.clone(), Instant::now());
        host.send(Content::InvocationRequest(InvocationRequest {
            invocation_id: id,
            ..request.clone()
        }));
    };
    let end = Instant::now() + time;
    for _ in 0..work.in_flight {
        begin(host, &mut begun);
    }
    let mut latencies = Vec::new();
    while !begun.is_empty() {
        let response = match host.receive() {
            Content::InvocationResponse(response) => response,
            Content::CloseSharedMemoryResourcesResponse(_) => continue,
            other => return Err(format!("{other:?}")),
        };
        let now = Instant::now();
        let since = begun.remove(&response.invocation_id).ok_or("an unknown call")?;
        close_maps(host, &response);
        let status = response.result.as_ref().map(|result| result.status);
        if status != Some(1) {
            return Err(format!("{:?}", response.result));
        }
        if now < end {
            latencies.push(now - since);
            begin(host, &mut begun);
        }
    }
    host.forget_logs();
    if latencies.is_empty() {
        return Err("no call has ended in time".to_owned());
    }
    Ok(latencies)
}

/// Closes the maps of a response, as the host does when it has read them.
fn close_maps(host: &FunctionsHost, response: &InvocationResponse) {
    let maps = response
        .output_data
        .iter()
        .filter_map(|output| match &output.rpc_data {
            Some(RpcData::RpcSharedMemory(map)) => Some(map.name.clone()),
            _ => None,
        });
    let map_names: Vec<_> = maps.collect();
    if !map_names.is_empty() {
        let request = CloseSharedMemoryResourcesRequest { map_names };
        host.send(Content::CloseSharedMemoryResourcesRequest(request));
    }
}

fn request(work: Work, folder: &Path) -> InvocationRequest {
    if work.payload == 0 {
        let http = RpcHttp {
            query: HashMap::from([("name".to_owned(), "Ada".to_owned())]),
            ..get("http://localhost/api/hello?name=Ada")
        };
        return call(work.function, &[("req", Data::Http(Box::new(http)))]);
    }
    let content = vec![b'x'; work.payload];
    if !work.is_shared {
        return call(work.function, &[("blob", Data::Bytes(Bytes::from(content)))]);
    }
    let name = format!("input-{}", work.payload);
    let mut map = vec![1];
    map.extend_from_slice(&(content.len() as u64).to_le_bytes());
    map.extend_from_slice(&content);
    std::fs::write(folder.join("AzureFunctions").join(&name), map).expect("the folder is there");
    InvocationRequest {
        input_data: vec![ParameterBinding {
            name: "blob".to_owned(),
            rpc_data: Some(RpcData::RpcSharedMemory(RpcSharedMemory {
                name,
                offset: 0,
                count: content.len() as i64,
                r#type: RpcDataType::Bytes.into(),
            })),
        }],
        ..call(work.function, &[])
    }
}

/// Starts a worker with the functions to measure.
fn start(program: Option<&Path>, python: Option<&Path>, folder: &Path) -> FunctionsHost {
    let mut app = App::empty().file("host.json", "{\"version\": \"2.0\"}");
    for (name, code, json, _) in functions() {
        app = app
            .file(&format!("{name}/__init__.py"), code)
            .file(&format!("{name}/function.json"), json);
    }
    app = app
        .env("FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED", "1")
        .env("FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES", folder)
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "8");
    app = match (program, python) {
        (Some(program), _) => app.bare().program(program),
        (None, Some(python)) => app.program(funcdock()).python(python),
        (None, None) => app.program(funcdock()),
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let arguments = host_arguments(listener.local_addr().expect("bound").port());
    let mut host = FunctionsHost::start_with(app, listener, &arguments);
    assert_success(host.init().result.as_ref(), &host);
    for (name, _, _, bindings) in functions() {
        let directory = host.app().path().join(name);
        let request = FunctionLoadRequest {
            function_id: format!("{name}-id"),
            metadata: Some(RpcFunctionMetadata {
                name: name.to_owned(),
                script_file: directory.join("__init__.py").display().to_string(),
                directory: directory.display().to_string(),
                entry_point: "main".to_owned(),
                bindings,
                ..RpcFunctionMetadata::default()
            }),
            managed_dependency_enabled: false,
        };
        match host.ask(Content::FunctionLoadRequest(request)) {
            Content::FunctionLoadResponse(response) => assert_success(response.result.as_ref(), &host),
            other => panic!("{other:?}"),
        }
    }
    host
}

/// The binary that `cargo build --release` has made.
fn funcdock() -> PathBuf {
    let this = std::env::current_exe().expect("a path");
    let folder = this.parent().and_then(Path::parent).expect("target/release/deps");
    folder.join("funcdock")
}

type Function = (
    &'static str,
    &'static str,
    &'static str,
    HashMap<String, BindingInfo>,
);

/// The functions: name, code, function.json and bindings.
fn functions() -> [Function; 3] {
    const HTTP: &str = r#"{"bindings": [
        {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
        {"type": "http", "direction": "out", "name": "$return"}]}"#;
    const BLOB: &str = r#"{"bindings": [
        {"type": "blobTrigger", "direction": "in", "name": "blob", "path": "input/x", "connection": "C", "dataType": "binary"},
        {"type": "blob", "direction": "out", "name": "copy", "path": "output/x", "connection": "C", "dataType": "binary"}]}"#;
    let http = || bindings(&[("req", "httpTrigger", false), ("$return", "http", true)]);
    [
        (
            "hello",
            "import azure.functions as func\n\ndef main(req: func.HttpRequest) -> func.HttpResponse:\n    \
             return func.HttpResponse('Hello, ' + req.params['name'])\n",
            HTTP,
            http(),
        ),
        (
            "hello_async",
            "import azure.functions as func\n\nasync def main(req: func.HttpRequest) -> func.HttpResponse:\n    \
             return func.HttpResponse('Hello, ' + req.params['name'])\n",
            HTTP,
            http(),
        ),
        (
            "mirror",
            "import azure.functions as func\n\ndef main(blob: bytes, copy: func.Out[bytes]) -> None:\n    copy.set(blob)\n",
            BLOB,
            bindings(&[("blob", "blobTrigger", false), ("copy", "blob", true)]),
        ),
    ]
}

fn bindings(all: &[(&str, &str, bool)]) -> HashMap<String, BindingInfo> {
    let direction = |is_out| match is_out {
        true => binding_info::Direction::Out,
        false => binding_info::Direction::In,
    };
    let info = |kind: &str, is_out| BindingInfo {
        r#type: kind.to_owned(),
        direction: direction(is_out).into(),
        data_type: binding_info::DataType::Binary.into(),
        properties: HashMap::new(),
    };
    all.iter()
        .map(|(name, kind, is_out)| ((*name).to_owned(), info(kind, *is_out)))
        .collect()
}

fn options() -> Options {
    let mut options = Options {
        rounds: 3,
        time: Duration::from_secs(2),
        python: None,
        only: None,
        others: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("a value");
        match argument.as_str() {
            // Cargo gives it.
            "--bench" => {}
            "--rounds" => options.rounds = value().parse().expect("a number"),
            "--seconds" => options.time = Duration::from_secs_f64(value().parse().expect("a number")),
            "--python" => options.python = Some(value().into()),
            "--only" => options.only = Some(value()),
            other => {
                let (name, program) = other.split_once('=').expect("NAME=PROGRAM");
                options.others.push((name.to_owned(), program.into()));
            }
        }
    }
    options
}
