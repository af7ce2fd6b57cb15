//! A cache of a server's addresses. The client resolves them before each request, even over a kept connection, and starts
//! a thread to limit the time of a look-up: far more than a batch costs otherwise.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::Uri;
use http::uri::{Authority, Scheme};
use ureq::Error;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long addresses are used, unless the server cannot be reached.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// The addresses of the last server. Copies share them.
#[derive(Debug, Clone, Default)]
pub(super) struct AddressCache(Arc<Mutex<Option<Entry>>>);

#[derive(Debug)]
struct Entry {
    /// With the scheme, whose port the addresses may have.
    of: (Scheme, Authority),
    addresses: ResolvedSocketAddrs,
    until: Instant,
}

impl AddressCache {
    /// Makes the next request look them up.
    pub(super) fn forget(&self) {
        *self.entry() = None;
    }

    fn entry(&self) -> MutexGuard<'_, Option<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for AddressCache {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let now = Instant::now();
        if let Some(known) = &*self.entry()
            && (Some(&known.of.0), Some(&known.of.1)) == (uri.scheme(), uri.authority())
            && now < known.until
        {
            return Ok(known.addresses.clone());
        }
        let addresses = DefaultResolver::default().resolve(uri, config, timeout)?;
        let of = uri.scheme().cloned().zip(uri.authority().cloned());
        *self.entry() = of.map(|of| Entry {
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
    fn resolve(addresses: &AddressCache, uri: &'static str) -> Result<usize, Error> {
        let found = addresses.resolve(&Uri::from_static(uri), &Config::default(), NextTimeout::default())?;
        Ok(found.iter().filter(|address| address.port() == 4318).count())
    }

    #[test]
    fn they_are_known_until_they_are_forgotten() {
        let addresses = AddressCache::default();
        let found = resolve(&addresses, "http://127.0.0.1:4318/v1/traces");
        assert_eq!(found.expect("an address"), 1);
        // As if the server had no addresses any more, which only a look-up would show.
        if let Some(known) = &mut *addresses.entry() {
            known.addresses.truncate(0);
        }
        let again = || resolve(&addresses, "http://127.0.0.1:4318/v1/logs");
        assert_eq!(again().expect("what is known"), 0);
        addresses.forget();
        assert_eq!(again().expect("an address"), 1);
    }

    #[test]
    fn another_server_has_its_own() {
        let addresses = AddressCache::default();
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
        let addresses = AddressCache::default();
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
        let addresses = AddressCache::default();
        resolve(&addresses, "http://127.0.0.1:4318/").expect("an address");
        if let Some(known) = &mut *addresses.entry() {
            known.addresses.truncate(0);
            known.until = Instant::now();
        }
        assert_eq!(
            resolve(&addresses, "http://127.0.0.1:4318/").expect("an address"),
            1
        );
    }
}
