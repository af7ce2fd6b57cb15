//! A call that has ended.

use crate::model::{CallResult, Invocation};

/// A call that has ended, as its post hooks see it.
pub(in crate::extensions) struct EndedCall<'a> {
    pub(super) invocation: &'a Invocation,
    pub(super) result: &'a mut CallResult,
    /// The first change of the response that was refused.
    refused: Option<String>,
}

impl<'a> EndedCall<'a> {
    #[inline]
    pub(in crate::extensions) fn new(invocation: &'a Invocation, result: &'a mut CallResult) -> Self {
        EndedCall {
            invocation,
            result,
            refused: None,
        }
    }

    /// Takes the reason why a change of the response was refused, the first if there were several.
    pub(in crate::extensions) fn take_refused(&mut self) -> Option<String> {
        self.refused.take()
    }

    /// Notes that a change of the response was refused.
    #[cold]
    pub(super) fn refuse(&mut self, problem: &str) {
        self.refused.get_or_insert_with(|| problem.to_owned());
    }
}
