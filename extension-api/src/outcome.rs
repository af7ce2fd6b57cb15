//! How an invocation ended, as post hooks see it.

use std::marker::PhantomData;

use abi_stable::std_types::Tuple2;

use crate::{Data, abi};

/// How an invocation ended. Valid during the hook that received it.
pub struct Outcome<'a> {
    raw: abi::Outcome,
    borrowed: PhantomData<&'a ()>,
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
    pub(crate) fn new(raw: abi::Outcome) -> Self {
        Outcome {
            raw,
            borrowed: PhantomData,
        }
    }

    /// In which way it ended.
    pub fn kind(&self) -> OutcomeKind {
        // SAFETY: the host keeps the outcome alive for the hook, which `'a` stands for.
        OutcomeKind::from_abi(unsafe { (self.raw.functions.kind())(self.raw.this) })
    }

    /// The HTTP status of the answer; `None` where the trigger is not HTTP.
    pub fn status(&self) -> Option<u16> {
        // SAFETY: as in `kind`.
        match unsafe { (self.raw.functions.status())(self.raw.this) } {
            0 => None,
            status => Some(status),
        }
    }

    /// What the function raised, or the error of a refusal.
    pub fn exception(&self) -> Option<Exception<'a>> {
        // SAFETY: as in `kind`; the strings live as long as the outcome.
        unsafe { (self.raw.functions.exception())(self.raw.this) }
            .into_option()
            .map(Exception::from_abi)
    }

    /// The name of the extension that answered or refused instead of the function.
    pub fn extension(&self) -> Option<&'a str> {
        // SAFETY: as in `exception`.
        unsafe { (self.raw.functions.extension())(self.raw.this) }
            .into_option()
            .map(|text| text.as_str())
    }

    /// What the function returned; `None` where it did not, and on a host older than API 1.1.
    pub fn return_value(&self) -> Option<Data<'a>> {
        let value = self.raw.functions.return_value()?;
        // SAFETY: as in `kind`; what is lent lives as long as the outcome.
        unsafe { value(self.raw.this) }.into_option().map(Data::from_abi)
    }

    /// How many blocks of memory Python's allocator had given out before and after the function: those of all that
    /// ran meanwhile. `None` where the function did not run, and unless a pre hook of this call asked for it with
    /// [`count_allocations`](crate::Invocation::count_allocations).
    pub fn allocated_blocks(&self) -> Option<(u64, u64)> {
        let blocks = self.raw.functions.allocated_blocks()?;
        // SAFETY: as in `kind`.
        let Tuple2(before, after) = unsafe { blocks(self.raw.this) }.into_option()?;
        Some((before, after))
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
