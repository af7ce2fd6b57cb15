//! A mock of Microsoft's Functions host: a gRPC server that drives one worker, message by message.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::TcpListener;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    FunctionLoadRequest, FunctionLoadResponse, FunctionMetadataResponse, FunctionsMetadataRequest,
    InvocationRequest, InvocationResponse, ParameterBinding, RpcFunctionMetadata, RpcHttp, RpcLog,
    StatusResult, StreamingMessage, TypedData, WorkerInitRequest, WorkerInitResponse, parameter_binding,
    status_result,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc as asynchronous;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::host::Stream;
use crate::{App, DEADLINE, wait_for};

/// The ids that the host gives its worker.
pub const WORKER_ID: &str = "worker-7";
/// The id of the request to start it.
pub const REQUEST_ID: &str = "start-7";

/// The host of one worker. The worker is killed when this is dropped.
pub struct FunctionsHost {
    app: App,
    child: Child,
    stdout: Stream,
    stderr: Stream,
    to_worker: Option<asynchronous::UnboundedSender<Result<StreamingMessage, Status>>>,
    from_worker: Receiver<StreamingMessage>,
    /// What the worker has logged so far.
    logs: Mutex<Vec<RpcLog>>,
    /// What came while something else was waited for.
    early: Vec<Content>,
    /// Whether the host reads what the worker sends.
    reads: Arc<AtomicBool>,
    /// Serves until it is dropped.
    runtime: Option<Runtime>,
}

impl FunctionsHost {
    /// Starts a worker of this app, and waits until it has presented itself.
    pub fn start(app: App) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        FunctionsHost::start_with(app, listener, &host_arguments(port))
    }

    /// Starts a worker with these arguments.
    pub fn start_with(app: App, listener: TcpListener, arguments: &[String]) -> Self {
        let mut host = FunctionsHost::spawn(app, listener, arguments);
        match host.receive() {
            Content::StartStream(start) => assert_eq!(start.worker_id, WORKER_ID),
            other => panic!("the first message is {other:?}\n{}", host.output()),
        }
        host
    }

    fn spawn(app: App, listener: TcpListener, arguments: &[String]) -> Self {
        let (to_worker, outgoing) = asynchronous::unbounded_channel();
        let (incoming, from_worker) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let reads = Arc::new(AtomicBool::new(true));
        let service = EventStream(Arc::new(Ends {
            reads: Arc::clone(&reads),
            streams: Mutex::new(Some(Streams {
                outgoing,
                to_test: incoming,
            })),
        }));
        listener.set_nonblocking(true).expect("a socket");
        let listener = {
            let _guard = runtime.enter();
            tokio::net::TcpListener::from_std(listener).expect("a socket")
        };
        let connections = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
        runtime.spawn(
            tonic::transport::Server::builder()
                .initial_stream_window_size(Some(16 << 20))
                .initial_connection_window_size(Some(16 << 20))
                .add_service(service)
                .serve_with_incoming(connections),
        );
        let mut child = app
            .worker_command(arguments)
            .spawn()
            .expect("the funcdock binary runs");
        FunctionsHost {
            stdout: child.stdout.take().map_or_else(Stream::none, Stream::read),
            stderr: child.stderr.take().map_or_else(Stream::none, Stream::read),
            app,
            child,
            to_worker: Some(to_worker),
            from_worker,
            logs: Mutex::default(),
            early: Vec::new(),
            reads,
            runtime: Some(runtime),
        }
    }

    /// The app.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The worker's process id.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// What the worker has printed and logged.
    pub fn output(&self) -> String {
        let logs: Vec<_> = self.logs().iter().map(|log| format!("{log:?}")).collect();
        format!(
            "--- stdout\n{}\n--- stderr\n{}\n--- logs\n{}",
            self.stdout.text(),
            self.stderr.text(),
            logs.join("\n")
        )
    }

    /// What the worker has printed to stdout.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What the worker has logged, as far as messages were waited for.
    pub fn logs(&self) -> Vec<RpcLog> {
        self.lock_logs().clone()
    }

    fn lock_logs(&self) -> std::sync::MutexGuard<'_, Vec<RpcLog>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what the worker has logged.
    pub fn forget_logs(&self) {
        self.lock_logs().clear();
    }

    /// Waits for a log record whose message has this text, and returns it.
    pub fn log(&mut self, text: &str) -> RpcLog {
        let end = Instant::now() + DEADLINE;
        loop {
            let found = self
                .lock_logs()
                .iter()
                .find(|log| log.message.contains(text))
                .cloned();
            if let Some(log) = found {
                return log;
            }
            assert!(
                Instant::now() < end,
                "nothing with {text:?} is logged\n{}",
                self.output()
            );
            if let Ok(Some(content)) = self.receive_within(Duration::from_millis(20)) {
                self.early.push(content);
            }
        }
    }

    /// Sends a message, as hosts do: without an id.
    pub fn send(&self, content: Content) {
        self.send_as("", content);
    }

    /// Sends a message with this id.
    pub fn send_as(&self, request_id: &str, content: Content) {
        self.send_message(StreamingMessage {
            request_id: request_id.to_owned(),
            content: Some(content),
        });
    }

    /// Sends a message, which may have no content.
    pub fn send_message(&self, message: StreamingMessage) {
        let to_worker = self.to_worker.as_ref().expect("the stream is open");
        to_worker.send(Ok(message)).expect("the worker is connected");
    }

    /// Waits for the next message that is no log record.
    pub fn receive(&mut self) -> Content {
        if !self.early.is_empty() {
            return self.early.remove(0);
        }
        let end = Instant::now() + DEADLINE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.receive_within(left) {
                Ok(Some(content)) => return content,
                Ok(None) => {}
                Err(RecvTimeoutError::Timeout) => panic!("no message in time\n{}", self.output()),
                Err(RecvTimeoutError::Disconnected) => panic!("the worker has left\n{}", self.output()),
            }
        }
    }

    /// Waits this long for a message; `None` for a log record, which is kept.
    fn receive_within(&self, time: Duration) -> Result<Option<Content>, RecvTimeoutError> {
        match self.from_worker.recv_timeout(time)?.content {
            Some(Content::RpcLog(log)) => {
                self.lock_logs().push(log);
                Ok(None)
            }
            Some(content) => Ok(Some(content)),
            None => panic!("a message without content\n{}", self.output()),
        }
    }

    /// Sends a message, and waits for the next one.
    pub fn ask(&mut self, content: Content) -> Content {
        self.send(content);
        self.receive()
    }

    /// Tells the worker where the app is.
    pub fn init(&mut self) -> WorkerInitResponse {
        let request = WorkerInitRequest {
            host_version: "4.1040.0".to_owned(),
            function_app_directory: self.app.path().display().to_string(),
            ..WorkerInitRequest::default()
        };
        match self.ask(Content::WorkerInitRequest(request)) {
            Content::WorkerInitResponse(response) => response,
            other => panic!("{other:?}\n{}", self.output()),
        }
    }

    /// Asks for the functions that code declares.
    pub fn metadata(&mut self) -> FunctionMetadataResponse {
        let request = FunctionsMetadataRequest {
            function_app_directory: self.app.path().display().to_string(),
        };
        match self.ask(Content::FunctionsMetadataRequest(request)) {
            Content::FunctionMetadataResponse(response) => response,
            other => panic!("{other:?}\n{}", self.output()),
        }
    }

    /// Has the worker load the function of this name, with the id `<name>-id`.
    pub fn load(&mut self, name: &str) -> FunctionLoadResponse {
        let request = self.load_request(name);
        match self.ask(Content::FunctionLoadRequest(request)) {
            Content::FunctionLoadResponse(response) => response,
            other => panic!("{other:?}\n{}", self.output()),
        }
    }

    /// The request of [`load`](Self::load).
    pub fn load_request(&self, name: &str) -> FunctionLoadRequest {
        FunctionLoadRequest {
            function_id: format!("{name}-id"),
            metadata: Some(RpcFunctionMetadata {
                name: name.to_owned(),
                directory: self.app.path().join(name).display().to_string(),
                ..RpcFunctionMetadata::default()
            }),
            managed_dependency_enabled: false,
        }
    }

    /// Begins with an app: its place, and these functions, which must load.
    pub fn with_functions(mut self, names: &[&str]) -> Self {
        assert_success(self.init().result.as_ref(), &self);
        for name in names {
            assert_success(self.load(name).result.as_ref(), &self);
        }
        self
    }

    /// Has the worker make a call, and waits for its response.
    pub fn invoke(&mut self, request: InvocationRequest) -> InvocationResponse {
        match self.ask(Content::InvocationRequest(request)) {
            Content::InvocationResponse(response) => response,
            other => panic!("{other:?}\n{}", self.output()),
        }
    }

    /// Ends the stream, as a host that stops does.
    pub fn end_stream(&mut self) {
        self.to_worker = None;
    }

    /// Ends the stream with this error.
    pub fn end_with(&mut self, status: Status) {
        if let Some(to_worker) = self.to_worker.take() {
            to_worker.send(Err(status)).expect("the worker is connected");
        }
    }

    /// Reads no more messages of the worker from now on, or again.
    pub fn set_reading(&self, reads: bool) {
        self.reads.store(reads, Ordering::Relaxed);
    }

    /// Waits this long for a message that is no log record; `None` if there is none, or the worker has left.
    pub fn receive_for(&mut self, time: Duration) -> Option<Content> {
        if !self.early.is_empty() {
            return Some(self.early.remove(0));
        }
        let end = Instant::now() + time;
        loop {
            match self.receive_within(end.saturating_duration_since(Instant::now())) {
                Ok(Some(content)) => return Some(content),
                Ok(None) => {}
                Err(_) => return None,
            }
        }
    }

    /// What the worker has printed to stderr.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Is gone at once, with all connections.
    pub fn vanish(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Waits until the worker has ended.
    pub fn wait(&mut self) -> ExitStatus {
        let ended = wait_for(|| self.child.try_wait().expect("it is a child"));
        ended.unwrap_or_else(|| panic!("the worker does not end\n{}", self.output()))
    }
}

impl Drop for FunctionsHost {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The options that hosts of today give: each in both forms.
pub fn host_arguments(port: u16) -> Vec<String> {
    vec![
        "--host=127.0.0.1".to_owned(),
        format!("--port={port}"),
        format!("--workerId={WORKER_ID}"),
        format!("--requestId={REQUEST_ID}"),
        format!("--grpcMaxMessageLength={}", i32::MAX),
        format!("--functions-uri=http://127.0.0.1:{port}/"),
        format!("--functions-worker-id={WORKER_ID}"),
        format!("--functions-request-id={REQUEST_ID}"),
        format!("--functions-grpc-max-message-length={}", i32::MAX),
    ]
}

/// The options of a host that takes messages up to this length.
pub fn host_arguments_with(port: u16, max_message_length: usize) -> Vec<String> {
    let mut arguments = host_arguments(port);
    arguments.retain(|argument| {
        !argument.to_ascii_lowercase().contains("messagelength") && !argument.contains("message-length")
    });
    arguments.push(format!(
        "--functions-grpc-max-message-length={max_message_length}"
    ));
    arguments
}

/// Asserts that this is a success.
pub fn assert_success(result: Option<&StatusResult>, host: &FunctionsHost) {
    let result = result.unwrap_or_else(|| panic!("no result\n{}", host.output()));
    let success = i32::from(status_result::Status::Success);
    assert_eq!(result.status, success, "{result:?}\n{}", host.output());
}

/// The result of what went well.
pub fn success() -> StatusResult {
    StatusResult {
        status: status_result::Status::Success.into(),
        ..StatusResult::default()
    }
}

/// Returns the message of a failure.
pub fn failure(result: Option<&StatusResult>) -> &str {
    let result = result.expect("a result");
    assert_eq!(
        result.status,
        i32::from(status_result::Status::Failure),
        "{result:?}"
    );
    result
        .exception
        .as_ref()
        .map_or("", |exception| &exception.message)
}

/// A call of the function with the id `<name>-id`, with these inputs.
pub fn call(name: &str, inputs: &[(&str, Data)]) -> InvocationRequest {
    let inputs = inputs.iter().map(|(name, data)| ParameterBinding {
        name: (*name).to_owned(),
        rpc_data: Some(parameter_binding::RpcData::Data(typed(data.clone()))),
    });
    InvocationRequest {
        invocation_id: "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned(),
        function_id: format!("{name}-id"),
        input_data: inputs.collect(),
        ..InvocationRequest::default()
    }
}

/// Data as the protocol has it.
pub fn typed(data: Data) -> TypedData {
    TypedData { data: Some(data) }
}

/// A GET request for this URL.
pub fn get(url: &str) -> RpcHttp {
    RpcHttp {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: HashMap::from([("host".to_owned(), "localhost".to_owned())]),
        ..RpcHttp::default()
    }
}

/// The body of a response.
pub fn body(http: &RpcHttp) -> &[u8] {
    match http.body.as_ref().and_then(|body| body.data.as_ref()) {
        Some(Data::Bytes(bytes)) => bytes,
        other => panic!("the body is {other:?}"),
    }
}

/// The response in a return value.
pub fn http_of(response: &InvocationResponse) -> &RpcHttp {
    let value = response
        .return_value
        .as_ref()
        .and_then(|value| value.data.as_ref());
    match value {
        Some(Data::Http(http)) => http,
        other => panic!("the return value is {other:?}: {:?}", response.result),
    }
}

/// The two ends of the stream, for its only call.
struct Ends {
    reads: Arc<AtomicBool>,
    streams: Mutex<Option<Streams>>,
}

/// What the worker gets, and where its messages go.
struct Streams {
    outgoing: asynchronous::UnboundedReceiver<Result<StreamingMessage, Status>>,
    to_test: mpsc::Sender<StreamingMessage>,
}

#[derive(Clone)]
struct EventStream(Arc<Ends>);

impl NamedService for EventStream {
    const NAME: &'static str = "AzureFunctionsRpcMessages.FunctionRpc";
}

impl Service<tonic::codegen::http::Request<Body>> for EventStream {
    type Response = tonic::codegen::http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::codegen::http::Request<Body>) -> Self::Future {
        let stream = self.clone();
        Box::pin(async move {
            let codec = ProstCodec::<StreamingMessage, StreamingMessage>::default();
            let mut grpc = Grpc::new(codec).max_decoding_message_size(usize::MAX);
            Ok(grpc.streaming(stream, request).await)
        })
    }
}

impl StreamingService<StreamingMessage> for EventStream {
    type Response = StreamingMessage;
    type ResponseStream = Outgoing;
    type Future = BoxFuture<Response<Outgoing>, Status>;

    fn call(&mut self, request: Request<Streaming<StreamingMessage>>) -> Self::Future {
        let ends = Arc::clone(&self.0);
        Box::pin(async move {
            let taken = ends.streams.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Streams { outgoing, to_test } =
                taken.ok_or_else(|| Status::already_exists("a worker has one stream"))?;
            let mut incoming = request.into_inner();
            tokio::spawn(async move {
                while let Ok(Some(message)) = incoming.message().await {
                    while !ends.reads.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    // It fails only when the test has ended.
                    let _ = to_test.send(message);
                }
            });
            Ok(Response::new(Outgoing(outgoing)))
        })
    }
}

/// The messages to the worker.
struct Outgoing(asynchronous::UnboundedReceiver<Result<StreamingMessage, Status>>);

impl tonic::codegen::tokio_stream::Stream for Outgoing {
    type Item = Result<StreamingMessage, Status>;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
