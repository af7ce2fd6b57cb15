//! The attribute `#[extension]` of `funcdock-extension-api`, which re-exports and documents it.

mod arguments;
mod block;
mod functions;
mod output;

use proc_macro::TokenStream;
use syn::parse_macro_input;

use arguments::Arguments;
use block::Block;

/// Makes an extension of an `impl Extension` block: finds the hooks that the block has, and exports the extension for
/// the host that loads this library, and for a host build that it is linked into.
///
/// ```ignore
/// #[extension]                                     // app level: one instance for the whole app
/// #[extension(scope = function)]                   // function level: one instance for each function
/// #[extension(name = "stopwatch")]
/// #[extension(names = ["stopwatch", "timer"])]     // the same extension under several names
/// ```
///
/// The name, which host.json uses under `workerExtensions`, is the crate's unless given, without a
/// `funcdock-` or `funcdock_` in front. The version is the crate's. One library may export several extensions.
///
/// `type Settings` and `type State` may be left out: then they are `()`. So may `pre_invocation` of an extension without a
/// state. `#[strict]` on `pre_invocation` or `post_invocation` makes a failure of that hook fail the invocation.
#[proc_macro_attribute]
pub fn extension(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::Item);
    // Wrong arguments leave an extension for the compiler to check.
    let (arguments, wrong) = match syn::parse::<Arguments>(arguments) {
        Ok(arguments) => (arguments, None),
        Err(error) => (Arguments::default(), Some(error)),
    };
    match Block::read(item, arguments.scope) {
        Ok(mut block) => {
            block.errors.extend(wrong);
            output::write(&arguments.names, block).into()
        }
        Err(error) => error.to_compile_error().into(),
    }
}
