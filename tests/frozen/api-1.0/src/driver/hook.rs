//! The hooks and scopes of extensions.

use std::fmt;

use crate::abi;

/// The hooks that statistics and settings distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named like the functions of the trait")]
pub enum Hook {
    PostFunctionLoad,
    PreInvocation,
    PostInvocation,
    StreamEnded,
    Flush,
    Shutdown,
}

impl Hook {
    /// All of them, in the order of an extension's life.
    pub const ALL: [Hook; 6] = [
        Hook::PostFunctionLoad,
        Hook::PreInvocation,
        Hook::PostInvocation,
        Hook::StreamEnded,
        Hook::Flush,
        Hook::Shutdown,
    ];

    /// Its bit in [`abi::Descriptor::hooks`].
    #[inline]
    pub const fn bit(self) -> u32 {
        match self {
            Hook::PostFunctionLoad => abi::HOOK_POST_FUNCTION_LOAD,
            Hook::PreInvocation => abi::HOOK_PRE_INVOCATION,
            Hook::PostInvocation => abi::HOOK_POST_INVOCATION,
            Hook::StreamEnded => abi::HOOK_STREAM_ENDED,
            Hook::Flush => abi::HOOK_FLUSH,
            Hook::Shutdown => abi::HOOK_SHUTDOWN,
        }
    }

    /// Its name: `pre_invocation`, ….
    pub const fn name(self) -> &'static str {
        match self {
            Hook::PostFunctionLoad => "post_function_load",
            Hook::PreInvocation => "pre_invocation",
            Hook::PostInvocation => "post_invocation",
            Hook::StreamEnded => "stream_ended",
            Hook::Flush => "flush",
            Hook::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What there is an instance for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The whole app.
    App,
    /// Each function.
    Function,
}

impl Scope {
    /// Its name in reports: `app`, `function`.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::App => "app",
            Scope::Function => "function",
        }
    }

    pub(super) fn from_abi(scope: u8) -> Self {
        match scope {
            abi::SCOPE_APP => Scope::App,
            _ => Scope::Function,
        }
    }
}
