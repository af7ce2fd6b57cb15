//! A call of a function: what the host asks for, and what it gets.

use std::pin::Pin;
use std::sync::Arc;

use bytes::BytesMut;
use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data as Typed;
use funcdock_rpc::messages::{
    InvocationRequest, InvocationResponse, ParameterBinding, RetryContext, StatusResult, TypedData,
};
use http_body_util::BodyExt as _;
use smallvec::SmallVec;

use super::outgoing::{Outgoing, cancellation, failure, refusal, success};
use super::running::{Cancellable, Running};
use super::shared_memory::Maps;
use super::typed_data;
use crate::model::{
    Body, CallResult, Data, Exception, FunctionInfo, HttpResponse, Inputs, Invocation, Outcome, Output,
    RetryContext as Retry, Returned, Start, TraceContext,
};
use crate::pipeline::LoadedFunction;
use crate::triggers::Calls;
use crate::triggers::http::{AnnouncedCall, Caller, Reply, into_response, is_http_trigger};

/// Why a call that still runs gets no further.
const ENDED: &str = "the worker has ended before the function";

/// The binding of a return value.
const RETURN: &str = "$return";

/// A call that the host asks for.
pub(super) struct Asked {
    function: Arc<LoadedFunction>,
    start: Start,
    /// The values of the route's parameters, if the request comes over HTTP.
    route_params: Option<RouteParams>,
    answer: Answer,
    /// How the host cancels it; `None` if nothing can.
    cancellable: Option<Cancellable>,
}

/// The values of a route's parameters, by their names.
type RouteParams = SmallVec<[(String, String); 2]>;

impl Asked {
    /// Reads a request for a call of this function. The data of maps stays there. `passes_on` says whether the host passes HTTP
    /// requests on: it then leaves them out here.
    ///
    /// # Errors
    /// A message: why its data cannot be read.
    pub(super) fn read(
        function: Arc<LoadedFunction>,
        request: InvocationRequest,
        request_id: String,
        outgoing: &Outgoing,
        maps: &Maps,
        passes_on: bool,
    ) -> Result<Self, String> {
        let info = &function.info;
        let is_http = is_http_trigger(&info.trigger);
        let mut inputs = Inputs::default();
        let mut route_params = (passes_on && is_http).then(RouteParams::new);
        for mut binding in request.input_data {
            let is_trigger = binding.name == info.trigger_name;
            if is_trigger && let Some(params) = &mut route_params {
                match left_out(binding.rpc_data.as_mut()) {
                    Some(left) => {
                        *params = left;
                        continue;
                    }
                    None => route_params = None,
                }
            }
            let data = match binding.rpc_data {
                Some(RpcData::Data(data)) => typed_data::from_host(data),
                Some(RpcData::RpcSharedMemory(map)) => {
                    let read = maps.read(&map);
                    read.map_err(|error| format!("the input {:?}: {error}", binding.name))?
                }
                None => Data::None,
            };
            match is_trigger {
                true => inputs.trigger = data,
                false => inputs.others.push((binding.name, data)),
            }
        }
        let metadata = request.trigger_metadata.into_iter();
        let trace = request.trace_context.unwrap_or_default();
        let start = Start {
            id: Some(request.invocation_id.as_str().into()),
            inputs,
            metadata: metadata
                .map(|(name, data)| (name, typed_data::from_host(data)))
                .collect(),
            // Without it, the caller's counts.
            trace: (!trace.trace_parent.is_empty())
                .then(|| TraceContext::new(&trace.trace_parent, &trace.trace_state)),
            trace_attributes: trace.attributes.into_iter().collect(),
            retry: request.retry_context.map(retry).unwrap_or_default(),
            http_reply: is_http.then_some(&Reply),
            departure: None,
        };
        Ok(Asked {
            function,
            start,
            answer: Answer {
                invocation_id: request.invocation_id,
                request_id,
                outgoing: Some(outgoing.clone()),
                maps: maps.clone(),
                is_of_request: route_params.is_some(),
            },
            route_params,
            cancellable: None,
        })
    }

    /// Returns the id of the call.
    pub(super) fn id(&self) -> &str {
        &self.answer.invocation_id
    }

    /// Lets the host cancel the call.
    pub(super) fn cancellable(self, running: &Running) -> Self {
        Asked {
            cancellable: Some(running.add(self.answer.invocation_id.clone())),
            ..self
        }
    }

    /// Whether the request comes over HTTP.
    pub(super) fn awaits_request(&self) -> bool {
        self.route_params.is_some()
    }

    /// Returns the call, for the request that has come.
    pub(super) fn announced(self) -> AnnouncedCall {
        AnnouncedCall {
            function: self.function,
            route_params: self.route_params.unwrap_or_default(),
            start: self.start,
            caller: Box::new(self.answer),
        }
    }

    /// Answers that the call is not made, for this reason.
    pub(super) fn refuse(self, reason: &str) {
        self.answer.send(InvocationResponse {
            result: Some(refusal(reason)),
            ..InvocationResponse::default()
        });
    }
}

/// Returns the parameters of the route if the request itself is left out.
fn left_out(data: Option<&mut RpcData>) -> Option<RouteParams> {
    let Some(RpcData::Data(TypedData { data })) = data else {
        return data.is_none().then(RouteParams::new);
    };
    match data {
        None => Some(RouteParams::new()),
        Some(Typed::Http(http)) if http.method.is_empty() && http.url.is_empty() => {
            Some(std::mem::take(&mut http.params).into_iter().collect())
        }
        Some(_) => None,
    }
}

/// The host's wait for the end of a call: it is answered once, and told so if the call is dropped.
struct Answer {
    invocation_id: String,
    request_id: String,
    /// `None` when it was answered.
    outgoing: Option<Outgoing>,
    maps: Maps,
    /// Whether an HTTP request comes with the call.
    is_of_request: bool,
}

impl Answer {
    fn send(mut self, response: InvocationResponse) {
        self.send_once(response);
    }

    /// Answers with what the call came to.
    fn end(self, response: Result<InvocationResponse, StatusResult>) {
        self.send(response.unwrap_or_else(|status| InvocationResponse {
            result: Some(status),
            ..InvocationResponse::default()
        }));
    }

    fn send_once(&mut self, response: InvocationResponse) {
        if let Some(outgoing) = self.outgoing.take() {
            let response = InvocationResponse {
                invocation_id: std::mem::take(&mut self.invocation_id),
                ..response
            };
            outgoing.send(&self.request_id, Content::InvocationResponse(response));
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.send_once(InvocationResponse {
            result: Some(match self.is_of_request {
                true => refusal("the call is given up: its HTTP request cannot be read, or the worker ends"),
                false => failure(&cancelled(ENDED)),
            }),
            ..InvocationResponse::default()
        });
    }
}

impl Caller for Answer {
    fn ended<'a>(
        self: Box<Self>,
        invocation: &'a Invocation,
        result: &'a CallResult,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let response = of_passed_on(invocation.function(), result, &self.maps).await;
            self.end(response.map_err(|exception| failure(&exception)));
        })
    }
}

fn retry(context: RetryContext) -> Retry {
    Retry {
        count: context.retry_count.try_into().unwrap_or_default(),
        // -1 has no limit.
        max: context.max_retry_count.try_into().unwrap_or(Retry::UNLIMITED),
        exception: context.exception.map(|exception| {
            Box::new(Exception {
                type_name: exception.source,
                message: exception.message,
                traceback: exception.stack_trace,
            })
        }),
    }
}

/// Makes a call, and answers the host.
pub(super) async fn make(asked: Asked, calls: &Calls) {
    let Asked {
        function,
        start,
        answer,
        cancellable,
        ..
    } = asked;
    let called = Arc::clone(&function);
    let (invocation, result) = match &cancellable {
        None => calls.call(called, start, ()).await,
        Some(cancellable) => calls.call_until(called, start, (), cancellable.cancelled()).await,
    };
    let by_host = cancellable.is_some_and(|cancellable| cancellable.is_cancelled());
    let is_cancelled = by_host && matches!(result.outcome(), Outcome::Cancelled);
    let response = match invocation.http_reply().is_some() {
        true => of_http(&function, result, &answer.maps).await,
        false => of_any(result, &answer.maps).await,
    };
    answer.end(response.map_err(|exception| match is_cancelled {
        true => cancellation(&cancelled("the host has cancelled the call")),
        false => failure(&exception),
    }));
}

/// Returns the response to a call whose trigger is not HTTP.
async fn of_any(result: CallResult, maps: &Maps) -> Result<InvocationResponse, Box<Exception>> {
    let returned = returned(result.into_parts().0)?;
    Ok(InvocationResponse {
        output_data: outputs(returned.outputs, maps).await?,
        return_value: typed_data::to_host(returned.value),
        result: Some(success()),
        ..InvocationResponse::default()
    })
}

/// Returns the response to a call that a request has triggered.
async fn of_http(
    function: &LoadedFunction,
    result: CallResult,
    maps: &Maps,
) -> Result<InvocationResponse, Box<Exception>> {
    let info = &function.info;
    let (mut others, mut value) = beside_response(info, result.outcome())?;
    let response = whole(into_response(info, result)).await?;
    let data = Data::Response(Box::new(response));
    // Where the host looks for it: in the binding that makes the response.
    let has_return = function
        .definition
        .bindings
        .iter()
        .any(|binding| binding.name == RETURN);
    match info.http_outputs.first() {
        Some(name) if !has_return || !info.returns_response => others.push(Output {
            name: name.as_str().into(),
            data,
        }),
        _ => value = data,
    }
    Ok(InvocationResponse {
        output_data: outputs(others, maps).await?,
        return_value: typed_data::to_host(value),
        result: Some(success()),
        ..InvocationResponse::default()
    })
}

/// Returns the response to a call whose HTTP response goes to the host over HTTP.
async fn of_passed_on(
    info: &FunctionInfo,
    result: &CallResult,
    maps: &Maps,
) -> Result<InvocationResponse, Box<Exception>> {
    let (others, value) = beside_response(info, result.outcome())?;
    Ok(InvocationResponse {
        output_data: outputs(others, maps).await?,
        return_value: typed_data::to_host(value),
        result: Some(success()),
        ..InvocationResponse::default()
    })
}

/// Returns the outputs, and the return value, that do not make the HTTP response.
fn beside_response(info: &FunctionInfo, outcome: &Outcome) -> Result<(Vec<Output>, Data), Box<Exception>> {
    let returned = match outcome {
        Outcome::Returned(returned) => returned,
        Outcome::Answered { .. } => return Ok(Default::default()),
        Outcome::Raised(exception) | Outcome::Refused { error: exception, .. } => {
            return Err(exception.clone());
        }
        Outcome::TimedOut(_) | Outcome::Cancelled => return Err(cancelled(ENDED)),
    };
    let is_http = |output: &&Output| info.http_outputs.iter().any(|name| **name == *output.name);
    let outputs = returned.outputs.iter().filter(|output| !is_http(output));
    let value = match info.returns_response {
        true => Data::None,
        false => returned.value.clone(),
    };
    Ok((outputs.cloned().collect(), value))
}

/// Returns the outputs for the host.
async fn outputs(outputs: Vec<Output>, maps: &Maps) -> Result<Vec<ParameterBinding>, Box<Exception>> {
    let convert = |outputs: Vec<Output>, maps: &Maps| {
        let bindings = outputs.into_iter().filter_map(|output| {
            Some(ParameterBinding {
                name: output.name.to_string(),
                rpc_data: Some(maps.output(output.data)?),
            })
        });
        bindings.collect()
    };
    if !outputs.iter().any(|output| maps.is_large(&output.data)) {
        return Ok(convert(outputs, maps));
    }
    let maps = maps.clone();
    let written = tokio::task::spawn_blocking(move || convert(outputs, &maps)).await;
    written.map_err(|error| {
        Box::new(Exception {
            type_name: "SharedMemoryError".to_owned(),
            message: error.to_string(),
            traceback: String::new(),
        })
    })
}

/// Returns what a function returned, or why there is nothing.
fn returned(outcome: Outcome) -> Result<Returned, Box<Exception>> {
    match outcome {
        Outcome::Returned(returned) => Ok(returned),
        Outcome::Raised(exception) | Outcome::Refused { error: exception, .. } => Err(exception),
        // Only for HTTP: what an extension answers has no place elsewhere.
        Outcome::Answered { .. } => Ok(Returned::default()),
        Outcome::TimedOut(_) | Outcome::Cancelled => Err(cancelled(ENDED)),
    }
}

fn cancelled(message: &str) -> Box<Exception> {
    Box::new(Exception {
        type_name: "CancelledError".to_owned(),
        message: message.to_owned(),
        traceback: String::new(),
    })
}

/// Reads the body of a response to its end: the protocol has whole ones only.
async fn whole(mut response: HttpResponse) -> Result<HttpResponse, Box<Exception>> {
    let frames = response.body.stream().and_then(|stream| stream.take());
    let Some(mut frames) = frames else {
        return Ok(response);
    };
    let mut read = BytesMut::new();
    while let Some(frame) = frames.frame().await {
        let frame = frame.map_err(|error| match error.downcast::<Exception>() {
            Ok(exception) => exception,
            Err(error) => Box::new(Exception {
                type_name: "StreamError".to_owned(),
                message: error.to_string(),
                traceback: String::new(),
            }),
        })?;
        if let Ok(data) = frame.into_data() {
            read.extend_from_slice(&data);
        }
    }
    response.body = Body::Bytes(read.freeze());
    Ok(response)
}
