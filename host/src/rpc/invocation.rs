//! A call of a function: what the host asks for, and what it gets.

use std::sync::Arc;

use bytes::BytesMut;
use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::{InvocationRequest, InvocationResponse, ParameterBinding, RetryContext};
use http_body_util::BodyExt as _;

use super::outgoing::{Outgoing, failure, refusal, success};
use super::shared_memory::Maps;
use super::typed_data;
use crate::model::{
    Body, CallResult, Data, Exception, HttpResponse, Inputs, Outcome, Output, RetryContext as Retry,
    Returned, Start, TraceContext,
};
use crate::pipeline::LoadedFunction;
use crate::triggers::Calls;
use crate::triggers::http::{Reply, into_response, is_http_trigger};

/// The binding of a return value.
const RETURN: &str = "$return";

/// A call that the host asks for.
pub(super) struct Asked {
    function: Arc<LoadedFunction>,
    start: Start,
    reply: PendingReply,
    maps: Maps,
}

/// The response that the host waits for. If it is dropped without one, the host gets a failure: no call stays unanswered.
struct PendingReply {
    invocation_id: String,
    request_id: String,
    /// `None` after the response.
    outgoing: Option<Outgoing>,
}

impl PendingReply {
    /// Sends the response, with the id of the call.
    fn send(mut self, response: InvocationResponse) {
        self.answer(response);
    }

    fn answer(&mut self, response: InvocationResponse) {
        if let Some(outgoing) = self.outgoing.take() {
            let response = InvocationResponse {
                invocation_id: std::mem::take(&mut self.invocation_id),
                ..response
            };
            outgoing.send(&self.request_id, Content::InvocationResponse(response));
        }
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        self.answer(InvocationResponse {
            result: Some(failure(&cancelled())),
            ..InvocationResponse::default()
        });
    }
}

impl Asked {
    /// Reads a request for a call of this function. The data of maps stays there.
    ///
    /// # Errors
    /// A message: why its data cannot be read.
    pub(super) fn read(
        function: Arc<LoadedFunction>,
        request: InvocationRequest,
        request_id: String,
        outgoing: &Outgoing,
        maps: &Maps,
    ) -> Result<Self, String> {
        let info = &function.info;
        let mut inputs = Inputs::default();
        for binding in request.input_data {
            let data = match binding.rpc_data {
                Some(RpcData::Data(data)) => typed_data::from_host(data),
                Some(RpcData::RpcSharedMemory(map)) => {
                    let read = maps.read(&map);
                    read.map_err(|error| format!("the input {:?}: {error}", binding.name))?
                }
                None => Data::None,
            };
            match binding.name == info.trigger_name {
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
            http_reply: is_http_trigger(&info.trigger).then_some(&Reply),
            departure: None,
        };
        Ok(Asked {
            function,
            start,
            reply: PendingReply {
                invocation_id: request.invocation_id,
                request_id,
                outgoing: Some(outgoing.clone()),
            },
            maps: maps.clone(),
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

impl Asked {
    /// Answers that the call is not made, for this reason.
    pub(super) fn refuse(self, reason: &str) {
        self.reply.send(InvocationResponse {
            result: Some(refusal(reason)),
            ..InvocationResponse::default()
        });
    }
}

/// Makes the call, and sends what it came to.
pub(super) async fn make(asked: Asked, calls: &Calls) {
    let Asked {
        function,
        start,
        reply,
        maps,
    } = asked;
    let (invocation, result) = calls.call(Arc::clone(&function), start, ()).await;
    let response = match invocation.http_reply().is_some() {
        true => of_http(&function, result, &maps).await,
        false => of_any(result, &maps).await,
    };
    reply.send(response.unwrap_or_else(|exception| InvocationResponse {
        result: Some(failure(&exception)),
        ..InvocationResponse::default()
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
    let (mut others, mut value) = (Vec::new(), Data::None);
    match result.outcome() {
        Outcome::Returned(returned) => {
            let is_http = |output: &&Output| info.http_outputs.iter().any(|name| **name == *output.name);
            others = returned
                .outputs
                .iter()
                .filter(|output| !is_http(output))
                .cloned()
                .collect();
            if !info.returns_response {
                value = returned.value.clone();
            }
        }
        Outcome::Answered { .. } => {}
        _ => {
            let ended = returned(result.into_parts().0);
            return Err(ended.err().unwrap_or_else(cancelled));
        }
    }
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
        Outcome::TimedOut(_) | Outcome::Cancelled => Err(cancelled()),
    }
}

fn cancelled() -> Box<Exception> {
    Box::new(Exception {
        type_name: "CancelledError".to_owned(),
        message: "the worker has ended before the function".to_owned(),
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
