//! One call of a function: its data, how it ends, and the pipeline that takes it from a trigger through the
//! hooks into the runner and back.

mod completion;
mod completions;
mod datum;
mod ending;
mod function;
mod outcome;
mod pipeline;
mod trace;
mod trace_contexts;
mod waiting;

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use abi_stable::std_types::{RString, Tuple2};
use async_ffi::FfiFuture;
use smallvec::SmallVec;
use uuid::Uuid;

pub use completions::Completions;
pub use datum::{Datum, HttpRequest, HttpResponse};
pub use ending::Ending;
pub use function::FunctionInfo;
pub use outcome::{Exception, Outcome};
pub use pipeline::{LoadedFunction, Pipeline};
pub use trace::TraceIds;

use completion::Completion;
use funcdock_extension_api::abi;
pub use trace_contexts::TraceContext;
use trace_contexts::TraceContexts;
use waiting::WaitSlot;

/// One call of a function.
///
/// Shared between the task that serves the trigger and the runner's threads. What hooks and the runner
/// change of it (attributes, trace context) lies behind locks that nobody holds across a call.
pub struct Invocation {
    id: Uuid,
    id_text: OnceLock<[u8; uuid::fmt::Hyphenated::LENGTH]>,
    function: Arc<LoadedFunction>,
    request: Option<HttpRequest>,
    attributes: Mutex<Attributes>,
    /// What `set_trace_context` was given; before that, what several header fields say together.
    trace_contexts: TraceContexts,
    /// What the hook that was called last waits for.
    waiting: WaitSlot,
    /// Whether a hook wants to know `allocated_blocks`.
    counts_allocations: AtomicBool,
    /// Blocks of the language's memory before and after the function.
    allocated_blocks: OnceLock<(u64, u64)>,
    completion: Completion,
}

/// By name. Mostly there is none, or one.
type Attributes = SmallVec<[(Box<str>, Attribute); 1]>;

/// An attribute that an extension set on the invocation, for the language's `context` object. Cheap to clone.
#[derive(Clone)]
pub enum Attribute {
    /// A plain value: neither a collection nor an object.
    Value(Arc<abi::Value>),
    /// An object with methods.
    Object(Arc<abi::Object>),
    /// A list.
    List(Arc<[Attribute]>),
    /// A map, in insertion order.
    Map(Arc<[(Box<str>, Attribute)]>),
}

impl From<abi::Value> for Attribute {
    fn from(value: abi::Value) -> Self {
        match value {
            abi::Value::Object(object) => Attribute::Object(Arc::new(object)),
            abi::Value::List(values) => Attribute::List(values.into_iter().map(Attribute::from).collect()),
            abi::Value::Map(entries) => {
                let entry = |Tuple2(key, value): Tuple2<RString, abi::Value>| {
                    (key.as_str().into(), Attribute::from(value))
                };
                Attribute::Map(entries.into_iter().map(entry).collect())
            }
            value => Attribute::Value(Arc::new(value)),
        }
    }
}

impl Invocation {
    /// A new call of `function`, with a random id. Always in an `Arc`: extensions may keep it.
    pub fn new(function: Arc<LoadedFunction>, request: Option<HttpRequest>) -> Arc<Self> {
        Arc::new(Invocation {
            id: Uuid::new_v4(),
            id_text: OnceLock::new(),
            function,
            request,
            attributes: Mutex::default(),
            trace_contexts: TraceContexts::default(),
            waiting: WaitSlot::default(),
            counts_allocations: AtomicBool::new(false),
            allocated_blocks: OnceLock::new(),
            completion: Completion::default(),
        })
    }

    /// The invocation's id, a hyphenated UUID.
    pub fn id(&self) -> &str {
        let text = self.id_text.get_or_init(|| {
            let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
            self.id.hyphenated().encode_lower(&mut buffer);
            buffer
        });
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// The same, as it is kept.
    pub fn uuid(&self) -> Uuid {
        self.id
    }

    /// The function that is called.
    pub fn function(&self) -> &LoadedFunction {
        &self.function
    }

    /// The same, for those that outlive the call.
    pub fn shared_function(&self) -> &Arc<LoadedFunction> {
        &self.function
    }

    /// The HTTP request that triggered it.
    pub fn request(&self) -> Option<&HttpRequest> {
        self.request.as_ref()
    }

    /// `traceparent` and `tracestate` that the function sees: what an extension set, else what the caller
    /// sent, as [`HttpRequest::trace_context`] reads it.
    pub fn trace_context(&self) -> (&str, &str) {
        if let Some(context) = self.trace_contexts.get() {
            return context.headers();
        }
        match self.request.as_ref().map(HttpRequest::trace_context) {
            None => ("", ""),
            Some((traceparent, Cow::Borrowed(tracestate))) => (traceparent, tracestate),
            Some((traceparent, Cow::Owned(tracestate))) => {
                self.trace_contexts
                    .set(TraceContext::new(traceparent, &tracestate));
                self.trace_contexts.get().map_or(("", ""), TraceContext::headers)
            }
        }
    }

    /// The trace and the span that records of the call belong to.
    pub fn trace_ids(&self) -> TraceIds {
        TraceIds::parse(self.trace_context().0)
    }

    /// Replaces the trace context that the function sees.
    pub fn set_trace_context(&self, context: TraceContext) {
        self.trace_contexts.set(context);
    }

    /// Sets an attribute for the language's `context` object, replacing one of that name.
    pub fn set_attribute(&self, name: &str, value: impl Into<Attribute>) {
        let mut attributes = lock(&self.attributes);
        let value = value.into();
        let replaced = match attributes.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, slot)) => Some(std::mem::replace(slot, value)),
            None => {
                attributes.push((name.into(), value));
                None
            }
        };
        // An extension's destructor must not run under our lock.
        drop(attributes);
        drop(replaced);
    }

    /// The attribute of this name: as it was set, else as an extension makes it now. It may run code of an extension.
    pub fn attribute(self: &Arc<Self>, name: &str) -> Option<Attribute> {
        let known = |attributes: &Attributes| {
            let found = attributes.iter().find(|(known, _)| **known == *name);
            found.map(|(_, value)| value.clone())
        };
        if let Some(set) = known(&lock(&self.attributes)) {
            return Some(set);
        }
        let made = self.function.chain.attribute(self, name)?;
        let mut attributes = lock(&self.attributes);
        // Another thread may have been faster: one object for all.
        Some(known(&attributes).unwrap_or_else(|| {
            attributes.push((name.into(), made.clone()));
            made
        }))
    }

    /// The names of all attributes that there are or can be.
    pub fn attribute_names(&self) -> Vec<String> {
        let attributes = lock(&self.attributes);
        let mut names: Vec<String> = attributes.iter().map(|(name, _)| name.to_string()).collect();
        for name in self.function.chain.attribute_names() {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The runner is to count allocated blocks around the function.
    pub(crate) fn count_allocations(&self) {
        self.counts_allocations.store(true, Ordering::Relaxed);
    }

    /// Whether the runner is to count allocated blocks around the function: known once the pre hooks have run.
    pub fn counts_allocations(&self) -> bool {
        self.counts_allocations.load(Ordering::Relaxed)
    }

    /// How many blocks of memory the language's allocator had given out before and after the function. The runner
    /// says so, where it [is to](Self::counts_allocations).
    pub fn set_allocated_blocks(&self, before: u64, after: u64) {
        // Whoever ran the function says so once.
        let _ = self.allocated_blocks.set((before, after));
    }

    /// The hook that is running waits for this; `false` where it waits already.
    pub(crate) fn wait_for(&self, future: FfiFuture<abi::Waited>) -> bool {
        self.waiting.fill(future)
    }

    /// What the hook that has just returned waits for. For the one task that drives the call.
    #[inline]
    pub(crate) fn take_waiting(&self) -> Option<FfiFuture<abi::Waited>> {
        self.waiting.take()
    }

    /// Whether nobody waits for an outcome any more: the call timed out, or was given up. A runner that has not
    /// begun with it need not.
    pub fn is_over(&self) -> bool {
        self.completion.is_over()
    }

    /// Nobody will wait for an outcome any more.
    fn abandon(&self) {
        self.completion.abandon();
    }

    /// The call ended like this; see [`Completions::push`].
    fn complete(&self, outcome: Outcome) {
        self.completion.complete(outcome);
    }

    /// Waits for the end of the call. One task waits for one invocation.
    fn completed(&self) -> impl Future<Output = Outcome> {
        self.completion.wait()
    }
}

/// None of our critical sections can panic half-way, so a poisoned lock still holds sound data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
