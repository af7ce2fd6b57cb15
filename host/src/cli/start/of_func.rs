//! Options of `func` that need nothing here, or cannot be had.

use anyhow::{Result, bail};

/// The options.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct OfFunc {
    /// There is nothing to build.
    #[arg(long, hide = true)]
    no_build: bool,
    #[arg(long, hide = true)]
    password: Option<String>,
    #[arg(long = "dotnet-isolated-debug", hide = true)]
    dotnet_isolated_debug: bool,
    #[arg(long = "enable-json-output", hide = true)]
    enable_json_output: bool,
    #[arg(long = "json-output-file", hide = true)]
    json_output_file: Option<String>,
    #[arg(long = "user-secrets", hide = true)]
    user_secrets: bool,
}

impl OfFunc {
    /// Returns an error for an option that cannot be had.
    pub(super) fn check(&self) -> Result<()> {
        const PASSWORD: &str = "the file of --cert is PEM, without a password; \
             convert a .pfx file: openssl pkcs12 -in FILE.pfx -out FILE.pem -nodes";
        for (is_given, option, instead) in [
            (self.password.is_some(), "--password", PASSWORD),
            (
                self.dotnet_isolated_debug,
                "--dotnet-isolated-debug",
                "functions run in Python; see --language-worker",
            ),
            (
                self.enable_json_output,
                "--enable-json-output",
                "write --log-format json",
            ),
            (
                self.json_output_file.is_some(),
                "--json-output-file",
                "write --log-format json --log-file FILE",
            ),
            (
                self.user_secrets,
                "--user-secrets",
                "write them to Values of local.settings.json",
            ),
        ] {
            if is_given {
                bail!("{option} cannot be had: {instead}");
            }
        }
        Ok(())
    }
}
