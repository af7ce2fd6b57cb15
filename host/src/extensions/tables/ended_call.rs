//! A call that has ended.

use crate::model::{CallResult, Invocation};

/// A call that has ended, as its post hooks see it.
pub(in crate::extensions) struct EndedCall<'a> {
    pub(super) invocation: &'a Invocation,
    pub(super) result: &'a mut CallResult,
}

impl<'a> EndedCall<'a> {
    #[inline]
    pub(in crate::extensions) fn new(invocation: &'a Invocation, result: &'a mut CallResult) -> Self {
        EndedCall { invocation, result }
    }
}
