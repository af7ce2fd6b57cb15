//! Lets calls through that carry a valid token of an issuer (a JWT), and tells functions whose it is: `context.user`. Other
//! calls are answered 401. If that cannot be found out, no call comes through.
//!
//! ```json
//! "workerExtensions": {
//!   "token-auth": { "settings": { "keys_url": "https://login.example/keys", "audience": "shop" } }
//! }
//! ```

mod keys;

use std::sync::Arc;
use std::time::Duration;

use funcdock_extension_api::{
    AppInfo, Documented, Error, Extension, Flow, Invocation, Response, Result, extension,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use keys::Keys;

#[derive(Deserialize, Documented)]
struct Settings {
    /// Where the issuer has its keys: a JSON Web Key Set.
    keys_url: String,
    /// Whom a token must be for.
    audience: String,
    /// How long fetching the keys may take.
    #[serde(default = "five_seconds")]
    timeout_ms: u64,
}

fn five_seconds() -> u64 {
    5_000
}

struct TokenAuth {
    keys: Arc<Keys>,
    audience: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

#[extension(sets(user: String))]
impl Extension for TokenAuth {
    type Settings = Settings;

    fn configure(settings: &Settings) -> Result<()> {
        match settings.keys_url.starts_with("https://") || settings.keys_url.starts_with("http://") {
            true => Ok(()),
            false => Err(Error::msg("keys_url: expected a URL that begins with https://")),
        }
    }

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        let timeout = Duration::from_millis(settings.timeout_ms);
        Ok(TokenAuth {
            keys: Arc::new(Keys::of(settings.keys_url, timeout)?),
            audience: settings.audience,
        })
    }

    #[strict]
    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow> {
        let request = call.http_request();
        let header = request.and_then(|request| request.header("authorization"));
        let Some(token) = header.and_then(|header| header.strip_prefix("Bearer ")) else {
            return Ok(unauthorized("a bearer token is missing"));
        };
        let Some(id) = decode_header(token).ok().and_then(|header| header.kid) else {
            return Ok(unauthorized("the token is not one of this issuer"));
        };
        // In this order: another call may fetch the key in between.
        let fresh = self.keys.are_fresh();
        let key = self.keys.get(&id);
        if fresh || key.is_some() {
            return decide(call, token, key, &self.audience);
        }
        let (keys, audience) = (Arc::clone(&self.keys), self.audience.clone());
        let (handle, token) = (call.handle(), token.to_owned());
        let fetched = keys.fetch();
        Ok(Flow::wait(async move {
            fetched.await?;
            decide(&mut handle.invocation(), &token, keys.get(&id), &audience)
        }))
    }
}

fn decide(call: &mut Invocation<'_>, token: &str, key: Option<DecodingKey>, audience: &str) -> Result<Flow> {
    let Some(key) = key else {
        return Ok(unauthorized("the token is not one of this issuer"));
    };
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[audience]);
    match decode::<Claims>(token, &key, &validation) {
        Ok(token) => {
            call.set_attribute("user", token.claims.sub)?;
            Ok(Flow::Continue(()))
        }
        Err(error) => Ok(unauthorized(&error.to_string())),
    }
}

fn unauthorized(reason: &str) -> Flow {
    tracing::info!("a call is not let through: {reason}");
    let response = Response::new(401).header("www-authenticate", "Bearer");
    Flow::Respond(response.body(format!("{reason}\n")))
}

#[cfg(test)]
mod tests;
