//! The steps in which an extension is opened and tried out, and what is reported of them.

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{Hook, LoadedExtension};
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
    Name,
    Configure,
    Init,
    Native,
    PostFunctionLoad,
    PreInvocation,
    Attribute,
    PostInvocation,
    StreamEnded,
    OnException,
    Objects,
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
            Step::Name => "name",
            Step::Configure => "configure",
            Step::Init => "init",
            Step::Native => "native",
            Step::PostFunctionLoad => "post_function_load",
            Step::PreInvocation => "pre_invocation",
            Step::Attribute => "attribute",
            Step::PostInvocation => "post_invocation",
            Step::StreamEnded => "stream_ended",
            Step::OnException => "on_exception",
            Step::Objects => "objects",
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
    /// How the step went, if there is something to say.
    Note(String),
    /// The step succeeded, and this is still a mistake: a text that names the extension.
    Warning(String),
    /// The step failed, with this [`ExtensionError`](super::error::ExtensionError) as text.
    Failed(String),
    /// The library is open.
    Opened {
        /// The version of the extension API that it was built for.
        api_version: String,
    },
    /// The library is open, and this many extensions of it are to be tried out.
    Count(usize),
    /// The steps from here on are those of this extension.
    Extension(Described),
    /// All steps are over.
    End,
}

/// What an extension says about itself.
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
    /// The settings that it takes.
    pub settings: Vec<Setting>,
    /// The attributes of `context` that it makes or sets.
    pub attributes: Vec<ContextAttribute>,
    /// The classes that the annotations of these attributes name.
    pub classes: Vec<Class>,
}

/// An attribute of `context` that an extension makes or sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextAttribute {
    /// Its name.
    pub name: String,
    /// Its type, as a Python annotation.
    pub annotation: String,
    /// What it is; may be empty.
    pub documentation: String,
}

/// A class of the objects that an extension gives to Python code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Its type stub: Python source.
    pub stub: String,
}

/// A setting of an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its key.
    pub name: String,
    /// What it takes, as a Python annotation.
    pub annotation: String,
    /// What it does; may be empty.
    pub documentation: String,
    /// Whether the extension refuses settings without it, as far as the host has found out.
    pub required: bool,
}

#[cfg(test)]
impl Setting {
    /// Returns a setting that is not required and has no documentation.
    pub(crate) fn of_type(name: &str, annotation: &str) -> Self {
        Setting {
            name: name.to_owned(),
            annotation: annotation.to_owned(),
            documentation: String::new(),
            required: false,
        }
    }
}

impl Described {
    pub(super) fn of(extension: &LoadedExtension) -> Self {
        let hooks = Hook::ALL.into_iter().filter(|hook| extension.has(*hook));
        let on_exception = extension.has_on_exception().then(|| "on_exception".to_owned());
        let setting = |setting: abi::Setting| Setting {
            name: setting.name.into(),
            annotation: setting.annotation.into(),
            documentation: setting.documentation.into(),
            required: false,
        };
        let abi::Attributes { attributes, classes } = extension.attributes();
        let attribute = |attribute: abi::Attribute| ContextAttribute {
            name: attribute.name.into(),
            annotation: attribute.annotation.into(),
            documentation: attribute.documentation.into(),
        };
        let class = |class: abi::Class| Class {
            name: class.name.into(),
            stub: class.stub.into(),
        };
        Described {
            attributes: attributes.into_iter().map(attribute).collect(),
            classes: classes.into_iter().map(class).collect(),
            name: extension.name().to_owned(),
            version: extension.version().to_owned(),
            scope: extension.scope().name().to_owned(),
            hooks: hooks
                .map(|hook| hook.name().to_owned())
                .chain(on_exception)
                .collect(),
            settings: extension.settings().into_iter().map(setting).collect(),
        }
    }
}
