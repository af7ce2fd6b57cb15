//! The steps in which an extension is opened and tried out, and what is told of them.

use funcdock_extension_api::abi;
use serde::{Deserialize, Serialize};

/// A step of the handshake, or of an extension's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the steps of docs/src/abi.md, and an extension's functions"
)]
pub enum Step {
    Look,
    Open,
    Header,
    AbiStable,
    ApiVersion,
    Layout,
    Construct,
    Select,
    Configure,
    Init,
    PostFunctionLoad,
    PreInvocation,
    PostInvocation,
    Flush,
    Shutdown,
    Drop,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Step::Look => "look",
            Step::Open => "open",
            Step::Header => "header",
            Step::AbiStable => "abi_stable",
            Step::ApiVersion => "API version",
            Step::Layout => "layout",
            Step::Construct => "construct",
            Step::Select => "select",
            Step::Configure => "configure",
            Step::Init => "init",
            Step::PostFunctionLoad => "post_function_load",
            Step::PreInvocation => "pre_invocation",
            Step::PostInvocation => "post_invocation",
            Step::Flush => "flush",
            Step::Shutdown => "shutdown",
            Step::Drop => "drop",
        })
    }
}

/// What happens while an extension is tried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// This step begins; the one before it is over.
    Begin(Step),
    /// How the step went, where there is something to tell.
    Note(String),
    /// The step failed, with this [`ExtensionError`] as text.
    Failed(String),
    /// The library is open.
    Opened {
        /// The version of the extension API that it was built for.
        api_version: String,
    },
    /// The steps from here on are those of this extension.
    Extension(Described),
    /// All steps are over.
    End,
}

/// What an extension says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Its name in host.json.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// "app" or "function".
    pub scope: String,
    /// The hooks that it has.
    pub hooks: Vec<String>,
    /// The settings that it takes; none also where it was built for API 1.0, which does not tell.
    pub settings: Vec<Setting>,
}

/// A setting of an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its key.
    pub name: String,
    /// What it takes, as a Python annotation.
    pub annotation: String,
}

impl Described {
    pub(super) fn of(descriptor: abi::DescriptorRef) -> Self {
        let hooks = [
            (abi::HOOK_POST_FUNCTION_LOAD, Step::PostFunctionLoad),
            (abi::HOOK_PRE_INVOCATION, Step::PreInvocation),
            (abi::HOOK_POST_INVOCATION, Step::PostInvocation),
            (abi::HOOK_FLUSH, Step::Flush),
            (abi::HOOK_SHUTDOWN, Step::Shutdown),
        ];
        let has = hooks.iter().filter(|(bit, _)| descriptor.hooks() & bit != 0);
        Described {
            name: descriptor.name().to_string(),
            version: descriptor.version().to_string(),
            scope: scope_name(descriptor.scope()).to_owned(),
            hooks: has.map(|(_, step)| step.to_string()).collect(),
            settings: settings(descriptor),
        }
    }
}

fn settings(descriptor: abi::DescriptorRef) -> Vec<Setting> {
    let Some(settings) = descriptor.settings() else {
        return Vec::new();
    };
    // SAFETY: a function of a library whose layout was checked; it takes nothing.
    let settings = unsafe { settings() };
    let setting = |setting: abi::Setting| Setting {
        name: setting.name.into(),
        annotation: setting.annotation.into(),
    };
    settings.into_iter().map(setting).collect()
}

/// A scope as reports name it.
pub(super) fn scope_name(scope: u8) -> &'static str {
    match scope {
        abi::SCOPE_APP => "app",
        _ => "function",
    }
}
