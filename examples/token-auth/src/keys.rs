//! The issuer's keys. A thread of its own fetches them, once for all calls that wait.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use funcdock_extension_api::{Error, Result};
use futures_channel::oneshot;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use parking_lot::RwLock;

/// For how long a key that the issuer does not have is not asked for again.
const PAUSE: Duration = Duration::from_secs(30);

type Answer = std::result::Result<(), String>;

pub(crate) struct Keys {
    known: Arc<RwLock<Known>>,
    waiting: Sender<oneshot::Sender<Answer>>,
}

#[derive(Default)]
struct Known {
    keys: JwkSet,
    fetched: Option<Instant>,
}

impl Keys {
    pub(crate) fn of(url: String, timeout: Duration) -> Result<Self> {
        let known = Arc::<RwLock<Known>>::default();
        let (waiting, received) = mpsc::channel::<oneshot::Sender<Answer>>();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .build()
            .new_agent();
        let fetched = Arc::clone(&known);
        let fetch = move || {
            for first in &received {
                let response = agent.get(&url).call();
                let keys = response.and_then(|mut response| response.body_mut().read_json());
                let answer = match keys {
                    Ok(keys) => {
                        let now = Some(Instant::now());
                        *fetched.write() = Known { keys, fetched: now };
                        Ok(())
                    }
                    Err(error) => Err(format!("{url}: {error}")),
                };
                // All that came meanwhile get this answer, too. Those whose calls ended do not take it.
                for waiting in std::iter::once(first).chain(received.try_iter()) {
                    let _ = waiting.send(answer.clone());
                }
            }
        };
        thread::Builder::new()
            .name("token-auth".to_owned())
            .spawn(fetch)?;
        Ok(Keys { known, waiting })
    }

    /// The key of this id, if it was fetched.
    pub(crate) fn get(&self, id: &str) -> Option<DecodingKey> {
        DecodingKey::from_jwk(self.known.read().keys.find(id)?).ok()
    }

    /// Whether the issuer was asked a moment ago.
    pub(crate) fn are_fresh(&self) -> bool {
        let fetched = self.known.read().fetched;
        fetched.is_some_and(|at| at.elapsed() < PAUSE)
    }

    /// Fetches the keys. No thread waits for it but the one that fetches.
    pub(crate) fn fetch(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let asked = self.waiting.send(answer);
        async move {
            asked?;
            answered.await?.map_err(Error::msg)
        }
    }
}
