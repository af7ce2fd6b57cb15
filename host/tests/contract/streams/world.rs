//! A worker whose function and client are the test: frames, runner, reply.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use funcdock::app::ExtensionConfig;
use funcdock::extensions::Extensions;
use funcdock::model::{
    Body, BodyError, BodyStream, Data, Frames, FunctionInfo, HttpReply, HttpRequest, HttpResponse, Outcome,
    Returned, Start,
};
use funcdock::pipeline::{Completions, FunctionRunner, LoadedFunction, Pipeline, RunnerCall};
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;

use crate::support::{config, docked, note, noted};

/// A stream whose frames the test sends.
pub(super) struct Channel {
    pub(super) frames: UnboundedReceiver<Result<Bytes, BodyError>>,
    pub(super) label: &'static str,
}

impl http_body::Body for Channel {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.frames
            .poll_recv(context)
            .map(|frame| frame.map(|data| data.map(Frame::data)))
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        note(self.label, "frames dropped");
    }
}

/// The reply of a trigger that responds over HTTP.
struct Reply;

impl HttpReply for Reply {
    fn status(&self, _: &FunctionInfo, outcome: &Outcome) -> StatusCode {
        response(outcome).map_or(StatusCode::INTERNAL_SERVER_ERROR, |response| response.status)
    }

    fn stream<'a>(&self, _: &FunctionInfo, outcome: &'a Outcome) -> Option<&'a BodyStream> {
        response(outcome)?.body.stream()
    }

    fn sends_body(&self, _: Option<&HttpRequest>, status: StatusCode, _: &BodyStream) -> bool {
        status != StatusCode::NO_CONTENT
    }

    fn response(&self, function: &FunctionInfo, outcome: &Outcome) -> HttpResponse {
        response(outcome).cloned().unwrap_or_else(|| HttpResponse {
            status: self.status(function, outcome),
            headers: HeaderMap::new(),
            body: Body::default(),
        })
    }
}

fn response(outcome: &Outcome) -> Option<&HttpResponse> {
    match outcome {
        Outcome::Returned(Returned {
            value: Data::Response(response),
            ..
        }) => Some(response),
        _ => None,
    }
}

/// Ends each call with the next outcome, as soon as there is one.
#[derive(Default)]
struct Runner {
    completions: Arc<Completions>,
    calls: Mutex<VecDeque<RunnerCall>>,
    outcomes: Mutex<VecDeque<Outcome>>,
}

impl Runner {
    fn end_calls(&self) {
        let lock = |error| PoisonError::into_inner(error);
        let (mut calls, mut outcomes) = (
            self.calls.lock().unwrap_or_else(lock),
            self.outcomes.lock().unwrap_or_else(PoisonError::into_inner),
        );
        while !calls.is_empty()
            && let Some(outcome) = outcomes.pop_front()
            && let Some(call) = calls.pop_front()
        {
            self.completions.push(call.ticket, outcome, false);
        }
    }
}

impl FunctionRunner for Runner {
    fn invoke(&self, call: RunnerCall) {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(call);
        self.end_calls();
    }

    fn flush(&self) {}
}

/// Notes when it is dropped: what limits the number of calls.
struct Permit(&'static str);

impl Drop for Permit {
    fn drop(&mut self) {
        note(self.0, "permit released");
    }
}

/// A worker with one function, and extensions around it.
pub(super) struct World {
    label: &'static str,
    pub(super) extensions: Extensions,
    function: Arc<LoadedFunction>,
    runner: Arc<Runner>,
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) in_flight: TaskTracker,
}

impl World {
    /// Each extension has a name and what it does. Within the runtime.
    pub(super) fn new(label: &'static str, extensions: &[(&str, &str)], timeout: Option<Duration>) -> Self {
        let configs: Vec<ExtensionConfig> = extensions
            .iter()
            .map(|(name, what)| config(name, label, what))
            .collect();
        let (extensions, function) = docked(&configs);
        let runner = Arc::new(Runner::default());
        let in_flight = TaskTracker::new();
        let pipeline = Arc::new(Pipeline::new(
            Arc::clone(&runner) as Arc<dyn FunctionRunner>,
            Arc::clone(&runner.completions),
            timeout,
            in_flight.clone(),
        ));
        pipeline.drive();
        World {
            label,
            extensions,
            function,
            runner,
            pipeline,
            in_flight,
        }
    }

    pub(super) fn returns(&self, status: u16, body: Body) {
        let response = HttpResponse {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body,
        };
        let outcome = Outcome::returned(Data::Response(Box::new(response)));
        let mut outcomes = self
            .runner
            .outcomes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        outcomes.push_back(outcome);
        drop(outcomes);
        self.runner.end_calls();
    }

    /// The next call returns a streamed response, whose frames the sender sends.
    pub(super) fn streams(&self, status: u16) -> UnboundedSender<Result<Bytes, BodyError>> {
        let (sender, frames) = unbounded_channel();
        let stream = BodyStream::new(Channel {
            frames,
            label: self.label,
        });
        self.returns(status, Body::Stream(stream));
        sender
    }

    /// Makes a call; returns its response.
    pub(super) async fn call(&self) -> HttpResponse {
        let start = Start {
            http_reply: Some(&Reply),
            ..Start::default()
        };
        let call = self
            .pipeline
            .call(Arc::clone(&self.function), start, Permit(self.label));
        let (invocation, mut result) = call.await;
        result.response(&invocation).expect("it is HTTP").clone()
    }

    /// Makes a call whose response is streamed; returns the frames.
    pub(super) async fn frames(&self) -> Frames {
        let response = self.call().await;
        let stream = response.body.stream().expect("a stream");
        stream.take().expect("nobody else reads it")
    }

    /// What has happened since the pre hooks.
    pub(super) fn noted(&self) -> Vec<String> {
        let notes = noted(self.label);
        notes
            .into_iter()
            .filter(|note| !note.starts_with("pre "))
            .collect()
    }

    pub(super) fn is_over(&self) -> bool {
        self.in_flight.is_empty() && noted(self.label).iter().any(|note| note == "permit released")
    }
}
