//! Options of `func` that need nothing here, or cannot be had.

use anyhow::{Result, bail};

/// The options.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct OfFunc {
    /// There is nothing to build.
    #[arg(long, hide = true)]
    no_build: bool,
    #[arg(long = "useHttps", hide = true)]
    use_https: bool,
    #[arg(long, hide = true)]
    cert: Option<String>,
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
        const TLS: &str = "TLS is not served yet; put a proxy such as nginx or Caddy in front, and see --forwarded-allow-ips";
        for (is_given, option, instead) in [
            (self.use_https, "--useHttps", TLS),
            (self.cert.is_some(), "--cert", TLS),
            (self.password.is_some(), "--password", TLS),
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
