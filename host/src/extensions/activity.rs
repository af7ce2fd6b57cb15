//! What a worker does that may end or hang its process: foreign code that has not proved itself yet. Whoever watches the
//! process is told before, as nobody can be told after.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Code of an extension that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionCode {
    /// The extension.
    pub extension: String,
    /// What runs.
    pub phase: Phase,
}

/// The code of an extension that runs before the worker is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// The initialisers of its library.
    Load {
        /// The library.
        file: PathBuf,
    },
    /// The check of its settings.
    Configure,
    /// `init`, for the app or for this function.
    Init {
        /// The function, for a function-level extension.
        function: Option<String>,
    },
    /// `native`.
    Native,
    /// `post_function_load` for this function.
    PostFunctionLoad {
        /// The function.
        function: String,
    },
}

impl Display for ExtensionCode {
    /// As the end of "it died while it …".
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ExtensionCode { extension, phase } = self;
        match phase {
            Phase::Load { file } => write!(f, "loaded extension {extension:?} from {}", file.display()),
            Phase::Configure => write!(f, "checked the settings of extension {extension:?}"),
            Phase::Init { function: None } => write!(f, "called init of extension {extension:?}"),
            Phase::Init {
                function: Some(function),
            } => write!(
                f,
                "called init of extension {extension:?} for function {function:?}"
            ),
            Phase::Native => write!(f, "called native of extension {extension:?}"),
            Phase::PostFunctionLoad { function } => write!(
                f,
                "called post_function_load of extension {extension:?} for function {function:?}"
            ),
        }
    }
}

impl ExtensionCode {
    /// What has not ended, as the subject of a sentence.
    pub fn subject(&self) -> String {
        match &self.phase {
            Phase::Load { file } => format!("the loading of {}", file.display()),
            Phase::Configure => "configure".to_owned(),
            Phase::Init { function: None } => "init".to_owned(),
            Phase::Init {
                function: Some(function),
            } => format!("init for function {function:?}"),
            Phase::Native => "native".to_owned(),
            Phase::PostFunctionLoad { function } => format!("post_function_load for function {function:?}"),
        }
    }
}

/// Who is told. By default nobody.
#[derive(Clone, Default)]
pub struct Activity(Option<Arc<Tell>>);

/// Tells somebody what is done from now on; `None` when it is over.
type Tell = dyn Fn(Option<ExtensionCode>) + Send + Sync;

impl Activity {
    /// Tells through this function, which returns when the message has left the process.
    pub fn new(tell: impl Fn(Option<ExtensionCode>) + Send + Sync + 'static) -> Self {
        Activity(Some(Arc::new(tell)))
    }

    /// Tells what is done until the returned value is dropped.
    pub(super) fn begin(&self, extension: &str, phase: impl FnOnce() -> Phase) -> impl Drop + '_ {
        if let Some(tell) = &self.0 {
            tell(Some(ExtensionCode {
                extension: extension.to_owned(),
                phase: phase(),
            }));
        }
        Over(self)
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Activity").field(&self.0.is_some()).finish()
    }
}

/// The end of an activity.
struct Over<'a>(&'a Activity);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        if let Some(tell) = &self.0.0 {
            tell(None);
        }
    }
}
