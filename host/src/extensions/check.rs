//! An extension tried out, step by step and without an app: opened, configured, made, called once, and ended.
//!
//! A library that is broken may end the process that opens it, or never return. So this tells each step before it
//! takes it, and is to be run in a process that nobody needs: `cli::extension::child` does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use abi_stable::std_types::RStr;
use async_ffi::FfiFuture;
use funcdock_extension_api::abi;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::chain::combine;
use super::discovery::linked;
use super::error::ExtensionError;
use super::hook::Counters;
use super::instance::Instance;
use super::library::{self, Library};
use super::metrics::Metrics;
use super::services::{EndedCall, InitContext, raw_function, raw_invocation, raw_outcome};
use super::step::{Described, Event, Step};
use super::waiting;
use crate::app::ExtensionConfig;
use crate::model::{
    Body, CallResult, Data, FunctionInfo, HttpReply, HttpRequest, HttpResponse, Inputs, Invocation, Outcome,
    Start,
};

/// What an extension gets to flush, and to shut down, in milliseconds.
const SHUTDOWN_MS: u64 = 1000;

/// What to try out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Check {
    /// The library; `None` for an extension that is linked into this host.
    pub file: Option<PathBuf>,
    /// The extension, where not all of the library's are meant. A linked one needs it.
    pub name: Option<String>,
    /// What the extensions are configured with.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// How far to go.
    pub depth: Depth,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// Open the library.
    Open,
    /// Check the settings besides: what a worker does before it runs any Python code.
    Configure,
    /// Make an instance besides, and call all of its hooks.
    Run,
}

/// The name to call an extension by of which only the file is known.
fn name_of_file(file: &Path) -> String {
    super::discovery::name_of_file(file).unwrap_or_else(|| {
        let stem = file.file_stem().unwrap_or(file.as_os_str());
        stem.to_string_lossy().into_owned()
    })
}

impl Check {
    /// The name to call the extension by, for want of a better one its file's.
    pub fn name(&self) -> String {
        match (&self.name, &self.file) {
            (Some(name), _) => name.clone(),
            (None, Some(file)) => name_of_file(file),
            (None, None) => String::new(),
        }
    }

    /// Tries it out, and tells of it. Runs code of the library in this process and on this thread.
    pub fn run(&self, tell: &mut dyn FnMut(Event)) {
        if let Err(error) = self.steps(tell) {
            tell(Event::Failed(error.to_string()));
        }
        tell(Event::End);
    }

    fn steps(&self, tell: &mut dyn FnMut(Event)) -> Result<(), ExtensionError> {
        let mut extensions = self.open(tell)?;
        // The linker's order says nothing.
        extensions.sort_by_key(|extension| extension.name());
        for descriptor in extensions {
            let described = Described::of(descriptor);
            let name = described.name.clone();
            tell(Event::Extension(described));
            if self.depth == Depth::Open {
                continue;
            }
            let life = Life {
                descriptor,
                config: ExtensionConfig {
                    required: false,
                    settings: self.settings.clone(),
                    ..ExtensionConfig::new(name)
                },
            };
            // One that fails is no reason to leave out the others.
            if let Err(error) = life.live(self.depth, tell) {
                tell(Event::Failed(error.to_string()));
            }
        }
        Ok(())
    }

    /// The extensions that are meant.
    fn open(&self, tell: &mut dyn FnMut(Event)) -> Result<Vec<abi::DescriptorRef>, ExtensionError> {
        let name = self.name();
        let Some(file) = &self.file else {
            tell(Event::Begin(Step::Select));
            let found = linked(&name).ok_or_else(|| ExtensionError::Select {
                name,
                file: "this host".into(),
                found: Vec::new(),
            })?;
            tell(Event::Opened {
                api_version: abi::API_VERSION.to_owned(),
            });
            return Ok(vec![found]);
        };
        let Library {
            api_version,
            extensions,
        } = library::load(&name, file, &mut |step| tell(Event::Begin(step)))?;
        tell(Event::Opened { api_version });
        tell(Event::Begin(Step::Select));
        match &self.name {
            None if !extensions.is_empty() => Ok(extensions),
            _ => library::select(&name, file, &extensions).map(|found| vec![found]),
        }
    }
}

/// One extension on its way from its settings to its end.
struct Life {
    descriptor: abi::DescriptorRef,
    config: ExtensionConfig,
}

impl Life {
    fn live(&self, depth: Depth, tell: &mut dyn FnMut(Event)) -> Result<(), ExtensionError> {
        let name = &self.config.name;
        let settings = serde_json::Value::Object(self.config.settings.clone()).to_string();
        tell(Event::Begin(Step::Configure));
        // SAFETY: the string is borrowed for the call.
        let checked = unsafe { (self.descriptor.configure())(RStr::from_str(&settings)) };
        checked.into_result().map_err(|error| ExtensionError::Configure {
            name: name.clone(),
            reason: error.message.to_string(),
        })?;
        if depth == Depth::Configure {
            return Ok(());
        }
        tell(Event::Begin(Step::Init));
        let invocation = invocation();
        let function = &**invocation.function();
        let of_function = (self.descriptor.scope() == abi::SCOPE_FUNCTION).then_some(function);
        let metrics = Metrics::default();
        let context = InitContext {
            extension: name,
            app_root: &function.directory,
            worker_index: 0,
            function: of_function,
            metrics: &metrics,
        };
        let instance = Instance::init(
            &name.as_str().into(),
            self.descriptor,
            &Arc::new(Counters::new(&self.config, 0)),
            &settings,
            &context,
        );
        let instance = instance.map_err(|error| {
            ExtensionError::init(
                &self.config,
                of_function.map(|function| function.name.as_str()),
                &error,
            )
        })?;
        self.hooks(&instance, &invocation, tell);
        tell(Event::Begin(Step::Drop));
        drop(instance);
        Ok(())
    }

    /// Calls each hook that there is once. As in a worker, one that fails keeps no other from its turn.
    fn hooks(&self, instance: &Instance, invocation: &Arc<Invocation>, tell: &mut dyn FnMut(Event)) {
        if instance.has(abi::HOOK_POST_FUNCTION_LOAD) {
            tell(Event::Begin(Step::PostFunctionLoad));
            let function = raw_function(invocation.function());
            // SAFETY: the instance is alive, and the function is borrowed for the call.
            let result = unsafe { (self.descriptor.post_function_load())(instance.this, function) };
            self.judge(Step::PostFunctionLoad, result, tell);
        }
        if instance.has(abi::HOOK_PRE_INVOCATION) {
            self.call(instance, invocation, tell);
        }
        if let Some(flush) = self.descriptor.flush()
            && instance.has(abi::HOOK_FLUSH)
        {
            tell(Event::Begin(Step::Flush));
            // SAFETY: the instance is alive.
            let result = unsafe { flush(instance.this, SHUTDOWN_MS) };
            self.judge(Step::Flush, result, tell);
        }
        if instance.has(abi::HOOK_SHUTDOWN) {
            tell(Event::Begin(Step::Shutdown));
            // SAFETY: the instance is alive, and no other hook of it runs.
            let result = unsafe { (self.descriptor.shutdown())(instance.this, SHUTDOWN_MS) };
            self.judge(Step::Shutdown, result, tell);
        }
    }

    /// The hooks around the one call.
    fn call(&self, instance: &Instance, invocation: &Arc<Invocation>, tell: &mut dyn FnMut(Event)) {
        tell(Event::Begin(Step::PreInvocation));
        let raw = raw_invocation(invocation);
        let mut state = abi::StateSlot::EMPTY;
        let (mut result, future) = waiting::during(invocation, || {
            // SAFETY: the instance is alive, the invocation is borrowed, and the slot is empty and ours.
            unsafe { (self.descriptor.pre_invocation())(instance.this, raw, &raw mut state) }
        });
        if let Some(waited) = waited(future) {
            combine(&mut result, &mut state, waited);
        }
        match result {
            abi::PreResult::Continue => {}
            abi::PreResult::Respond(response) => {
                return tell(Event::Note(format!("answered the call with {}", response.status)));
            }
            abi::PreResult::Fail(error) => {
                return tell(Event::Note(format!("refused the call: {}", error.message)));
            }
            abi::PreResult::Error(error) => {
                return self.judge(Step::PreInvocation, abi::HookResult::Error(error), tell);
            }
        }
        if !instance.has(abi::HOOK_POST_INVOCATION) {
            return;
        }
        tell(Event::Begin(Step::PostInvocation));
        let mut result = CallResult::new(Outcome::returned(Data::String("Hello".to_owned())));
        let mut ended = EndedCall::new(invocation, &mut result);
        let outcome = raw_outcome(&mut ended);
        let (result, future) = waiting::during(invocation, || {
            // SAFETY: the instance is alive, both contexts are borrowed, and the slot is the one that the pre hook
            // filled.
            unsafe { (self.descriptor.post_invocation())(instance.this, raw, outcome, &raw mut state) }
        });
        self.judge(Step::PostInvocation, result, tell);
        if let Some(abi::PreResult::Error(error)) = waited(future).map(|waited| waited.result) {
            self.judge(Step::PostInvocation, abi::HookResult::Error(error), tell);
        }
    }

    fn judge(&self, hook: Step, result: abi::HookResult, tell: &mut dyn FnMut(Event)) {
        if let abi::HookResult::Error(error) = result {
            let failed = ExtensionError::Hook {
                name: self.config.name.clone(),
                hook: hook.to_string(),
                reason: error.message.to_string(),
            };
            tell(Event::Failed(failed.to_string()));
        }
    }
}

/// What the future of a hook that waits comes to.
fn waited(future: Option<FfiFuture<abi::Waited>>) -> Option<abi::Waited> {
    let future = future?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    // Without an event loop nothing can be waited for, and the state is as if nothing had.
    runtime.ok().map(|runtime| runtime.block_on(future))
}

/// A call as an HTTP trigger makes it: `GET /api/check?name=Funcdock`.
fn invocation() -> Arc<Invocation> {
    let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let function = FunctionInfo {
        name: "check".to_owned(),
        directory: here.to_string_lossy().into_owned(),
        trigger: "httpTrigger".to_owned(),
        trigger_name: "req".to_owned(),
        route: Some("api/check".to_owned()),
        http_output: None,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "localhost:7071"),
        ("user-agent", "funcdock"),
        ("accept", "*/*"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let request = HttpRequest {
        method: Method::GET,
        uri: Uri::from_static("/api/check?name=Funcdock"),
        version: Version::HTTP_11,
        headers,
        body: Body::default(),
        route_params: SmallVec::new(),
        client: "127.0.0.1:50000".into(),
    };
    let start = Start {
        inputs: Inputs::of_trigger(Data::Request(Box::new(request))),
        http_reply: Some(&Hello),
        ..Start::default()
    };
    Invocation::new(Arc::new(function), start)
}

/// The response to the call: `200` with the text that the function returned.
struct Hello;

impl HttpReply for Hello {
    fn status(&self, _function: &FunctionInfo, _outcome: &Outcome) -> StatusCode {
        StatusCode::OK
    }

    fn response(&self, _function: &FunctionInfo, _outcome: &Outcome) -> HttpResponse {
        HttpResponse {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: "Hello".into(),
        }
    }
}
