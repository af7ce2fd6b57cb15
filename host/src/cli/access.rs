//! Who may call the app: the keys that requests need, and the web pages that may read responses.

use std::net::SocketAddr;

use anyhow::Result;

use super::settings;
use super::switch::Switch;
use crate::app::{AdminAddress, App, AppSettings};
use crate::keys::KeyFolder;
use crate::model::{Cors, HostAddress, Origins, Scheme};

/// Returns the folder of the keys that requests need, and makes them if there are none; `None` if everybody may come in.
/// By default (`auth`) they are needed if other machines can reach the address.
pub(super) fn keys(
    app: &App,
    settings: &AppSettings,
    auth: Switch,
    address: &HostAddress,
) -> Result<Option<KeyFolder>> {
    let is_local = address.is_local();
    if !auth.is_on_or(!is_local) {
        if !is_local {
            tracing::warn!(
                "everybody who reaches {} can call every function, and /admin and /metrics: --enable-auth is false",
                reached(address)
            );
        }
        return Ok(None);
    }
    let folder = KeyFolder::new(settings::secrets_folder(settings, &app.root));
    let (file, is_new) = folder.prepare()?;
    let why = match auth {
        Switch::On => String::new(),
        _ => format!(
            ", as other machines can reach {} (see --enable-auth)",
            reached(address)
        ),
    };
    for file in folder.readable_by_all() {
        tracing::warn!(
            "every user of this machine can read the keys in {0}: chmod o= {0}",
            file.display()
        );
    }
    let made = if is_new { "were made in" } else { "are in" };
    tracing::info!("requests need keys{why}; the keys {made} {}", file.display());
    Ok(Some(folder))
}

/// Returns what of an address others know: the port may still be any.
fn reached(address: &HostAddress) -> String {
    match address {
        HostAddress::Ip(address) => address.ip().to_string(),
        HostAddress::Unix(_) => address.to_string(),
    }
}

/// Returns the address for operators alone, with the keys that they need there: none if only this machine can reach it.
pub(super) fn admin(
    app: &App,
    settings: &AppSettings,
    auth: Switch,
    scheme: Scheme,
    address: Option<SocketAddr>,
) -> Result<Option<AdminAddress>> {
    let Some(address) = address else {
        return Ok(None);
    };
    let at = HostAddress::Ip(address);
    let keys = match auth {
        Switch::Off => None,
        _ if at.is_local() => None,
        _ => {
            let folder = KeyFolder::new(settings::secrets_folder(settings, &app.root));
            folder.prepare()?;
            Some(folder)
        }
    };
    let with = if keys.is_some() {
        ", with the master key"
    } else {
        ""
    };
    tracing::info!(
        "/admin and /metrics are at {}://{}{with}",
        scheme.as_str(),
        at.authority()
    );
    Ok(Some(AdminAddress { address, keys }))
}

/// Returns the pages that may read responses, by the options or else local.settings.json; `None` if functions decide.
pub(super) fn cors(app: &App, origins: Option<Origins>, credentials: Switch) -> Option<Cors> {
    let origins = origins.or_else(|| app.settings.cors.clone())?;
    let wanted = credentials.is_on_or(app.settings.cors_credentials);
    let credentials = wanted && origins != Origins::Any;
    if wanted && !credentials {
        tracing::warn!(
            "CORS: requests with credentials are not allowed, as \"*\" would let every page make them; name the origins"
        );
    }
    Some(Cors { origins, credentials })
}
