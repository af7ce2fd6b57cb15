//! What authorizes requests: an account's key, or the tokens of an identity.

mod identity;
mod shared_key;

pub(crate) use identity::Identity;
pub(crate) use shared_key::SharedKey;
