//! How an invocation ended, as post hooks see it.

use std::time::Duration;

use abi_stable::std_types::Tuple2;

use super::data::Data;
use crate::abi;

/// How an invocation ended. Valid during the hook that received it.
pub struct Outcome<'a> {
    raw: abi::Outcome<'a>,
}

/// The ways in which an invocation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutcomeKind {
    /// The function returned.
    Returned,
    /// The function raised an exception.
    Raised,
    /// The function took longer than host.json's `functionTimeout`.
    TimedOut,
    /// The worker stopped before the function ended.
    Cancelled,
    /// A pre hook answered instead of the function ([`crate::Flow::Respond`]).
    Answered,
    /// A pre hook refused the call ([`crate::Flow::Fail`]).
    Refused,
    /// A way that a newer host knows and this version of the API does not.
    Other,
}

impl OutcomeKind {
    pub(crate) fn from_abi(kind: u8) -> Self {
        match kind {
            abi::OUTCOME_RETURNED => OutcomeKind::Returned,
            abi::OUTCOME_RAISED => OutcomeKind::Raised,
            abi::OUTCOME_TIMED_OUT => OutcomeKind::TimedOut,
            abi::OUTCOME_CANCELLED => OutcomeKind::Cancelled,
            abi::OUTCOME_ANSWERED => OutcomeKind::Answered,
            abi::OUTCOME_REFUSED => OutcomeKind::Refused,
            _ => OutcomeKind::Other,
        }
    }
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(raw: abi::Outcome<'a>) -> Self {
        Outcome { raw }
    }

    /// The way in which it ended.
    pub fn kind(&self) -> OutcomeKind {
        OutcomeKind::from_abi(self.raw.kind())
    }

    /// The HTTP status of the response; `None` if the trigger is not HTTP.
    pub fn status(&self) -> Option<u16> {
        self.raw.status().into_option()
    }

    /// Whether the body of the HTTP response is a stream: it is made while it is sent, and
    /// [`stream_ended`](crate::Extension::stream_ended) runs at its end.
    pub fn is_streamed(&self) -> bool {
        self.raw.is_streamed()
    }

    /// How long the function took, from the last pre hook to the outcome, with the time in which it waited for a thread. If
    /// it [streams](Self::is_streamed), until the headers of its response. `None` if it was not called.
    pub fn function_time(&self) -> Option<Duration> {
        let nanoseconds = self.raw.function_ns().into_option()?;
        Some(Duration::from_nanos(nanoseconds))
    }

    /// What the function raised, or the error of a refusal.
    pub fn exception(&self) -> Option<Exception<'a>> {
        self.raw.exception().into_option().map(Exception::from_abi)
    }

    /// The name of the extension that answered or refused instead of the function.
    pub fn extension(&self) -> Option<&'a str> {
        let name = self.raw.extension().into_option()?;
        Some(name.as_str())
    }

    /// What the function returned; `None` if it did not return.
    pub fn return_value(&self) -> Option<Data<'a>> {
        self.raw.return_value().into_option().map(Data::from_abi)
    }

    /// What the function set on an output binding, by the binding's name.
    pub fn output(&self, name: &str) -> Option<Data<'a>> {
        self.raw.output(name.into()).into_option().map(Data::from_abi)
    }

    /// What the function set on its output bindings, by their names.
    pub fn outputs(&self) -> impl Iterator<Item = (&'a str, Data<'a>)> + use<'a> {
        let raw = self.raw;
        (0..).map_while(move |index| {
            let Tuple2(name, data) = raw.output_at(index).into_option()?;
            Some((name.as_str(), Data::from_abi(data)))
        })
    }
}

/// A Python exception.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Exception<'a> {
    /// The type's name, qualified by its module unless built in: `ValueError`, `requests.exceptions.Timeout`.
    pub type_name: &'a str,
    /// `str(exception)`.
    pub message: &'a str,
    /// The formatted traceback; may be empty.
    pub traceback: &'a str,
}

impl<'a> Exception<'a> {
    pub(crate) fn from_abi(raw: abi::Exception<'a>) -> Self {
        Exception {
            type_name: raw.type_name.as_str(),
            message: raw.message.as_str(),
            traceback: raw.traceback.as_str(),
        }
    }
}
