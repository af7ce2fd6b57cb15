//! Makes the errors of an extension's own functions: of its settings, `init` and `native`.

use funcdock_extension_api::abi;

use super::ExtensionError;
use crate::app::ExtensionConfig;

impl ExtensionError {
    /// `init` failed.
    pub(in crate::extensions) fn init(
        config: &ExtensionConfig,
        function: Option<&str>,
        error: &abi::Error,
    ) -> Self {
        ExtensionError::in_hook(config, "init", function, error)
    }

    /// `native` failed.
    pub(in crate::extensions) fn native(config: &ExtensionConfig, error: &abi::Error) -> Self {
        ExtensionError::in_hook(config, "native", None, error)
    }

    /// The extension does not accept its settings, or panicked over them. `place` is where function code has configured it.
    pub(in crate::extensions) fn configure(
        config: &ExtensionConfig,
        place: Option<String>,
        error: &abi::Error,
    ) -> Self {
        match error.kind {
            abi::ERROR_PANIC => ExtensionError::in_hook(config, "configure", None, error),
            _ => ExtensionError::Configure {
                name: config.name.clone(),
                place,
                reason: error.message.to_string(),
            },
        }
    }

    fn in_hook(
        config: &ExtensionConfig,
        hook: &'static str,
        function: Option<&str>,
        error: &abi::Error,
    ) -> Self {
        let name = config.name.clone();
        let mut advice = match error.kind {
            abi::ERROR_PANIC => "report this to the extension's author",
            _ => "correct what it names; the extension's documentation says what it needs",
        }
        .to_owned();
        if config.is_required() {
            advice.push_str(&format!(
                ", or set workerExtensions.{name}.required to false to serve the app without it"
            ));
        }
        ExtensionError::Init {
            name,
            hook,
            function: function.map(str::to_owned),
            reason: error.message.to_string(),
            advice,
        }
    }
}
