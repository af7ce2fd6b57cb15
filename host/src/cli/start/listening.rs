//! Options about where the host listens, and with what certificate.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::switch::boolean;
use crate::model::{HostAddress, Scheme};
use crate::supervisor::Listen;
use crate::tls::Identity;

const DEFAULT_PORT: u16 = 7071;

/// The options.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Listening {
    /// Port to listen on; 0 picks a free one [default: LocalHttpPort of local.settings.json, or 7071]
    #[arg(long, short, env = "FUNCDOCK_PORT", value_parser = port)]
    port: Option<u16>,

    /// IP address to listen on; 0.0.0.0 is every address of this machine [default: 127.0.0.1]
    #[arg(long, env = "FUNCDOCK_ADDRESS", value_parser = address)]
    address: Option<IpAddr>,

    /// File of a Unix socket to listen on, instead of an address and a port
    #[arg(long, env = "FUNCDOCK_UNIX_SOCKET", value_name = "FILE")]
    unix_socket: Option<PathBuf>,

    /// Permissions of that file, such as 660 [default: by the umask]
    #[arg(long, env = "FUNCDOCK_UNIX_SOCKET_MODE", value_name = "MODE", requires = "unix_socket", value_parser = mode)]
    unix_socket_mode: Option<u32>,

    /// Serve https:// and HTTP/2, with a certificate for localhost that is made in .funcdock/https, unless --cert names one
    #[arg(long, alias = "useHttps", env = "FUNCDOCK_USE_HTTPS", value_parser = boolean)]
    use_https: bool,

    /// Certificate for https://, in a PEM file, with those that lead to a known one
    #[arg(long, env = "FUNCDOCK_CERT", value_name = "FILE")]
    cert: Option<PathBuf>,

    /// Its private key, in a PEM file [default: in the file of --cert]
    #[arg(long, env = "FUNCDOCK_KEY", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl Listening {
    /// Returns the options of a host that listens only at this file.
    pub(super) fn at_file(file: &Path) -> Self {
        Listening {
            port: None,
            address: None,
            unix_socket: Some(file.to_owned()),
            unix_socket_mode: None,
            use_https: false,
            cert: None,
            key: None,
        }
    }

    /// Returns where to listen: at `inherited`, if there is a socket, else where the options say.
    pub(super) fn listen(&self, inherited: Option<&Listen>, local_port: Option<u16>) -> Listen {
        let has_address = self.port.is_some() || self.address.is_some();
        if let Some(inherited) = inherited {
            if has_address || self.unix_socket.is_some() {
                tracing::warn!(
                    "--port, --address and --unix-socket have no effect: the host listens at the socket that it was started \
                     with (LISTEN_FDS)"
                );
            }
            return inherited.clone();
        }
        if has_address && self.unix_socket.is_some() {
            tracing::warn!("--port and --address have no effect beside --unix-socket");
        }
        match &self.unix_socket {
            Some(file) => Listen::UnixSocket {
                file: file.clone(),
                mode: self.unix_socket_mode,
            },
            None => {
                let port = self.port.or(local_port).unwrap_or(DEFAULT_PORT);
                let address = self.address.unwrap_or(Ipv4Addr::LOCALHOST.into());
                Listen::At(SocketAddr::new(address, port))
            }
        }
    }

    /// Returns where a host listens by these options, or at this port; as this machine reaches it.
    pub(super) fn reached(&self, port: Option<u16>, local_port: Option<u16>) -> HostAddress {
        match &self.unix_socket {
            Some(file) if port.is_none() => HostAddress::Unix(file.clone()),
            _ => {
                let port = port.or(self.port).or(local_port).unwrap_or(DEFAULT_PORT);
                let address = self.address.unwrap_or(Ipv4Addr::LOCALHOST.into());
                HostAddress::Ip(SocketAddr::new(address, port))
            }
        }
    }

    /// Returns the scheme of the URLs of a host with these options.
    pub(super) fn scheme(&self) -> Scheme {
        match self.use_https || self.cert.is_some() {
            true => Scheme::Https,
            false => Scheme::Http,
        }
    }

    /// Returns the certificate, if the host is to serve TLS.
    pub(super) fn identity(&self, app_root: &Path) -> Result<Option<Identity>> {
        if let Some(certificate) = &self.cert {
            return Ok(Some(Identity::read(certificate, self.key.as_deref())?));
        }
        if !self.use_https {
            return Ok(None);
        }
        let (identity, file) = Identity::for_localhost(&app_root.join(".funcdock/https"))?;
        tracing::info!(
            "https:// has a certificate that was made for localhost; clients that trust {} accept it",
            file.display()
        );
        Ok(Some(identity))
    }
}

/// Returns the scheme of the host's URLs.
pub(super) fn scheme(identity: Option<&Identity>) -> Scheme {
    match identity {
        Some(_) => Scheme::Https,
        None => Scheme::Http,
    }
}

fn port(value: &str) -> Result<u16, String> {
    value
        .parse()
        .map_err(|_| "expected a number from 0 to 65535, from --port or FUNCDOCK_PORT".into())
}

fn address(value: &str) -> Result<IpAddr, String> {
    match value {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        _ => value.parse().map_err(|_| {
            "expected an IP address such as 127.0.0.1 or ::1, from --address or FUNCDOCK_ADDRESS".into()
        }),
    }
}

fn mode(value: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "expected permissions in octal digits, such as 660".into())
}
