//! Tries out an extension, step by step and without an app: opens it, checks its settings, makes an instance, calls each
//! hook once, and ends it.
//!
//! A library that is broken may end the process that opens it, or never return. So this reports each step before it
//! takes it. Run it in a process of its own, as `cli::extension::child` does.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use abi_stable::std_types::RBox;
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{
    Hook, HookCall, Instance, LoadedExtension, PreDecision, Returned, Scope, State, post_decision,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use super::error::ExtensionError;
use super::finding::{self, Library};
use super::metrics::Metrics;
use super::step::{Described, Event, Step};
use super::tables::{self, EndedCall, InitContext};
use crate::app::ExtensionConfig;
use crate::model::{CallResult, Invocation, StreamEnd, StreamEndKind};

mod call;

/// What an extension gets to flush, and to shut down.
const DEADLINE: Duration = Duration::from_secs(1);

/// What to try out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Check {
    /// The library; `None` for an extension that is linked into this host.
    pub file: Option<PathBuf>,
    /// The name of one extension; `None` for all in the library. Required for a linked extension.
    pub name: Option<String>,
    /// The digest that the library must have, in lower-case hex.
    pub sha256: Option<String>,
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
    /// Also check the settings, as a worker does before it runs any Python code.
    Configure,
    /// Also make an instance, and call all of its hooks.
    Run,
}

/// Returns a name for an extension of which only the file is known.
fn name_of_file(file: &Path) -> String {
    finding::name_of_file(file).unwrap_or_else(|| {
        let stem = file.file_stem().unwrap_or(file.as_os_str());
        stem.to_string_lossy().into_owned()
    })
}

impl Check {
    /// Returns the name of the extension, or one made from its file if that is all that is known.
    pub fn name(&self) -> String {
        match (&self.name, &self.file) {
            (Some(name), _) => name.clone(),
            (None, Some(file)) => name_of_file(file),
            (None, None) => String::new(),
        }
    }

    /// Tries it out, and reports each step. Runs code of the library in this process and on this thread.
    pub fn run(&self, report: &mut dyn FnMut(Event)) {
        if let Err(error) = self.steps(report) {
            report(Event::Failed(error.to_string()));
        }
        report(Event::End);
    }

    fn steps(&self, report: &mut dyn FnMut(Event)) -> Result<(), ExtensionError> {
        let mut extensions = self.open(report)?;
        // The linker's order has no meaning.
        extensions.sort_by_key(|extension| extension.name());
        for extension in extensions {
            let described = Described::of(&extension);
            let name = described.name.clone();
            report(Event::Extension(described));
            if self.depth == Depth::Open {
                continue;
            }
            let life = Life {
                extension,
                config: ExtensionConfig {
                    required: Some(false),
                    settings: self.settings.clone(),
                    ..ExtensionConfig::new(name)
                },
            };
            // The others are tried out even if one fails.
            if let Err(error) = life.live(self.depth, report) {
                report(Event::Failed(error.to_string()));
            }
        }
        Ok(())
    }

    /// Opens the extensions to try out.
    fn open(&self, report: &mut dyn FnMut(Event)) -> Result<Vec<LoadedExtension>, ExtensionError> {
        let name = self.name();
        let Some(file) = &self.file else {
            report(Event::Begin(Step::Select));
            let found =
                finding::linked(&name, self.sha256.as_deref())?.ok_or_else(|| ExtensionError::Select {
                    name,
                    file: "this host".into(),
                    found: Vec::new(),
                })?;
            report(Event::Opened {
                api_version: abi::VERSION.to_owned(),
            });
            return Ok(vec![found]);
        };
        let Library {
            api_version,
            extensions,
        } = finding::load(&name, file, self.sha256.as_deref(), &mut |step| {
            report(Event::Begin(step))
        })?;
        report(Event::Opened { api_version });
        report(Event::Begin(Step::Select));
        match &self.name {
            None if !extensions.is_empty() => Ok(extensions),
            _ => finding::select(&name, file, &extensions).map(|found| vec![found]),
        }
    }
}

/// One extension on its way from its settings to its end.
struct Life {
    extension: LoadedExtension,
    config: ExtensionConfig,
}

impl Life {
    fn live(&self, depth: Depth, report: &mut dyn FnMut(Event)) -> Result<(), ExtensionError> {
        let name = &self.config.name;
        let settings = serde_json::Value::Object(self.config.settings.clone()).to_string();
        report(Event::Begin(Step::Configure));
        let checked = self.extension.configure(&settings);
        checked.map_err(|error| ExtensionError::Configure {
            name: name.clone(),
            place: None,
            reason: error.message.to_string(),
        })?;
        if depth == Depth::Configure {
            return Ok(());
        }
        report(Event::Begin(Step::Init));
        let invocation = call::invocation();
        let function = &**invocation.function();
        let of_function = (self.extension.scope() == Scope::Function).then_some(function);
        let metrics = Metrics::default();
        let context = InitContext {
            extension: name,
            app_root: &function.directory,
            worker_index: 0,
            worker_count: 1,
            function: of_function,
            metrics: &metrics,
        };
        let instance = self.extension.init(&settings, context.raw()).map_err(|error| {
            let function = of_function.map(|function| function.name.as_str());
            ExtensionError::init(&self.config, function, &error)
        })?;
        self.hooks(&instance, &invocation, report);
        report(Event::Begin(Step::Drop));
        drop(instance);
        Ok(())
    }

    /// Calls each hook once. As in a worker, the others are called even if one fails.
    fn hooks(&self, instance: &Instance, invocation: &Arc<Invocation>, report: &mut dyn FnMut(Event)) {
        let function = || tables::function(invocation.function());
        self.hook(Hook::PostFunctionLoad, Step::PostFunctionLoad, report, || {
            instance.post_function_load(function())
        });
        if self.extension.has(Hook::PreInvocation) {
            self.call(instance, invocation, report);
        }
        self.hook(Hook::Flush, Step::Flush, report, || instance.flush(DEADLINE));
        self.hook(Hook::Shutdown, Step::Shutdown, report, || {
            instance.shutdown(DEADLINE)
        });
    }

    /// Calls a hook, if the extension has it.
    fn hook(
        &self,
        hook: Hook,
        step: Step,
        report: &mut dyn FnMut(Event),
        call: impl FnOnce() -> Result<(), abi::Error>,
    ) {
        if self.extension.has(hook) {
            report(Event::Begin(step));
            if let Err(error) = call() {
                self.failed(step, &error, report);
            }
        }
    }

    /// Calls the hooks around the one call.
    fn call(&self, instance: &Instance, invocation: &Arc<Invocation>, report: &mut dyn FnMut(Event)) {
        report(Event::Begin(Step::PreInvocation));
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                return report(Event::Failed(format!(
                    "there is no event loop to call it on: {error}"
                )));
            }
        };
        let raw = tables::invocation(invocation);
        let mut state = State::NONE;
        let returned = wait(&runtime, &mut state, |state, context| {
            instance.pre_invocation(raw, state, context)
        });
        match PreDecision::new(returned, &mut state, false) {
            PreDecision::Continue => {}
            PreDecision::Respond(response) => {
                let status = RBox::into_inner(response).status;
                return report(Event::Note(format!("answered the call with {status}")));
            }
            PreDecision::Refuse(refusal) => {
                return report(Event::Note(format!("refused the call: {}", refusal.message)));
            }
            PreDecision::Failed(failure) => return self.failed(Step::PreInvocation, &failure.error, report),
        }
        let is_streamed = self.extension.has(Hook::StreamEnded);
        let mut result = CallResult::new(call::outcome(is_streamed));
        if self.extension.has(Hook::PostInvocation) {
            report(Event::Begin(Step::PostInvocation));
            let mut ended = EndedCall::new(invocation, &mut result);
            let outcome = tables::outcome(&mut ended);
            let returned = wait(&runtime, &mut state, |state, context| {
                instance.post_invocation(raw, outcome, state, is_streamed, context)
            });
            if let Err(failure) = post_decision(returned, false) {
                self.failed(Step::PostInvocation, &failure.error, report);
            }
        }
        self.hook(Hook::StreamEnded, Step::StreamEnded, report, || {
            let end = match result.stream(invocation) {
                Some(_) => StreamEnd {
                    kind: StreamEndKind::Complete,
                    bytes: call::HELLO.len() as u64,
                },
                None => StreamEnd {
                    kind: StreamEndKind::Replaced,
                    bytes: 0,
                },
            };
            instance.stream_ended(raw, tables::stream_end(&end), &mut state)
        });
    }

    fn failed(&self, hook: Step, error: &abi::Error, report: &mut dyn FnMut(Event)) {
        let failed = ExtensionError::Hook {
            name: self.config.name.clone(),
            hook: hook.to_string(),
            reason: error.message.to_string(),
        };
        report(Event::Failed(failed.to_string()));
    }
}

/// Calls a hook, and waits for its future.
fn wait(
    runtime: &Runtime,
    state: &mut State,
    hook: impl FnOnce(&mut State, &mut Context<'_>) -> HookCall,
) -> Returned {
    let mut hook = Some(hook);
    runtime.block_on(async {
        let called = poll_fn(|context| match hook.take() {
            Some(hook) => Poll::Ready(hook(state, context)),
            // A hook is not polled again once it was ready.
            None => Poll::Pending,
        });
        match called.await {
            HookCall::Returned(returned) => returned,
            HookCall::Waiting(mut waiting) => poll_fn(|context| waiting.poll(state, context)).await,
        }
    })
}
