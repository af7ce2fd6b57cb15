//! A call of a function, from its pre hook to its post hook.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use abi_stable::std_types::{RBox, Tuple2};

use super::object::TestObject;
use super::request::Request;
use super::state::{self, Call, End, lock};
use super::{TestHost, call_tables, wait};
use crate::{Error, Response, Value, abi};

/// What a pre hook decided.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decision {
    /// The function is called.
    Continued,
    /// It answered.
    Responded(Response),
    /// It refused the call.
    Refused(Error),
    /// It failed or panicked: the call goes on without its post hook, unless the hook is `STRICT`.
    Failed(Error),
}

/// A call whose pre hook has run. It ends by one of the methods that take it.
pub struct TestCall<'h> {
    host: &'h TestHost,
    call: Arc<Call>,
    decision: Decision,
    state: abi::StateSlot,
}

/// A call that has ended.
pub struct Ended {
    call: Arc<Call>,
    response: Option<Response>,
    error: Option<Error>,
}

impl<'h> TestCall<'h> {
    pub(super) fn begin(host: &'h TestHost, request: Option<Request>) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let call = Arc::new(Call {
            id: format!("00000000-0000-4000-8000-{number:012x}"),
            function: Arc::clone(&host.function),
            request,
            trace_contexts: Mutex::default(),
            attributes: Mutex::default(),
            waiting: Mutex::default(),
            counts_allocations: AtomicBool::new(false),
            state: Arc::clone(&host.state),
        });
        let mut begun = TestCall {
            host,
            call,
            decision: Decision::Continued,
            state: abi::StateSlot::EMPTY,
        };
        if host.has(abi::HOOK_PRE_INVOCATION) {
            let result = begun.pre_invocation();
            begun.decision = match result {
                abi::PreResult::Continue => Decision::Continued,
                abi::PreResult::Respond(response) => {
                    Decision::Responded(from_abi(RBox::into_inner(response)))
                }
                abi::PreResult::Fail(error) => Decision::Refused(Error::from_abi(RBox::into_inner(error))),
                abi::PreResult::Error(error) => Decision::Failed(Error::from_abi(RBox::into_inner(error))),
            };
        }
        begun
    }

    fn pre_invocation(&mut self) -> abi::PreResult {
        let host = self.host;
        let slot = &raw mut self.state;
        let result = state::within(&host.state, || {
            // SAFETY: the instance and the call are alive, and the slot is empty and ours.
            unsafe {
                (host.descriptor.pre_invocation())(host.instance, call_tables::invocation(&self.call), slot)
            }
        });
        match self.waited() {
            None => result,
            Some(waited) => {
                // A future that is only waited for leaves the hook's own state as it is.
                if waited.state.drop.is_some() {
                    self.state = waited.state;
                }
                waited.result
            }
        }
    }

    /// What the hook that has just returned waits for.
    fn waited(&self) -> Option<abi::Waited> {
        let future = lock(&self.call.waiting).take()?;
        let late = || abi::Waited {
            result: abi::PreResult::Error(RBox::new(abi::Error {
                kind: abi::ERROR_RUNTIME,
                message: "what it waits for did not come within ten seconds".into(),
            })),
            state: abi::StateSlot::EMPTY,
        };
        Some(state::within(&self.host.state, || wait::block_on(future)).unwrap_or_else(late))
    }

    /// What the pre hook decided.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// A plain attribute of `context` that the extension set.
    pub fn attribute(&self, name: &str) -> Option<Value> {
        attribute(&self.call, name)
    }

    /// An object on `context` that the extension set.
    pub fn object(&self, name: &str) -> Option<TestObject> {
        let attributes = lock(&self.call.attributes);
        let (_, value) = attributes.iter().find(|(known, _)| known == name)?;
        TestObject::new(Arc::clone(value))
    }

    /// `traceparent` and `tracestate` that the function sees.
    pub fn trace_context(&self) -> (String, String) {
        let (traceparent, tracestate) = self.call.trace_context();
        (traceparent.to_owned(), tracestate.to_owned())
    }

    /// The function returns this response; runs the post hook. As with all ways to end a call: one that the pre hook
    /// answered or refused ends by that instead.
    pub fn returns(self, response: Response) -> Ended {
        let returned = (abi::DATA_HTTP, response.body.clone());
        self.end(abi::OUTCOME_RETURNED, Some(response), Some(returned), None, None)
    }

    /// The function returns this text.
    pub fn returns_text(self, text: &str) -> Ended {
        let response = Response::new(200)
            .header("content-type", "text/plain; charset=utf-8")
            .body(text);
        let returned = (abi::DATA_TEXT, text.as_bytes().to_vec());
        self.end(abi::OUTCOME_RETURNED, Some(response), Some(returned), None, None)
    }

    /// The function raises an exception of this type.
    pub fn raises(self, type_name: &str, message: &str) -> Ended {
        let traceback = format!("Traceback (most recent call last):\n{type_name}: {message}");
        let exception = [type_name.to_owned(), message.to_owned(), traceback];
        self.end(
            abi::OUTCOME_RAISED,
            Some(Response::new(500)),
            None,
            Some(exception),
            None,
        )
    }

    /// The function takes longer than `functionTimeout`.
    pub fn times_out(self) -> Ended {
        self.end(abi::OUTCOME_TIMED_OUT, Some(Response::new(504)), None, None, None)
    }

    /// The worker stops before the function ends.
    pub fn is_cancelled(self) -> Ended {
        self.end(abi::OUTCOME_CANCELLED, Some(Response::new(503)), None, None, None)
    }

    /// An extension that comes later answers instead of the function.
    pub fn is_answered_by(self, extension: &str, response: Response) -> Ended {
        let extension = Some(extension.to_owned());
        self.end(abi::OUTCOME_ANSWERED, Some(response), None, None, extension)
    }

    fn end(
        mut self,
        kind: u8,
        response: Option<Response>,
        returned: Option<(u8, Vec<u8>)>,
        exception: Option<[String; 3]>,
        extension: Option<String>,
    ) -> Ended {
        // The post hook is that of a pre hook that continued.
        match std::mem::replace(&mut self.decision, Decision::Continued) {
            Decision::Continued => {}
            Decision::Responded(response) => return self.ended(Some(response), None),
            Decision::Refused(_) => return self.ended(Some(Response::new(500)), None),
            Decision::Failed(error) => return self.ended(response, Some(error)),
        }
        let counted = self.call.counts_allocations.load(Ordering::Relaxed);
        let mut end = End {
            kind,
            exception,
            extension,
            returned,
            allocated_blocks: counted.then_some((1000, 1100)),
            response: response.filter(|_| self.call.request.is_some()),
        };
        if !self.host.has(abi::HOOK_POST_INVOCATION) {
            return self.ended(end.response, None);
        }
        let host = self.host;
        let (slot, outcome) = (&raw mut self.state, call_tables::outcome(&mut end));
        let result = state::within(&host.state, || {
            let invocation = call_tables::invocation(&self.call);
            // SAFETY: the instance, the call and its end are alive, and the slot is the one that the pre hook filled.
            unsafe { (host.descriptor.post_invocation())(host.instance, invocation, outcome, slot) }
        });
        let mut error = match result {
            abi::HookResult::Ok => None,
            abi::HookResult::Error(error) => Some(Error::from_abi(RBox::into_inner(error))),
        };
        if let Some(abi::PreResult::Error(late)) = self.waited().map(|waited| waited.result) {
            error = error.or(Some(Error::from_abi(RBox::into_inner(late))));
        }
        self.ended(end.response, error)
    }

    fn ended(self, response: Option<Response>, error: Option<Error>) -> Ended {
        Ended {
            call: self.call,
            response,
            error,
        }
    }
}

impl Ended {
    /// The response that the client would get, as the post hook left it.
    ///
    /// # Panics
    /// Where no HTTP request triggered the call.
    #[track_caller]
    pub fn response(&self) -> &Response {
        match &self.response {
            Some(response) => response,
            None => panic!("no HTTP request triggered this call: it has no response"),
        }
    }

    /// What a hook returned as its error, or its panic.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Panics with the error of a hook, if there is one.
    #[track_caller]
    pub fn assert_no_error(&self) {
        if let Some(error) = &self.error {
            panic!("a hook failed: {error}");
        }
    }

    /// A plain attribute of `context` that the extension set.
    pub fn attribute(&self, name: &str) -> Option<Value> {
        attribute(&self.call, name)
    }

    /// What was logged as of this call.
    pub fn logs(&self) -> Vec<super::LogRecord> {
        let mut logs = self.call.state.logs();
        logs.retain(|record| record.invocation.as_deref() == Some(&self.call.id));
        logs
    }
}

impl Call {
    pub(super) fn trace_context(&self) -> (&str, &str) {
        if let Some(set) = lock(&self.trace_contexts).last() {
            let set: *const (String, String) = &raw const **set;
            // SAFETY: an entry is not moved, and never removed before the call, which `&self` borrows.
            let (traceparent, tracestate) = unsafe { &*set };
            return (traceparent, tracestate);
        }
        let header = |name| {
            self.request
                .as_ref()
                .and_then(|request| request.header_value(name))
                .unwrap_or("")
        };
        (header("traceparent"), header("tracestate"))
    }
}

impl Request {
    pub(super) fn header_value(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

fn attribute(call: &Call, name: &str) -> Option<Value> {
    let attributes = lock(&call.attributes);
    let (_, value) = attributes.iter().find(|(known, _)| known == name)?;
    plain(value)
}

/// A copy of a plain value; `None` for an object.
fn plain(value: &abi::Value) -> Option<Value> {
    Some(match value {
        abi::Value::None => Value::None,
        abi::Value::Bool(value) => Value::Bool(*value),
        abi::Value::Int(value) => Value::Int(*value),
        abi::Value::Float(value) => Value::Float(*value),
        abi::Value::Str(value) => Value::Str(value.to_string()),
        abi::Value::Bytes(value) => Value::Bytes(value.to_vec()),
        abi::Value::List(values) => Value::List(values.iter().filter_map(plain).collect()),
        abi::Value::Map(entries) => Value::Map(
            entries
                .iter()
                .filter_map(|Tuple2(key, value)| Some((key.to_string(), plain(value)?)))
                .collect(),
        ),
        abi::Value::Object(_) => return None,
    })
}

fn from_abi(response: abi::Response) -> Response {
    Response {
        status: response.status,
        headers: response
            .headers
            .into_iter()
            .map(|Tuple2(name, value)| (name.to_ascii_lowercase(), value.into()))
            .collect(),
        body: response.body.into(),
    }
}
