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

/// Says which of these bits of hooks, or that this scope, is of a newer version.
pub(super) fn unknown(hooks: u32, scope: u8) -> Option<String> {
    let known = Hook::ALL.into_iter().map(Hook::bit);
    let unknown = hooks & !known.fold(abi::HOOK_ON_EXCEPTION, |bits, bit| bits | bit);
    match (unknown, Scope::from_abi(scope)) {
        (0, Some(_)) => None,
        (0, None) => Some(format!("a scope ({scope})")),
        _ => Some(format!("a hook (bit {})", unknown.trailing_zeros())),
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

    /// `None` if only a newer version knows it.
    pub(super) fn from_abi(scope: u8) -> Option<Self> {
        match scope {
            abi::SCOPE_APP => Some(Scope::App),
            abi::SCOPE_FUNCTION => Some(Scope::Function),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_and_scopes_of_newer_versions_are_named() {
        let known = 127;
        assert_eq!(unknown(0, abi::SCOPE_APP), None);
        assert_eq!(unknown(known, abi::SCOPE_FUNCTION), None);
        assert_eq!(
            unknown(known | 256, abi::SCOPE_APP).as_deref(),
            Some("a hook (bit 8)")
        );
        assert_eq!(unknown(known, 2).as_deref(), Some("a scope (2)"));
    }
}
