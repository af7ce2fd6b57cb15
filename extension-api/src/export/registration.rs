//! The descriptor of an extension, and the registrations that `#[extension]` makes.

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::RStr;

use super::reserved::is_reserved;
use super::shim;
use crate::abi::{Descriptor, DescriptorRef};
use crate::author::attribute::Attribute;
use crate::author::extension::{Extension, PythonModule, Scope};

/// An extension that is linked into this library or executable.
pub struct Registration(DescriptorRef);

inventory::collect!(Registration);

impl Registration {
    /// Registers an extension under the name of this index.
    pub const fn of<E: Extension, const NAME: usize>() -> Self {
        Registration(descriptor::<E, NAME>())
    }
}

/// The extensions linked into this library or executable, in no particular order.
pub fn registrations() -> impl Iterator<Item = DescriptorRef> {
    inventory::iter::<Registration>
        .into_iter()
        .map(|registration| registration.0)
}

/// The descriptor of an extension under the name of this index.
pub(crate) const fn descriptor<E: Extension, const NAME: usize>() -> DescriptorRef {
    DescriptorRef(Table::<E, NAME>::TABLE.static_as_prefix())
}

struct Table<E, const NAME: usize>(E);

impl<E: Extension, const NAME: usize> Table<E, NAME> {
    const TABLE: &'static WithMetadata<Descriptor> = &WithMetadata::new(Descriptor {
        name: {
            assert!(
                is_name(E::NAMES[NAME]),
                "the name of an extension is one or more letters, digits, `-` and `_`"
            );
            RStr::from_str(E::NAMES[NAME])
        },
        version: RStr::from_str(E::VERSION),
        scope: E::Scope::CODE,
        hooks: E::HOOKS,
        strict: E::STRICT,
        settings: shim::settings::<E>,
        attributes: {
            assert!(
                !has_reserved(E::ATTRIBUTES),
                "the context has an attribute of this name itself, such as `invocation_id`: choose another name"
            );
            shim::attributes::<E>
        },
        after: shim::after::<E>,
        companion: PythonModule::into_abi(E::COMPANION),
        configure: shim::configure::<E>,
        init: shim::init::<E>,
        native: shim::native::<E>,
        post_function_load: shim::post_function_load::<E>,
        pre_invocation: shim::pre_invocation::<E>,
        attribute: shim::attribute::<E>,
        post_invocation: shim::post_invocation::<E>,
        stream_ended: shim::stream_ended::<E>,
        flush: shim::flush::<E>,
        shutdown: shim::shutdown::<E>,
        drop: shim::drop_instance::<E>,
    });
}

const fn has_reserved(mut attributes: &[Attribute]) -> bool {
    while let [attribute, rest @ ..] = attributes {
        if is_reserved(attribute.name) {
            return true;
        }
        attributes = rest;
    }
    false
}

/// Whether an extension may have this name.
const fn is_name(name: &str) -> bool {
    let mut rest = name.as_bytes();
    while let [first, others @ ..] = rest {
        if !matches!(first, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_') {
            return false;
        }
        rest = others;
    }
    !name.is_empty()
}

/// The name of the extension in a crate of this name: without a `funcdock-` or `funcdock_` in front.
pub const fn name_of(package: &'static str) -> &'static str {
    match package.as_bytes() {
        [b'f', b'u', b'n', b'c', b'd', b'o', b'c', b'k', b'-' | b'_', ..] => package.split_at(9).1,
        _ => package,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_our_prefix() {
        assert_eq!(name_of("funcdock-opencensus"), "opencensus");
        assert_eq!(name_of("funcdock_x"), "x");
        assert_eq!(name_of("rate-limit"), "rate-limit");
    }
}
