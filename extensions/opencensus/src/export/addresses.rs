//! A server's addresses, looked up now and then. The client asks for them before each request, also where a connection
//! is kept, and to end a look-up in time it starts a thread: far more than a batch costs otherwise.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::Uri;
use http::uri::{Authority, Scheme};
use ureq::Error;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long addresses are good for, unless a server cannot be reached there.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// The addresses of the server that was asked for last. Copies know the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses(Arc<Mutex<Option<Known>>>);

#[derive(Debug)]
struct Known {
    /// Addresses hold a port, which may be the scheme's.
    of: (Scheme, Authority),
    addresses: ResolvedSocketAddrs,
    until: Instant,
}

impl Addresses {
    /// Looks them up for the next request.
    pub(super) fn forget(&self) {
        *self.known() = None;
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for Addresses {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let now = Instant::now();
        if let Some(known) = &*self.known()
            && (Some(&known.of.0), Some(&known.of.1)) == (uri.scheme(), uri.authority())
            && now < known.until
        {
            return Ok(known.addresses.clone());
        }
        let addresses = DefaultResolver::default().resolve(uri, config, timeout)?;
        let of = uri.scheme().cloned().zip(uri.authority().cloned());
        *self.known() = of.map(|of| Known {
            of,
            addresses: addresses.clone(),
            until: now + GOOD_FOR,
        });
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many addresses have the port 4318.
    fn resolve(addresses: &Addresses, uri: &'static str) -> Result<usize, Error> {
        let found = addresses.resolve(&Uri::from_static(uri), &Config::default(), NextTimeout::default())?;
        Ok(found.iter().filter(|address| address.port() == 4318).count())
    }

    #[test]
    fn they_are_known_until_they_are_forgotten() {
        let addresses = Addresses::default();
        let found = resolve(&addresses, "http://127.0.0.1:4318/v1/traces");
        assert_eq!(found.expect("an address"), 1);
        // As if the server had none any more, which only a look-up would tell.
        if let Some(known) = &mut *addresses.known() {
            known.addresses.truncate(0);
        }
        let again = || resolve(&addresses, "http://127.0.0.1:4318/v1/logs");
        assert_eq!(again().expect("what is known"), 0);
        addresses.forget();
        assert_eq!(again().expect("an address"), 1);
    }

    #[test]
    fn another_server_has_its_own() {
        let addresses = Addresses::default();
        assert_eq!(
            resolve(&addresses, "http://127.0.0.1:9411/").expect("an address"),
            0
        );
        assert_eq!(
            resolve(&addresses, "http://127.0.0.1:4318/").expect("an address"),
            1
        );
    }

    #[test]
    fn the_port_is_the_schemes() {
        let addresses = Addresses::default();
        let port = |uri| {
            let uri = Uri::from_static(uri);
            let found = addresses.resolve(&uri, &Config::default(), NextTimeout::default());
            found.expect("an address")[0].port()
        };
        assert_eq!(port("http://127.0.0.1/"), 80);
        assert_eq!(port("https://127.0.0.1/"), 443);
    }

    #[test]
    fn they_age() {
        let addresses = Addresses::default();
        resolve(&addresses, "http://127.0.0.1:4318/").expect("an address");
        if let Some(known) = &mut *addresses.known() {
            known.addresses.truncate(0);
            known.until = Instant::now();
        }
        assert_eq!(
            resolve(&addresses, "http://127.0.0.1:4318/").expect("an address"),
            1
        );
    }
}
